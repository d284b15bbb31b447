package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/certs"
	"posthorn/appliance/control"
	"posthorn/store"
)

// home is a site with the owner alice, who is logged in, and bob.
func home(t *testing.T) (*site, *browser) {
	t.Helper()
	s := serve(t, "")
	c := s.server.Control
	c.Data = t.TempDir()
	c.Restart, c.SwitchOff = func() {}, func() {}
	c.Lines = func() []string { return []string{"level=INFO msg=<running>"} }
	var err error
	if c.Certs, err = certs.Open(c.Data, certs.Options{}); err != nil {
		t.Fatal(err)
	}
	s.person("alice", true)
	s.person("bob", false)
	b := s.browser(s.tls)
	b.login("alice")
	return s, b
}

var housePages = []string{"/status", "/settings", "/settings/people", "/settings/people/bob", "/settings/addresses", "/settings/sending",
	"/settings/domains", "/settings/devices", "/settings/household", "/settings/screen", "/settings/access", "/settings/backup",
	"/settings/system", "/me/rescue"}

// Every page has all its words, in every language.
func TestHousePages(t *testing.T) {
	s, b := home(t)
	missing := regexp.MustCompile(`\[[a-z]+\.[a-z0-9.-]+\]|%!|&lt;no value`)
	full := map[string]string{"household": "the Lees"}
	if err := s.server.Control.SetChoices(full); err != nil {
		t.Fatal(err)
	}
	if err := s.server.Control.AddDomain("example.net", false); err != nil {
		t.Fatal(err)
	}
	if err := s.server.Control.PutAlias(control.Alias{Address: "all", Targets: []string{"alice", "bob"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.server.Control.AddAppPassword("bob", "scanner"); err != nil {
		t.Fatal(err)
	}
	s.server.Control.Describe = func(st *control.Status) {
		for _, id := range []string{"clock", "queue", "server", "name", "announcement"} {
			st.Trouble(id, id, "a", "b")
		}
		for _, id := range []string{"undeliverable", "login", "full", "write", "damaged", "crowd", "screen", "clock"} {
			st.Incidents = append(st.Incidents, control.Incident{At: time.Now(), Count: 2, ID: id, Args: []string{"a", "b", "c"}})
		}
		st.Services = []control.Service{{Name: "smtp", Address: "127.0.0.1:25", Open: 1}}
		st.Temperature, st.FullIn = 85, 12
	}
	for _, language := range []string{"en", "id"} {
		if err := s.server.Control.SetChoices(map[string]string{"language": language}); err != nil {
			t.Fatal(err)
		}
		for _, path := range housePages {
			resp, text := b.get(path)
			if resp.StatusCode != 200 || missing.MatchString(text) || !strings.Contains(text, "</html>") {
				t.Errorf("%s in %s: %s %q", path, language, resp.Status, missing.FindAllString(text, -1))
			}
		}
	}
	_, part := b.get("/status?part")
	if strings.Contains(part, "<html") || !strings.Contains(part, "scanner") && !strings.Contains(part, "bob@example.org") || !strings.Contains(part, "&lt;running&gt;") {
		t.Errorf("the part that changes: %s", part)
	}
}

// Nobody but owners reaches a setting, and nobody by a forged request.
func TestSettingsAreForOwners(t *testing.T) {
	s, alice := home(t)
	bob, stranger := s.browser(s.tls), s.browser(s.tls)
	bob.login("bob")
	posts := []string{"people", "people/invite", "people/uninvite", "people/bob", "people/bob/password", "people/bob/revoke",
		"people/bob/remove", "addresses", "addresses/remove", "addresses/nobody", "domains", "domains/remove", "devices",
		"devices/forbid", "sending/way", "sending/server", "sending/remove", "sending/test", "sending/undo", "household", "screen",
		"access", "access/certificate", "access/certificate/remove", "backup", "backup/stick", "backup/restore", "backup/put", "backup/drop",
		"backup/former", "backup/forget", "system/update", "system/trial", "system/restart", "system/off"}
	for _, path := range posts {
		form := url.Values{"name": {"mallory"}, "csrf": {"forged"}}
		if resp, _ := alice.do("POST", "/settings/"+path, form); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("a forged POST to %s: %s", path, resp.Status)
		}
		if resp, _ := bob.post("/me/rescue?x", "/settings/"+path, form); resp.StatusCode != http.StatusForbidden {
			t.Errorf("bob's POST to %s: %s", path, resp.Status)
		}
		if resp, _ := stranger.do("POST", "/settings/"+path, form); resp.StatusCode != http.StatusForbidden {
			t.Errorf("a stranger's POST to %s: %s", path, resp.Status)
		}
	}
	for _, path := range housePages[1 : len(housePages)-1] {
		if resp, _ := bob.get(path); resp.StatusCode != http.StatusForbidden {
			t.Errorf("bob gets %s: %s", path, resp.Status)
		}
	}
	_, text := bob.get("/status")
	if strings.Contains(text, "alice") || strings.Contains(text, "running") || strings.Contains(text, `href="/settings`) {
		t.Errorf("bob sees more than his own: %s", text)
	}
}

// said is what the page a POST leads to says, and whether it is bad news.
func (b *browser) said(from, to string, form url.Values) (text string, bad bool) {
	b.Helper()
	resp, body := b.post(from, to, form)
	if resp.StatusCode != http.StatusSeeOther {
		b.Fatalf("POST %s: %s %s", to, resp.Status, body)
	}
	return b.notice(resp)
}

var noticeText = regexp.MustCompile(`(?s)<div class="notice( bad)?" role="status"><p>(.*?)</p>`)

func (b *browser) notice(resp *http.Response) (text string, bad bool) {
	b.Helper()
	_, page := b.get(resp.Header.Get("Location"))
	m := noticeText.FindStringSubmatch(page)
	if m == nil {
		b.Fatalf("nothing is said at %s", resp.Header.Get("Location"))
	}
	return m[2], m[1] != ""
}

func TestSettingsForms(t *testing.T) {
	s, b := home(t)
	for _, c := range []struct {
		from, to string
		form     url.Values
		bad      bool
		says     string
	}{
		{"people", "people", url.Values{"name": {"carol"}, "password": {password}, "quota": {"1,5"}}, false, "carol@example.org"},
		{"people", "people", url.Values{"name": {"carol"}, "password": {password}}, true, "taken"},
		{"people", "people", url.Values{"name": {"dora"}, "password": {"short"}}, true, "8 characters"},
		{"people", "people", url.Values{"name": {"dora"}, "password": {password}, "quota": {"much"}}, true, "no size"},
		{"people", "people", url.Values{"name": {"../x"}, "password": {password}}, true, "letters"},
		{"people/carol", "people/carol", url.Values{"display": {"Carol"}, "owner": {"yes"}}, false, "Saved"},
		{"people/carol", "people/carol", url.Values{"quota": {"NaN"}}, true, "no size"},
		{"people/carol", "people/carol/password", url.Values{"password": {"another password"}}, false, "carol"},
		{"people/carol", "people/carol/revoke", url.Values{"id": {"none"}}, true, "not there"},
		{"people/carol", "people/carol/remove", url.Values{"sure": {"bob"}}, true, "did not match"},
		{"people/carol", "people/carol/remove", url.Values{"sure": {"carol"}, "heir": {"bob"}}, false, "bob"},
		{"people/alice", "people/alice", url.Values{}, true, "owner who can log in"},
		{"people", "people/uninvite", url.Values{"id": {"none"}}, true, "not there"},
		{"addresses", "addresses", url.Values{"address": {"Family@Example.org"}, "person": {"alice", "bob"}, "targets": {"x@y.org, z@y.org"}}, false, "Family"},
		{"addresses", "addresses", url.Values{"address": {"empty"}}, true, "gets the mail"},
		{"addresses", "addresses/remove", url.Values{"address": {"family"}}, false, "family"},
		{"addresses", "addresses/remove", url.Values{"address": {"family"}}, true, "not there"},
		{"addresses", "addresses/nobody", url.Values{"catch-all": {"bob"}}, false, "Saved"},
		{"addresses", "addresses/nobody", url.Values{"catch-all": {"nobody"}}, true, "nobody of that name"},
		{"domains", "domains", url.Values{"name": {"example.net"}, "main": {"yes"}}, false, "example.net"},
		{"domains", "domains", url.Values{"name": {"no domain"}}, true, "mail domain"},
		{"domains", "domains/remove", url.Values{"name": {"example.net"}}, false, "example.net"},
		{"devices", "devices", url.Values{"from": {"192.168.7.9"}}, false, "192.168.7.9"},
		{"devices", "devices", url.Values{"from": {"0.0.0.0/0"}}, true, "did not work"},
		{"devices", "devices/forbid", url.Values{"from": {"192.168.7.9"}}, false, "192.168.7.9"},
		{"sending", "sending/way", url.Values{"way": {"direct"}}, false, "Saved"},
		{"sending", "sending/way", url.Values{"way": {"smarthost"}}, true, "provider"},
		{"sending", "sending/way", url.Values{"way": {"pigeon"}}, true, "did not work"},
		{"sending", "sending/remove", url.Values{"host": {"none"}}, true, "not there"},
		{"sending", "sending/undo", url.Values{"undo": {"5m0s"}}, false, "Saved"},
		{"sending", "sending/undo", url.Values{"undo": {"1h"}}, true, "10 minutes"},
		{"household", "household", url.Values{"household": {"the Lees"}, "language": {"en"}, "timezone": {"Asia/Jakarta"}, "rescue-days": {"7"}}, false, "Saved"},
		{"household", "household", url.Values{"rescue-days": {"400"}}, true, "365"},
		{"screen", "screen", url.Values{"screen-sender": {"yes"}, "screen-blank": {"5"}}, false, "Saved"},
		{"screen", "screen", url.Values{"screen-blank": {"9999"}}, true, "1440"},
		{"access", "access", url.Values{"open-to-internet": {"yes"}}, false, "Saved"},
		{"access", "access/certificate/remove", url.Values{}, false, "own certificate"},
		{"backup", "backup", url.Values{"passphrase": {"short"}, "again": {"short"}}, true, "10 characters"},
		{"backup", "backup", url.Values{}, true, "10 characters"},
		{"backup", "backup", url.Values{"passphrase": {"long enough, this"}, "again": {"long enough, that"}}, true, "differ"},
		{"backup", "backup/put", url.Values{}, true, "Tick"},
		{"backup", "backup/put", url.Values{"sure": {"yes"}}, true, "No backup was read"},
		{"backup", "backup/former", url.Values{}, true, "not there"},
		{"system", "system/trial", url.Values{"x": {""}}, true, "card image"},
	} {
		says, bad := b.said("/settings/"+c.from, "/settings/"+c.to, c.form)
		if bad != c.bad || !strings.Contains(says, c.says) {
			t.Errorf("%s %v: bad %v, %q; want %v and %q", c.to, c.form, bad, says, c.bad, c.says)
		}
	}
	chosen := map[string]string{}
	list, err := s.server.Control.Choices()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		chosen[c.Name] = c.Value
	}
	for name, want := range map[string]string{"household": "the Lees", "timezone": "Asia/Jakarta", "rescue-days": "7", "screen-sender": "yes",
		"screen-blank": "5", "open-to-internet": "yes", "undo": "5m0s", "catch-all": "bob"} {
		if chosen[name] != want {
			t.Errorf("%s is %q, want %q", name, chosen[name], want)
		}
	}
	// A box that is not ticked any more is not sent.
	b.said("/settings/screen", "/settings/screen", url.Values{"screen-blank": {"5"}})
	if list, _ := s.server.Control.Choices(); !strings.Contains(fmt.Sprint(list), "{screen-sender no") {
		t.Error("the sender is still shown")
	}
}

// An invitation is shown once, as a link and as a code.
func TestInviteForm(t *testing.T) {
	_, b := home(t)
	resp, text := b.post("/settings/people", "/settings/people/invite", url.Values{"for": {"Dora"}, "quota": {"2"}})
	link := regexp.MustCompile(`https://mailbox-2\.local:2443(/invite/[^<]+)<`).FindStringSubmatch(text)
	if resp.StatusCode != 200 || link == nil || !strings.Contains(text, `<svg class="qr"`) {
		t.Fatalf("%s %s", resp.Status, text)
	}
	if resp, _ := b.get(link[1]); resp.StatusCode != 200 {
		t.Errorf("the link: %s", resp.Status)
	}
	if _, text := b.get("/settings/people"); !strings.Contains(text, "Dora") || strings.Contains(text, link[1]) {
		t.Error("the list of invitations")
	}
}

// A server that refuses is not taken, and what was typed is there again.
func TestSmarthostForm(t *testing.T) {
	s, b := home(t)
	form := url.Values{"host": {"127.0.0.1"}, "port": {"1"}, "security": {"tls"}, "user": {"a<b"}, "password": {"secret"}}
	resp, text := b.post("/settings/sending", "/settings/sending/server", form)
	if resp.StatusCode != 422 || !strings.Contains(text, "Nothing was saved") || !strings.Contains(text, `value="a&lt;b"`) || strings.Contains(text, "secret") {
		t.Errorf("%s %s", resp.Status, text)
	}
	form.Set("security", "none")
	if resp, text := b.post("/settings/sending", "/settings/sending/server", form); resp.StatusCode != 422 || !strings.Contains(text, "be right") {
		t.Errorf("a password in the clear: %s", resp.Status)
	}
	form.Set("security", "tls")
	form.Set("untested", "yes")
	if _, bad := b.said("/settings/sending", "/settings/sending/server", form); bad {
		t.Error("not taken all the same")
	}
	if list, err := s.server.Control.Smarthosts(); err != nil || len(list) != 1 || list[0].User != "a<b" {
		t.Errorf("%+v, %v", list, err)
	}
}

// upload sends a form with a file, its fields first.
func (b *browser) upload(from, to string, fields [][2]string, name string, file []byte) (*http.Response, string) {
	b.Helper()
	_, text := b.get(from)
	token := tokenField.FindStringSubmatch(text)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range append([][2]string{{"csrf", token[1]}}, fields...) {
		w.WriteField(f[0], f[1])
	}
	if name != "" {
		part, _ := w.CreateFormFile(name, "file")
		part.Write(file)
	}
	w.Close()
	r, err := http.NewRequest("POST", b.base+to, &body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp, string(answer)
}

// A backup downloaded here is read back, and put in place by two clicks.
func TestBackupForms(t *testing.T) {
	s, b := home(t)
	const passphrase = "a long enough one"
	for _, form := range []url.Values{{"passphrase": {"short"}, "again": {"short"}}, {"passphrase": {passphrase}, "again": {"another"}}} {
		if text, bad := b.said("/settings/backup", "/settings/backup/stick", form); !bad {
			t.Errorf("onto a stick with %v: %s", form, text)
		}
	}
	resp, sealed := b.post("/settings/backup", "/settings/backup", url.Values{"passphrase": {passphrase}, "again": {passphrase}})
	if resp.StatusCode != 200 || !strings.HasPrefix(sealed, "age-encryption.org/v1\n") ||
		!strings.Contains(resp.Header.Get("Content-Disposition"), ".backup.age") {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	if _, plain := b.post("/settings/backup", "/settings/backup", url.Values{"plain": {"yes"}}); !strings.HasPrefix(plain, "posthorn backup 1\n") {
		t.Error("without a passphrase")
	}
	for _, c := range []struct {
		passphrase, file, says string
		bad                    bool
	}{
		{"", sealed, "type its passphrase", true},
		{"another long one", sealed, "not the passphrase", true},
		{passphrase, sealed[:len(sealed)-100], "no complete backup", true},
		{"", "PK\x03\x04", "no complete backup", true},
		{passphrase, sealed, "Nothing has changed", false},
	} {
		resp, text := b.upload("/settings/backup", "/settings/backup/restore", [][2]string{{"passphrase", c.passphrase}}, "file", []byte(c.file))
		if resp.StatusCode != 303 {
			t.Fatalf("%s %s", resp.Status, text)
		}
		if says, bad := b.notice(resp); bad != c.bad || !strings.Contains(says, c.says) {
			t.Errorf("bad %v: %q, want %q", bad, says, c.says)
		}
	}
	if resp, _ := b.upload("/settings/backup", "/settings/backup/restore", nil, "", nil); resp.StatusCode != 422 {
		t.Errorf("no file: %s", resp.Status)
	}
	if in := s.server.Control.Incoming(); in == nil || len(in.People) != 2 {
		t.Fatalf("%+v", in)
	}
	if resp, text := b.post("/settings/backup", "/settings/backup/put", url.Values{"sure": {"yes"}}); resp.StatusCode != 200 || !strings.Contains(text, `id="stopping"`) {
		t.Errorf("%s", resp.Status)
	}
}

func TestCertificateAndUpdateForms(t *testing.T) {
	_, b := home(t)
	resp, _ := b.upload("/settings/access", "/settings/access/certificate", [][2]string{{"chain", "no certificate"}, {"key", "no key"}}, "", nil)
	if says, bad := b.notice(resp); !bad || !strings.Contains(says, "cannot be used") {
		t.Errorf("%q", says)
	}
	resp, _ = b.upload("/settings/system", "/settings/system/update", nil, "file", []byte("no update"))
	if says, bad := b.notice(resp); !bad || !strings.Contains(says, "card image") {
		t.Errorf("%q", says)
	}
	for _, what := range []string{"restart", "off"} {
		if resp, text := b.post("/settings/system", "/settings/system/"+what, url.Values{}); resp.StatusCode != 200 || !strings.Contains(text, `data-what="`+what+`"`) {
			t.Errorf("%s: %s", what, resp.Status)
		}
	}
}

// The stream tells of changes, and a person has only so many.
func TestStatusEvents(t *testing.T) {
	s, b := home(t)
	first, err := b.client.Get(b.base + "/status/events")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	lines := bufio.NewReader(first.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	s.server.Hub.Announce(store.Commit{Settings: true})
	lines.ReadString('\n')
	if line, err := lines.ReadString('\n'); err != nil || line != "data: 2\n" {
		t.Errorf("%q, %v", line, err)
	}
	for range 3 {
		resp, err := b.client.Get(b.base + "/status/events")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	if resp, _ := b.get("/status/events"); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a fifth stream: %s", resp.Status)
	}
}

// What expires from Trash comes back to the INBOX of its own person only.
func TestRescue(t *testing.T) {
	s, b := home(t)
	uid := func(name string) (found uint32) {
		err := s.store.Update(func(tx *store.Tx) error {
			a, err := tx.AccountByName(name)
			if err != nil {
				return err
			}
			trash, err := tx.MailboxByRole(a.ID, store.RoleTrash)
			if err != nil {
				return err
			}
			blob := s.store.NewBlob()
			io.WriteString(blob, "Subject: x\r\n\r\nx\r\n")
			id, err := tx.PutMessage(blob, time.Now(), nil)
			if err != nil {
				return err
			}
			e, err := tx.Append(trash.ID, id, 0, nil)
			found = e.UID
			return errors.Join(err, tx.SetExpiry(trash.ID, e.UID, time.Now().Add(time.Hour)))
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	mine := fmt.Sprint(uid("alice"))
	uid("bob")
	if _, text := b.get("/status"); !strings.Contains(text, `href="/me/rescue"`) {
		t.Error("the status has no way to it")
	}
	if says, bad := b.said("/me/rescue", "/me/rescue", url.Values{"uid": {"99999", "x"}}); !bad {
		t.Errorf("what is not there: %q", says)
	}
	if says, bad := b.said("/me/rescue", "/me/rescue", url.Values{"uid": {mine}}); bad || !strings.Contains(says, "1") {
		t.Errorf("%q", says)
	}
	for name, want := range map[string]int{"alice": 0, "bob": 1} {
		if list, err := s.server.Control.Deleted(name); err != nil || len(list) != want {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}
