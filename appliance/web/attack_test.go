package web

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"posthorn/store"
)

// What changes something needs a token of the same session, and is refused if
// the browser says that another site asks.
func TestForgedRequests(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	s.person("eve", false)
	alice, eve := s.browser(s.tls), s.browser(s.tls)
	alice.login("alice")
	eve.login("eve")
	change := func() url.Values { return url.Values{"language": {"id"}, "zone": {"UTC"}} }
	refused := func(what string, resp *http.Response) {
		t.Helper()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", what, resp.Status)
		}
	}
	resp, _ := alice.do("POST", "/me", change())
	refused("no token", resp)
	_, page := eve.get("/me")
	with := change()
	with.Set("csrf", tokenField.FindStringSubmatch(page)[1])
	resp, _ = alice.do("POST", "/me", with)
	refused("another session's token", resp)
	for _, token := range []string{"x", strings.Repeat("A", 86), strings.Repeat("A", 4000)} {
		with.Set("csrf", token)
		resp, _ = alice.do("POST", "/me", with)
		refused("a made-up token", resp)
	}
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		alice.header.Set(name, value)
		resp, _ = alice.post("/me", "/me", change())
		refused("a right token with "+name+" "+value, resp)
		alice.header.Del(name)
	}
	_, page = alice.get("/me")
	query := "?csrf=" + url.QueryEscape(tokenField.FindStringSubmatch(page)[1])
	resp, _ = alice.do("POST", "/me"+query, change())
	refused("a token in the address", resp)
	if resp, _ := alice.post("/me", "/me", change()); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the right token: %s", resp.Status)
	}
	// The token looks different on each page, so that compression tells nothing.
	_, one := alice.get("/me")
	_, two := alice.get("/me")
	if tokenField.FindString(one) == tokenField.FindString(two) {
		t.Error("the token is not masked anew")
	}
}

// A login makes a new session, whatever cookies a browser was made to have.
func TestSessionFixation(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	evil := s.browser(s.tls)
	evil.login("alice") // the thief has a session and plants its cookie
	at := must(url.Parse(s.tls.URL))
	planted := cookie(evil, "__Host-session")
	victim := s.browser(s.tls)
	victim.client.Jar.SetCookies(at, []*http.Cookie{{Name: "__Host-session", Value: planted, Path: "/", Secure: true}})
	// It is a session like any other: log out to log in.
	if resp, _ := victim.post("/me", "/logout", url.Values{}); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp.Status)
	}
	victim.login("alice")
	if now := cookie(victim, "__Host-session"); now == "" || now == planted {
		t.Error("the session has the number it was given")
	}
	if resp, _ := evil.get("/me"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the planted session is alive: %s", resp.Status)
	}
	// A made-up number is no session either, nor does it become one.
	victim = s.browser(s.tls)
	planted = "1." + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	victim.client.Jar.SetCookies(at, []*http.Cookie{{Name: "__Host-session", Value: planted, Path: "/", Secure: true}})
	victim.login("alice")
	if cookie(victim, "__Host-session") == planted {
		t.Error("a made-up number became a session")
	}
}

func cookie(b *browser, name string) string {
	for _, c := range b.client.Jar.Cookies(must(url.Parse(b.base))) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// A strange site whose name points at the box gets a page that explains, and
// nothing else, whatever it asks for.
func TestRebinding(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	for _, server := range []*httptest.Server{s.clear, s.tls} {
		b := s.browser(server)
		for _, host := range []string{"evil.example", "mailbox-2.local.evil.example", "mailbox-2.evil.example", "evil.example:2443",
			"mailbox-2.com", "example.org.evil.example", "xmailbox-2.local", "127.0.0.1.evil.example", ""} {
			b.host = host
			if host == "" {
				b.host = "_"
			}
			for _, path := range []string{"/", "/login", "/setup", "/connect", "/me", "/nothing"} {
				resp, text := b.get(path)
				if resp.StatusCode != http.StatusMisdirectedRequest || strings.Contains(text, "<form") || !strings.Contains(text, "mailbox-2.local") {
					t.Errorf("%s for %q: %s", path, host, resp.Status)
				}
			}
		}
		for _, host := range []string{"mailbox-2.local", "MAILBOX-2.local.", "mailbox-2", "mailbox-2.lan", "mailbox-2.home.arpa:2080", "example.org",
			"mail.example.org", "192.168.7.20", "[fe80::1]:2080", "localhost"} {
			b.host = host
			if resp, _ := b.get("/connect"); resp.StatusCode != http.StatusOK {
				t.Errorf("the box's own %q: %s", host, resp.Status)
			}
		}
	}
}

// Without TLS there is nothing secret, unless the owner wants it so.
func TestPlainConnection(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	b := s.browser(s.clear)
	for _, path := range []string{"/login", "/setup", "/me", "/me/password", "/invite/x"} {
		if resp, _ := b.get(path); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/welcome?to=") {
			t.Errorf("%s: %s %s", path, resp.Status, resp.Header.Get("Location"))
		}
		if resp, _ := b.do("POST", path, url.Values{"name": {"alice"}, "password": {password}}); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %s", path, resp.Status)
		}
	}
	if resp, text := b.get("/welcome?to=/me"); resp.StatusCode != 200 || !strings.Contains(text, ":2443/me") {
		t.Errorf("the first look: %s", resp.Status)
	}
	for _, to := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"} {
		if _, text := b.get("/welcome?to=" + url.QueryEscape(to)); strings.Contains(text, "evil.example") || strings.Contains(text, "javascript:") {
			t.Errorf("leads to %s", to)
		}
	}
	if err := s.server.Control.SetChoices(map[string]string{"page-without-tls": "yes"}); err != nil {
		t.Fatal(err)
	}
	b.login("alice")
	if resp, _ := b.get("/me"); resp.StatusCode != 200 {
		t.Errorf("allowed, and %s", resp.Status)
	}
	// What went over the air in the clear is of no use with TLS.
	thief := s.browser(s.tls)
	thief.client.Jar.SetCookies(must(url.Parse(s.tls.URL)), []*http.Cookie{{Name: "__Host-session", Value: cookie(b, "session"), Path: "/", Secure: true}})
	if resp, _ := thief.get("/me"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a clear session over TLS: %s", resp.Status)
	}
	if err := s.server.Control.SetChoices(map[string]string{"page-without-tls": "no"}); err != nil {
		t.Fatal(err)
	}
	if resp, _ := b.get("/me"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("no longer allowed, and %s", resp.Status)
	}
}

// Who is not at home gets nothing, unless the owner opened the page.
func TestHomeNetworkOnly(t *testing.T) {
	s := serve(t, "")
	ask := func(from, own string) int {
		r := httptest.NewRequest("GET", "http://mailbox-2.local/connect", nil)
		r.RemoteAddr = from
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(must(net.ResolveTCPAddr("tcp", own)))))
		w := httptest.NewRecorder()
		s.clear.Config.Handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		from, own string
		want      int
	}{
		{"192.168.7.9:1", "192.168.7.20:80", 200}, {"127.0.0.1:1", "127.0.0.1:80", 200}, {"[fe80::1%eth0]:1", "[fe80::2]:80", 200},
		{"[2001:db8::9]:1", "[2001:db8::2]:80", 200}, {"[2001:db8:1::9]:1", "[2001:db8::2]:80", 403}, {"198.51.100.7:1", "192.168.7.20:80", 403},
		{"[::ffff:192.168.7.9]:1", "192.168.7.20:80", 200}, {"nonsense", "192.168.7.20:80", 403},
	} {
		if got := ask(c.from, c.own); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.from, c.own, got, c.want)
		}
	}
	if err := s.server.Control.SetChoices(map[string]string{"page-from-everywhere": "yes"}); err != nil {
		t.Fatal(err)
	}
	if got := ask("198.51.100.7:1", "192.168.7.20:80"); got != 200 {
		t.Errorf("opened, and %d", got)
	}
}

// A changed password ends all sessions but the one that changed it, a disabled
// account all; an app password opens no page.
func TestSessionsEnd(t *testing.T) {
	s := serve(t, "")
	a := s.person("alice", true)
	here, there := s.browser(s.tls), s.browser(s.tls)
	here.login("alice")
	there.login("alice")
	if resp, _ := here.post("/me/password", "/me/password", url.Values{"old": {"wrong one"}, "password": {"another horse"}}); resp.StatusCode != 422 {
		t.Errorf("a wrong present password: %s", resp.Status)
	}
	if resp, _ := here.post("/me/password", "/me/password", url.Values{"old": {password}, "password": {"another horse"}}); resp.StatusCode != 303 {
		t.Errorf("changed: %s", resp.Status)
	}
	if resp, _ := there.get("/me"); resp.StatusCode != 303 {
		t.Errorf("the other session: %s", resp.Status)
	}
	if resp, _ := here.get("/me"); resp.StatusCode != 200 {
		t.Errorf("this session: %s", resp.Status)
	}
	secret, _, err := s.keeper.AddAppPassword(a.ID, "phone")
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := there.post("/login", "/login", url.Values{"name": {"alice"}, "password": {secret}}); resp.StatusCode != 422 {
		t.Errorf("an app password: %s", resp.Status)
	}
	err = s.store.Update(func(tx *store.Tx) error {
		now, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		now.Disabled = true
		return tx.PutAccount(now)
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := here.get("/me"); resp.StatusCode != 303 {
		t.Errorf("switched off: %s", resp.Status)
	}
}

// Sessions of an account are bounded, listed and ended one by one.
func TestSessionList(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	first := s.browser(s.tls)
	first.login("alice")
	var last *browser
	for range 33 {
		last = s.browser(s.tls)
		last.login("alice")
	}
	_, text := last.get("/me/sessions")
	if n := strings.Count(text, `name="id"`); n != 31 {
		t.Errorf("%d other sessions", n)
	}
	if resp, _ := last.post("/me/sessions", "/me/sessions/end", url.Values{}); resp.StatusCode != 303 {
		t.Errorf("ending the others: %s", resp.Status)
	}
	if _, text := last.get("/me/sessions"); strings.Contains(text, `name="id"`) {
		t.Error("others are left")
	}
	if resp, _ := first.get("/me"); resp.StatusCode != 303 {
		t.Errorf("the first: %s", resp.Status)
	}
}

// What is not asked for as it should be is refused with a page, and no more.
func TestOddRequests(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	b := s.browser(s.tls)
	b.login("alice")
	big := url.Values{"language": {strings.Repeat("x", 20<<10)}}
	if resp, _ := b.post("/me", "/me", big); resp.StatusCode != http.StatusRequestEntityTooLarge && resp.StatusCode != http.StatusForbidden {
		t.Errorf("a form too large: %s", resp.Status)
	}
	for path, want := range map[string]int{"/static/frame/../../server.go": 404, "/static/frame/000000000000/style.css": 404, "/language/xx": 404, "/me/": 404,
		"/login?to=//evil.example": 303} {
		resp, _ := b.get(path)
		if resp.StatusCode != want && resp.StatusCode != http.StatusMovedPermanently && resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
		if strings.Contains(resp.Header.Get("Location"), "evil") {
			t.Errorf("%s leads to %s", path, resp.Header.Get("Location"))
		}
	}
	evil := base64.RawURLEncoding.EncodeToString([]byte(`{"k":"<b>x</b>","x":"me.keep","p":"https://evil.example/"}`))
	b.client.Jar.SetCookies(must(url.Parse(s.tls.URL)), []*http.Cookie{{Name: "__Host-notice", Value: evil, Path: "/", Secure: true}})
	if _, text := b.get("/me"); strings.Contains(text, "evil.example") || strings.Contains(text, "<b>x") {
		t.Error("a planted notice is shown as it is")
	}
}
