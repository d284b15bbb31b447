package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"posthorn/appliance/web/session"
)

// Who knows the password alone has no session and a few guesses.
func TestSecondFactor(t *testing.T) {
	s := serve(t, "")
	a := s.person("alice", true)
	var codes []string
	err := s.server.site.Sessions.ChangeFactors(a.ID, func(f *session.Factors) error {
		f.TOTP = session.NewTOTP()
		codes = f.NewRecovery()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(s.tls)
	if resp, _ := b.get("/login/second"); resp.Header.Get("Location") != "/login" {
		t.Errorf("without the password: %s", resp.Status)
	}
	start := func(b *browser) {
		t.Helper()
		resp, _ := b.post("/login", "/login", url.Values{"name": {"alice"}, "password": {password}, "to": {"/me"}})
		if resp.Header.Get("Location") != "/login/second" {
			t.Fatalf("after the password: %s %s", resp.Status, resp.Header.Get("Location"))
		}
	}
	start(b)
	if resp, _ := b.get("/me"); resp.StatusCode != http.StatusSeeOther || cookie(b, "__Host-session") != "" {
		t.Errorf("the password alone: %s", resp.Status)
	}
	if resp, _ := b.post("/login/second", "/login/second", url.Values{"code": {codes[0]}}); resp.Header.Get("Location") != "/me" {
		t.Errorf("a recovery code: %s", resp.Status)
	}
	if resp, _ := b.get("/me"); resp.StatusCode != 200 {
		t.Errorf("with both: %s", resp.Status)
	}
	thief := s.browser(s.tls)
	refused, slowed := 0, 0
	for range 20 {
		start(thief)
		resp, _ := thief.post("/login/second", "/login/second", url.Values{"code": {"000000"}})
		switch resp.StatusCode {
		case http.StatusUnprocessableEntity:
			refused++
		case http.StatusTooManyRequests:
			slowed++
		default:
			t.Fatalf("a guess: %s", resp.Status)
		}
	}
	if refused > 8 || slowed < 12 {
		t.Errorf("%d guesses were looked at, %d put off", refused, slowed)
	}
}

// A thousand wrong codes at the page of the set-up, by one who reads each new
// token: a few are looked at, and nobody gets in.
func TestThousandWrongCodes(t *testing.T) {
	s := serve(t, "")
	b := s.browser(s.tls)
	_, page := b.get("/setup")
	token := tokenField.FindStringSubmatch(page)[1]
	looked := 0
	for range 1000 {
		resp, text := b.do("POST", "/setup", url.Values{"code": {"00000000"}, "csrf": {token}})
		switch resp.StatusCode {
		case http.StatusUnprocessableEntity:
			looked++
		case http.StatusTooManyRequests:
			if !strings.Contains(text, `role="alert"`) {
				t.Fatal("put off without a word")
			}
		default:
			t.Fatalf("a wrong code: %s", resp.Status)
		}
	}
	if looked > 20 {
		t.Errorf("%d codes were looked at", looked)
	}
	if resp, _ := b.get("/setup/you"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the next page: %s", resp.Status)
	}
}
