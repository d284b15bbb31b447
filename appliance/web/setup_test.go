package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"posthorn/store"
)

// The whole set-up, left after each page and taken up again; then the code and
// its browser are of no use.
func TestSetup(t *testing.T) {
	s := serve(t, "")
	b := s.browser(s.tls)
	expect := func(resp *http.Response, to string) {
		t.Helper()
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
			t.Fatalf("%s to %q, want %s", resp.Status, resp.Header.Get("Location"), to)
		}
	}
	go1 := func(path, to string) {
		t.Helper()
		resp, _ := b.get(path)
		expect(resp, to)
	}
	go1("/", "/setup")
	go1("/setup/home", "/setup")
	go1("/setup/you", "/setup")
	resp, _ := b.post("/setup", "/setup", url.Values{"code": {"0000"}})
	if resp.StatusCode != 422 {
		t.Errorf("a wrong code: %s", resp.Status)
	}
	code := s.server.Code.Show()
	resp, _ = b.post("/setup", "/setup", url.Values{"code": {code[:4] + " " + code[4:]}})
	expect(resp, "/setup/home")
	other := s.browser(s.tls)
	if resp, _ := other.post("/setup", "/setup", url.Values{"code": {code}}); resp.StatusCode != 422 {
		t.Errorf("a code used twice: %s", resp.Status)
	}
	go1("/setup", "/setup/home")
	resp, _ = b.post("/setup/home", "/setup/home", url.Values{"household": {"The Lees"}, "language": {"id"}, "zone": {"Asia/Jakarta"}})
	expect(resp, "/setup/you")
	if _, text := b.get("/setup/home"); !strings.Contains(text, `value="The Lees"`) || !strings.Contains(text, "<option selected>Asia/Jakarta") {
		t.Error("the household is not kept")
	}
	if resp, text := b.post("/setup/you", "/setup/you", url.Values{"display": {"Alice"}, "name": {"alice"}, "password": {"short"}}); resp.StatusCode != 422 || !strings.Contains(text, "Alice") {
		t.Errorf("a short password: %s", resp.Status)
	}
	resp, _ = b.post("/setup/you", "/setup/you", url.Values{"display": {"Alice"}, "name": {"Alice@example.org"}, "password": {password}})
	expect(resp, "/setup/sending")
	// Left here, and taken up by logging in elsewhere.
	later := s.browser(s.tls)
	later.login("alice")
	if resp, _ := later.get("/"); resp.Header.Get("Location") != "/setup/sending" {
		t.Errorf("taken up at %s", resp.Header.Get("Location"))
	}
	resp, _ = b.post("/setup/sending", "/setup/sending", url.Values{"way": {"none"}})
	expect(resp, "/setup/done")
	if resp, text := b.get("/setup/done"); resp.StatusCode != 200 || !strings.Contains(text, "alice@example.org") {
		t.Errorf("done: %s", resp.Status)
	}
	for _, browser := range []*browser{b, other} {
		if resp, _ := browser.get("/setup/you"); resp.Header.Get("Location") != "/" {
			t.Errorf("after it: %s", resp.Header.Get("Location"))
		}
	}
	if resp, _ := other.post("/login", "/setup", url.Values{"code": {s.server.Code.Show()}}); resp.StatusCode != 403 {
		t.Errorf("the code after there is an owner: %s", resp.Status)
	}
	resp, _ = b.post("/me", "/setup/you", url.Values{"display": {"Eve"}, "name": {"eve"}, "password": {password}})
	if resp.StatusCode != 403 {
		t.Errorf("a second owner: %s", resp.Status)
	}
	err := s.store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if len(all) != 1 || !all[0].Owner || all[0].Language != "id" {
			t.Errorf("accounts: %+v", all)
		}
		set, _ := tx.Settings()
		if set.Household != "The Lees" || set.TimeZone != "Asia/Jakarta" || set.Language != "id" {
			t.Errorf("settings: %+v", set)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A provider's server that does not answer is not taken, unless the owner wants
// it all the same.
func TestSetupTriesTheProvider(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	b := s.browser(s.tls)
	b.login("alice")
	form := url.Values{"way": {"smarthost"}, "provider": {"other"}, "host": {"127.0.0.1"}, "port": {"1"}, "security": {"none"}}
	resp, text := b.post("/setup/sending", "/setup/sending", form)
	if resp.StatusCode != 422 || !strings.Contains(text, "refused") || !strings.Contains(text, `name="untried"`) {
		t.Errorf("a server that is not there: %s %s", resp.Status, text)
	}
	if way, _ := s.server.Control.Sending(); way != "none" {
		t.Errorf("mail leaves by %s", way)
	}
	form.Set("untried", "yes")
	if resp, _ := b.post("/setup/sending", "/setup/sending", form); resp.Header.Get("Location") != "/setup/done" {
		t.Errorf("taken all the same: %s", resp.Status)
	}
	if way, _ := s.server.Control.Sending(); way != "smarthost" {
		t.Errorf("mail leaves by %s", way)
	}
}

func TestInvitation(t *testing.T) {
	s := serve(t, "")
	s.person("alice", true)
	secret, _, err := s.server.Control.Invite("Alice", "Bob", 0)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(s.tls)
	path := "/invite/" + secret
	if resp, text := b.get(path); resp.StatusCode != 200 || !strings.Contains(text, `value="Bob"`) {
		t.Errorf("invited: %s", resp.Status)
	}
	if resp, _ := b.post(path, path, url.Values{"display": {"Bob"}, "name": {"alice"}, "password": {password}}); resp.StatusCode != 422 {
		t.Errorf("a name that is taken: %s", resp.Status)
	}
	if resp, _ := b.post(path, path, url.Values{"display": {"Bob"}, "name": {"bob"}, "password": {password}}); resp.StatusCode != 303 {
		t.Errorf("joined: %s", resp.Status)
	}
	if resp, _ := b.get("/me"); resp.StatusCode != 200 {
		t.Errorf("not logged in: %s", resp.Status)
	}
	if resp, _ := b.get("/setup/sending"); resp.StatusCode != 403 {
		t.Errorf("is an owner: %s", resp.Status)
	}
	for _, path := range []string{path, "/invite/x", "/invite/" + strings.Repeat("A", 32)} {
		if resp, _ := b.get(path); resp.StatusCode != 410 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}
