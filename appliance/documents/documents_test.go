package documents

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"howett.net/plist"
)

func testServer() *Server {
	return &Server{
		Host:      func() string { return "mailbox.local" },
		Domains:   func() []string { return []string{"mailbox.local", "example.org"} },
		Household: func() string { return "the Müllers & Söhne" },
		CADER:     func() []byte { return []byte{0x30, 0x03, 1, 2, 3} },
		CAPEM:     func() []byte { return []byte("-----BEGIN CERTIFICATE-----\n") },
		Ports:     Ports{IMAP: 2143, IMAPS: 2993, POP3: 2110, POP3S: 2995, Submission: 2587, Submissions: 2465, HTTP: 2080, HTTPS: 2443},
	}
}

// serve starts the documents on a port in the clear and one with TLS.
func serve(t *testing.T) (clear, secure *httptest.Server) {
	h := testServer().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<html>the page</html>")
	}))
	clear, secure = httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(clear.Close)
	t.Cleanup(secure.Close)
	return clear, secure
}

// do sends a request and returns the answer without following a redirect.
func do(t *testing.T, s *httptest.Server, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "whatever.example"
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

func TestAutoconfig(t *testing.T) {
	clear, secure := serve(t)
	var first string
	for _, s := range []*httptest.Server{clear, secure} {
		for _, path := range []string{
			"/mail/config-v1.1.xml",
			"/mail/config-v1.1.xml?emailaddress=alice%40mailbox.local",
			"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=nobody%40example.com",
			"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=EVOLUTIONUSER%40mailbox.local",
			"/mail/config-v1.1.xml?emailaddress=%00" + strings.Repeat("x", 5000),
		} {
			resp, body := do(t, s, "GET", path, "")
			if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/xml") {
				t.Fatalf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
			}
			if first == "" {
				first = body
			}
			if body != first {
				t.Errorf("%s: another answer for another address", path)
			}
		}
	}
	var conf clientConfig
	if err := xml.Unmarshal([]byte(first), &conf); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range append(conf.Provider.Incoming, conf.Provider.Outgoing...) {
		if m.Host != "mailbox.local" || m.Username != "%EMAILADDRESS%" || m.Auth != "password-cleartext" {
			t.Errorf("%+v", m)
		}
		got = append(got, m.Type+" "+m.Socket)
	}
	if want := "imap SSL,imap STARTTLS,pop3 SSL,pop3 STARTTLS,smtp SSL,smtp STARTTLS"; strings.Join(got, ",") != want {
		t.Errorf("servers %v", got)
	}
	if in := conf.Provider.Incoming; in[0].Port != 2993 || in[3].Port != 2110 || in[2].POP3 == nil || !in[2].POP3.Leave {
		t.Errorf("incoming %+v", in)
	}
	if conf.Provider.ID != "mailbox.local" || conf.Provider.Name != "Mail for the Müllers & Söhne" {
		t.Errorf("provider %+v", conf.Provider)
	}
	resp, body := do(t, clear, "HEAD", "/mail/config-v1.1.xml", "")
	if resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s %q", resp.Status, body)
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	clear, _ := serve(t)
	for path, want := range map[string]int{
		"/.well-known/":                                404,
		"/.well-known/carddav":                         404,
		"/.well-known/caldav":                          404,
		"/.well-known/user-agent-configuration.json":   404,
		"/.well-known/autoconfig/mail/":                404,
		"/.well-known/autoconfig/mail/config-v1.2.xml": 404,
		"/mail/config-v1.0.xml":                        404,
		"/autodiscover/":                               404,
		"/Autodiscover/autodiscover.svc":               404,
		"/autodiscover/autodiscover.json":              404,
		"/apple/":                                      404,
		"/apple/alice.plist":                           404,
		"/apple/a b%0d%0a.mobileconfig":                404,
		"/":                                            200,
		"/connect":                                     200,
	} {
		resp, body := do(t, clear, "GET", strings.ReplaceAll(path, " ", "%20"), "")
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
		if want == 404 && strings.Contains(strings.ToLower(body), "<html") {
			t.Errorf("%s: a page", path)
		}
	}
}

func TestCalendarProbes(t *testing.T) {
	for _, s := range func() []*httptest.Server { a, b := serve(t); return []*httptest.Server{a, b} }() {
		for _, tc := range [][2]string{{"PROPFIND", "/"}, {"PROPFIND", "/.well-known/carddav"}, {"PROPFIND", "/.well-known/caldav"},
			{"PUT", "/"}, {"REPORT", "/"}, {"DELETE", "/mail/config-v1.1.xml"}, {"POST", "/ca.crt"}} {
			resp, _ := do(t, s, tc[0], tc[1], "")
			if resp.StatusCode != 405 || resp.Header.Get("Allow") == "" || resp.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%v: %s", tc, resp.Status)
			}
		}
	}
}

func TestAutodiscover(t *testing.T) {
	clear, secure := serve(t)
	request, err := os.ReadFile("testdata/outlook.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AUTODISCOVER/AUTODISCOVER.XML"} {
		resp, body := do(t, secure, "POST", path, string(request))
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/xml") {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		var answer struct {
			XMLName  xml.Name
			Response struct {
				XMLName   xml.Name
				Type      string        `xml:"Account>AccountType"`
				Action    string        `xml:"Account>Action"`
				Protocols []poxProtocol `xml:"Account>Protocol"`
			}
		}
		if err := xml.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if answer.XMLName.Space != nsResponse || answer.Response.XMLName.Space != nsOutlook ||
			answer.Response.Type != "email" || answer.Response.Action != "settings" {
			t.Errorf("%s", body)
		}
		want := []poxProtocol{{Type: "IMAP", Port: 2993}, {Type: "POP3", Port: 2995}, {Type: "SMTP", Port: 2465}}
		for i, p := range answer.Response.Protocols {
			if p.Type != want[i].Type || p.Port != want[i].Port || p.SSL != "on" || p.Encryption != "SSL" ||
				p.LoginName != "alice@mailbox.local" || p.Server != "mailbox.local" {
				t.Errorf("%+v", p)
			}
		}
	}
	resp, _ := do(t, clear, "GET", "/autodiscover/autodiscover.xml", "")
	if resp.StatusCode != 302 || resp.Header.Get("Location") != "https://mailbox.local:2443/autodiscover/autodiscover.xml" {
		t.Errorf("GET in the clear: %s, %s", resp.Status, resp.Header.Get("Location"))
	}
	if resp, _ = do(t, clear, "POST", "/autodiscover/autodiscover.xml", string(request)); resp.StatusCode != 404 {
		t.Errorf("POST in the clear: %s", resp.Status)
	}
	if resp, _ = do(t, secure, "GET", "/autodiscover/autodiscover.xml", ""); resp.StatusCode != 405 {
		t.Errorf("GET: %s", resp.Status)
	}
	if resp, _ = do(t, secure, "OPTIONS", "/autodiscover/autodiscover.xml", ""); resp.StatusCode != 204 {
		t.Errorf("OPTIONS: %s", resp.Status)
	}
	resp, body := do(t, clear, "GET", "/autodiscover/autodiscover.json?Protocol=Autodiscoverv1&Email=alice%40mailbox.local", "")
	if resp.StatusCode != 200 || body != `{"Protocol":"AutodiscoverV1","Url":"https://mailbox.local:2443/autodiscover/autodiscover.xml"}` {
		t.Errorf("JSON: %s %s", resp.Status, body)
	}
}

func TestAutodiscoverRefuses(t *testing.T) {
	_, secure := serve(t)
	phone, err := os.ReadFile("testdata/activesync.xml")
	if err != nil {
		t.Fatal(err)
	}
	for body, code := range map[string]string{
		"": "600", "not xml": "600", string(phone): "601",
		"<Autodiscover><Request><EMailAddress>alice</EMailAddress></Request></Autodiscover>":              "600",
		"<Autodiscover><Request><EMailAddress>Al &lt;a@b.c&gt;</EMailAddress></Request></Autodiscover>":   "600",
		"<Autodiscover><Request><EMailAddress>" + strings.Repeat("a", maxRequest) + "@b.c</EMailAddress>": "600",
	} {
		resp, answer := do(t, secure, "POST", "/autodiscover/autodiscover.xml", body)
		if resp.StatusCode != 200 || !strings.Contains(answer, "<ErrorCode>"+code+"</ErrorCode>") || strings.Contains(answer, "<Protocol>") {
			t.Errorf("%.60q: %s %s", body, resp.Status, answer)
		}
	}
}

func TestProfile(t *testing.T) {
	clear, _ := serve(t)
	resp, body := do(t, clear, "GET", "/apple/Alice.mobileconfig?name=Alice%20%26%20Bob", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-apple-aspen-config" {
		t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	var p struct {
		PayloadType    string
		PayloadUUID    string
		PayloadVersion int
		PayloadContent []map[string]any
	}
	if _, err := plist.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if p.PayloadType != "Configuration" || p.PayloadVersion != 1 || len(p.PayloadUUID) != 36 || len(p.PayloadContent) != 2 {
		t.Fatalf("%+v", p)
	}
	root, account := p.PayloadContent[0], p.PayloadContent[1]
	if der, _ := root["PayloadContent"].([]byte); root["PayloadType"] != "com.apple.security.root" || !bytes.Equal(der, testServer().CADER()) {
		t.Errorf("%v", root)
	}
	for key, want := range map[string]any{
		"PayloadType": "com.apple.mail.managed", "EmailAccountType": "EmailTypeIMAP", "EmailAccountName": "Alice & Bob",
		"EmailAddress": "alice@mailbox.local", "IncomingMailServerHostName": "mailbox.local",
		"IncomingMailServerPortNumber": uint64(2993), "IncomingMailServerUseSSL": true, "IncomingMailServerUsername": "alice@mailbox.local",
		"OutgoingMailServerPortNumber": uint64(2465), "OutgoingMailServerUseSSL": true,
	} {
		if account[key] != want {
			t.Errorf("%s is %v, want %v", key, account[key], want)
		}
	}
	for key := range account {
		if strings.HasSuffix(key, "Password") && key != "OutgoingPasswordSameAsIncomingPassword" {
			t.Errorf("a password: %s", key)
		}
	}
	if _, again := do(t, clear, "GET", "/apple/alice.mobileconfig?name=Alice%20%26%20Bob", ""); again != body {
		t.Error("the same profile comes with other identifiers")
	}
	if _, pop := do(t, clear, "GET", "/apple/bob@example.org.mobileconfig?type=pop", ""); !strings.Contains(pop, "EmailTypePOP") || !strings.Contains(pop, ">2995<") {
		t.Errorf("POP3: %s", pop)
	}
}

func TestCertificates(t *testing.T) {
	clear, _ := serve(t)
	for path, want := range map[string]string{"/ca.crt": string(testServer().CADER()), "/ca.pem": string(testServer().CAPEM())} {
		resp, body := do(t, clear, "GET", path, "")
		if resp.StatusCode != 200 || body != want || resp.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
			t.Errorf("%s: %s %s", path, resp.Status, resp.Header.Get("Content-Type"))
		}
		if d := resp.Header.Get("Content-Disposition"); !strings.Contains(d, "mailbox"+path[3:]) {
			t.Errorf("%s: %s", path, d)
		}
	}
}

// FuzzAutodiscover: whatever is posted, the answer is one document, and an
// address in it is the one that was asked for.
func FuzzAutodiscover(f *testing.F) {
	for _, name := range []string{"testdata/outlook.xml", "testdata/activesync.xml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	s := testServer()
	f.Fuzz(func(t *testing.T, body []byte) {
		address, refusal := readPOX(bytes.NewReader(body))
		var doc any = poxResponse{Response: refusal}
		if refusal == nil {
			doc = poxResponse{Response: s.settingsFor(address)}
		}
		out, err := xml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Login []string `xml:"Response>Account>Protocol>LoginName"`
		}
		if err := xml.Unmarshal(out, &back); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		for _, l := range back.Login {
			if l != address {
				t.Errorf("asked for %q, answered %q", address, l)
			}
		}
		if (refusal == nil) != (len(back.Login) == 3) {
			t.Errorf("%d protocols, refusal %v", len(back.Login), refusal)
		}
	})
}
