package web

import (
	"bytes"
	"crypto/tls"
	"image/png"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"posthorn/appliance/control"
	"posthorn/appliance/documents"
	"posthorn/appliance/events"
	"posthorn/appliance/login"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/setup"
	"posthorn/store"
)

// site is the pages on two real ports, over a store of their own.
type site struct {
	*testing.T
	store      *store.Store
	keeper     *login.Keeper
	clear, tls *httptest.Server
	server     *Server
}

const password = "correct horse"

func serve(t *testing.T, held string) *site {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir(), Memory: 512 << 20, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, store: st, keeper: &login.Keeper{Store: st, Domain: func() []string { return []string{"example.org"} }}}
	s.server = &Server{
		Facts: page.Facts{
			Host:        func() string { return "mailbox-2.local" },
			Domain:      func() string { return "example.org" },
			Household:   func() string { return "the <Smiths>" },
			Addresses:   func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.7.20")} },
			Fingerprint: func() string { return strings.Repeat("AB:", 31) + "CD" },
			NameHeld:    func() string { return held },
			Ports:       documents.Ports{IMAPS: 2993, Submissions: 2465, HTTP: 2080, HTTPS: 2443},
		},
		Names: func() []string { return []string{"mailbox-2.local", "example.org", "mail.example.org"} },
		Store: st, Keeper: s.keeper, Control: &control.Box{Store: st, Keeper: s.keeper}, Hub: events.NewHub(), Code: new(setup.Code),
	}
	h, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.clear, s.tls = httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(func() {
		s.clear.Close()
		s.tls.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// person makes an account with the password above.
func (s *site) person(name string, owner bool) *store.Account {
	s.Helper()
	hash, err := login.HashPassword(password)
	if err != nil {
		s.Fatal(err)
	}
	a := &store.Account{Name: name, Password: hash, Owner: owner}
	if err := s.store.Update(func(tx *store.Tx) error { return tx.CreateAccount(a) }); err != nil {
		s.Fatal(err)
	}
	return a
}

// browser keeps cookies and follows no redirects.
type browser struct {
	*site
	client *http.Client
	base   string
	header http.Header
	host   string
}

func (s *site) browser(server *httptest.Server) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.Cleanup(c.CloseIdleConnections)
	return &browser{site: s, client: c, base: server.URL, header: http.Header{}}
}

func (b *browser) do(method, path string, form url.Values) (*http.Response, string) {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, b.base+path, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header = b.header.Clone()
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Host = b.host
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp, string(text)
}

func (b *browser) get(path string) (*http.Response, string) {
	b.Helper()
	return b.do("GET", path, nil)
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post sends the form of a page, with its token, to a path.
func (b *browser) post(from, to string, form url.Values) (*http.Response, string) {
	b.Helper()
	_, text := b.get(from)
	token := tokenField.FindStringSubmatch(text)
	if token == nil {
		b.Fatalf("%s has no form: %s", from, text)
	}
	form.Set("csrf", token[1])
	return b.do("POST", to, form)
}

func (b *browser) login(name string) {
	b.Helper()
	resp, text := b.post("/login", "/login", url.Values{"name": {name}, "password": {password}})
	if resp.StatusCode != http.StatusSeeOther {
		b.Fatalf("login: %s %s", resp.Status, text)
	}
}

func get(t *testing.T, s *site, path string) (*http.Response, string) {
	t.Helper()
	return s.browser(s.clear).get(path)
}

// Every page has all its words, and the settings of this box.
func TestGuides(t *testing.T) {
	s := serve(t, "mailbox")
	missing := regexp.MustCompile(`\[[a-z.0-9]+\]|%!`)
	resp, index := get(t, s, "/connect?name=alice")
	if resp.StatusCode != 200 || missing.MatchString(index) {
		t.Errorf("%s: %s", resp.Status, index)
	}
	if !strings.Contains(index, "mailbox.local, so this box is mailbox-2.local") || !strings.Contains(index, "the &lt;Smiths&gt;") {
		t.Errorf("%s", index)
	}
	for _, d := range []string{"thunderbird", "iphone", "mac", "android", "outlook", "scanner"} {
		if !strings.Contains(index, `href="/connect/`+d+`?name=alice"`) {
			t.Errorf("no way to %s", d)
		}
		resp, page := get(t, s, "/connect/"+d+"?name=alice")
		if resp.StatusCode != 200 || missing.MatchString(page) {
			t.Errorf("%s: %s %v", d, resp.Status, missing.FindAllString(page, -1))
		}
		for _, want := range []string{"alice@example.org", "mailbox-2.local", "192.168.7.20", "2993", "2465", "AB:CD"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %s", d, want)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "POP3</td>") {
			t.Errorf("%s: a script, or a service that is off", d)
		}
	}
	if _, page := get(t, s, "/connect/iphone?name=alice"); !strings.Contains(page, `href="/apple/alice.mobileconfig"`) {
		t.Error("no profile for the iPhone")
	}
	if _, page := get(t, s, "/connect/iphone"); strings.Contains(page, "mobileconfig") || !strings.Contains(page, "yourname@example.org") {
		t.Error("a profile for nobody")
	}
	if _, page := get(t, s, "/connect/outlook"); !strings.Contains(page, "cannot reach a box in your home") {
		t.Error("not honest about the new Outlook")
	}
	if resp, _ := get(t, s, "/connect/toaster"); resp.StatusCode != 404 {
		t.Errorf("toaster: %s", resp.Status)
	}
}

func TestHostileName(t *testing.T) {
	s := serve(t, "")
	for _, name := range []string{"%22%3E%3Cb%3E", "a%2F..%2F", strings.Repeat("a", 65), "%00", "a%20b"} {
		if _, page := get(t, s, "/connect/iphone?name="+name); !strings.Contains(page, "yourname@example.org") {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCode(t *testing.T) {
	s := serve(t, "")
	for _, path := range []string{"/connect/iphone/qr.png?name=alice", "/connect/android/qr.png"} {
		resp, body := get(t, s, path)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/png" {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		if img, err := png.Decode(bytes.NewReader([]byte(body))); err != nil || img.Bounds().Dx() < 150 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if resp, _ := get(t, s, "/connect/mac/qr.png"); resp.StatusCode != 404 {
		t.Errorf("mac: %s", resp.Status)
	}
}

func TestNothingFromElsewhere(t *testing.T) {
	s := serve(t, "")
	resp, page := get(t, s, "/connect/thunderbird")
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "/") && m[1] != "#main" {
			t.Errorf("link to %s", m[1])
		}
	}
	sheet := regexp.MustCompile(`/static/frame/[0-9a-f]+/style.css`).FindString(page)
	if resp, css := get(t, s, sheet); resp.StatusCode != 200 || !strings.Contains(css, "prefers-color-scheme") ||
		!strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("style %q: %s", sheet, resp.Status)
	}
}

// Every template of every area can be parsed in every language.
func TestTemplates(t *testing.T) {
	if err := serve(t, "").server.site.ParseAll(); err != nil {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	b := s.browser(s.tls)
	if resp, _ := b.get("/me"); resp.StatusCode != 303 || resp.Header.Get("Location") != "/login?to=%2Fme" {
		t.Errorf("a stranger gets %s, %s", resp.Status, resp.Header.Get("Location"))
	}
	if resp, text := b.post("/login", "/login", url.Values{"name": {"alice"}, "password": {"wrong password"}}); resp.StatusCode != 422 || !strings.Contains(text, `role="alert"`) {
		t.Errorf("a wrong password: %s", resp.Status)
	}
	b.login("alice@example.org")
	if resp, text := b.get("/me"); resp.StatusCode != 200 || !strings.Contains(text, "alice") {
		t.Errorf("logged in: %s", resp.Status)
	}
	for _, c := range b.client.Jar.Cookies(must(url.Parse(b.base))) {
		if c.Name == "session" {
			t.Error("a session without the prefix")
		}
	}
	if resp, _ := b.post("/me", "/logout", url.Values{}); resp.StatusCode != 303 {
		t.Errorf("logout: %s", resp.Status)
	}
	if resp, _ := b.get("/me"); resp.StatusCode != 303 {
		t.Errorf("after the logout: %s", resp.Status)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
