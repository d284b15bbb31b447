package write

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/login"
	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

// home is a box with the people alice and bob, its pages behind TLS.
type home struct {
	*testing.T
	store  *store.Store
	office *post.Office
	write  *Write
	server *httptest.Server
	people map[string]*store.Account
}

func newHome(t *testing.T, change func(*store.Settings)) *home {
	t.Helper()
	st, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &home{T: t, store: st, people: make(map[string]*store.Account)}
	t.Cleanup(func() {
		if report, err := st.Check(context.Background()); err != nil || report.Count > 0 {
			t.Error("check:", err, report)
		}
		st.Close()
	})
	err = st.Update(func(tx *store.Tx) error {
		for _, a := range []*store.Account{{Name: "alice", DisplayName: "Alice Ä.", Undo: store.MaxUndo}, {Name: "bob"}} {
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			h.people[a.Name] = a
		}
		if err := tx.PutAlias(&store.Alias{Address: "ally", Targets: []string{"alice"}}); err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Domains, set.MaxMessageSize, set.Sending = []string{"example.org"}, 4<<20, store.SendDirect
		if change != nil {
			change(&set)
		}
		return tx.PutSettings(set)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.office = &post.Office{Store: st, Hostname: func() string { return "mailbox" }}
	all, err := words.Read()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	manager := &session.Manager{Store: st, Log: log}
	site := &page.Site{Store: st, Words: all, Log: log, Sessions: manager,
		Facts: page.Facts{Household: func() string { return "" }}}
	h.write = &Write{Site: site, Store: st, Office: h.office, Log: log,
		Box: &control.Box{Store: st, Keeper: &login.Keeper{Store: st}}}
	if err := h.write.Routes(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", site.Handler())
	mux.HandleFunc("POST /test/login", func(w http.ResponseWriter, r *http.Request) {
		r, err := manager.Attach(r)
		if err == nil {
			err = manager.Begin(w, r, h.people[r.PostFormValue("name")])
		}
		if err != nil {
			t.Error(err)
		}
	})
	h.server = httptest.NewTLSServer(mux)
	t.Cleanup(h.server.Close)
	return h
}

// browser is somebody's, logged in.
type browser struct {
	*home
	client *http.Client
	token  string // of forms
	json   bool   // a script asks
}

func (h *home) browser(name string) *browser {
	h.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	b := &browser{home: h, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	h.Cleanup(b.client.CloseIdleConnections)
	b.do("POST", "/test/login", "application/x-www-form-urlencoded", strings.NewReader("name="+name))
	_, text := b.get("/me/sending")
	m := regexp.MustCompile(`name="csrf" content="([^"]+)"`).FindStringSubmatch(text)
	if m == nil {
		h.Fatalf("%s is not logged in:\n%s", name, text)
	}
	b.token = m[1]
	return b
}

func (b *browser) do(method, path, kind string, body io.Reader) (*http.Response, string) {
	b.Helper()
	r, err := http.NewRequest(method, b.server.URL+path, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if b.json {
		r.Header.Set("Accept", "application/json")
	}
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
	return b.do("GET", path, "", nil)
}

// press posts a plain form.
func (b *browser) press(path string, form url.Values) (*http.Response, string) {
	b.Helper()
	form.Set("csrf", b.token)
	return b.do("POST", path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// upload is a file of a form.
type upload struct {
	name string
	body io.Reader
}

// letter posts the writing page's form: its fields in their order, then files.
func (b *browser) letter(fields []string, uploads ...upload) (*http.Response, string) {
	b.Helper()
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	go func() {
		m.WriteField("csrf", b.token)
		for i := 0; i < len(fields); i += 2 {
			m.WriteField(fields[i], fields[i+1])
		}
		for _, u := range uploads {
			part, err := m.CreateFormFile("files", u.name)
			if err == nil {
				_, err = io.Copy(part, u.body)
			}
			if err != nil {
				w.CloseWithError(err)
				return
			}
		}
		m.Close()
		w.Close()
	}()
	defer r.Close()
	return b.do("POST", "/mail/write", m.FormDataContentType(), r)
}

var idField = regexp.MustCompile(`name="id" value="([^"]+)"`)

// fresh opens the writing page and returns the fields of a letter.
func (b *browser) fresh(query string) (id string, page string) {
	b.Helper()
	resp, text := b.get("/mail/write" + query)
	m := idField.FindStringSubmatch(text)
	if resp.StatusCode != 200 || m == nil {
		b.Fatalf("writing page: %s\n%s", resp.Status, text)
	}
	return m[1], text
}

// mail tells what is in somebody's mailbox: the messages' text as stored.
func (h *home) mail(name, mailbox string) (all []string) {
	h.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		all = nil
		mb, err := tx.MailboxByName(h.people[name].ID, mailbox)
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			r, err := h.store.OpenBlob(m.Blob)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(r)
			r.Close()
			if err != nil {
				return err
			}
			all = append(all, string(text))
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// release hands over what waits in the queue to mailboxes of the box.
func (h *home) release() {
	h.Helper()
	err := h.store.Update(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 100)
		for _, q := range all {
			due := q.NotBefore
			if err := h.office.Release(tx, q, due, due); err != nil {
				return err
			}
			sent, err := tx.MailboxByRole(q.Account, store.RoleSent)
			if err != nil {
				return err
			}
			if err := tx.Dequeue(q.ID, sent.ID); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
}

func TestSend(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	id, text := b.fresh("")
	for _, want := range []string{`value="ally@example.org"`, `Alice Ä. &lt;alice@example.org&gt;`, `enctype="multipart/form-data"`} {
		if !strings.Contains(text, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	resp, text := b.letter([]string{"id", id, "from", "ally@example.org", "to", "bob", "cc", "", "bcc", "Alice <alice@mailbox.local>",
		"subject", "Grüße", "text", "Hello\r\n\r\nBob", "action", "send"}, upload{"../../naïve report.pdf", strings.NewReader("%PDF")})
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/mail" {
		t.Fatalf("send: %s %s\n%s", resp.Status, resp.Header.Get("Location"), text)
	}
	if got := h.mail("alice", "Outbox"); len(got) != 1 || !strings.Contains(got[0], "Bcc: Alice <alice@mailbox.local>") {
		t.Errorf("Outbox holds %q", got)
	}
	if got := h.mail("alice", "Drafts"); len(got) != 0 {
		t.Errorf("the draft is still there: %q", got)
	}
	if got := h.mail("bob", "INBOX"); len(got) != 0 {
		t.Errorf("bob has it within the undo time")
	}
	h.release()
	got := h.mail("bob", "INBOX")
	if len(got) != 1 {
		t.Fatalf("bob has %d messages", len(got))
	}
	for _, want := range []string{"\r\nFrom: =?utf-8?B?", "<ally@example.org>\r\n", "\r\nTo: bob@example.org\r\n", "with HTTPS id ",
		"filename*=utf-8''na%C3%AFve%20report.pdf", "Hello\r\n\r\nBob\r\n", "JVBERg=="} {
		if !strings.Contains(got[0], want) {
			t.Errorf("message lacks %q:\n%s", want, got[0])
		}
	}
	for _, no := range []string{"Bcc", "X-Posthorn", "X-Send-At", ".."} {
		if strings.Contains(got[0], no) {
			t.Errorf("message has %q:\n%s", no, got[0])
		}
	}
	if got := h.mail("alice", "Sent"); len(got) != 1 {
		t.Errorf("Sent holds %d", len(got))
	}
}

// TestDraft: a draft is replaced and not piled up, written only when something
// changed, and keeps its files and what is half typed.
func TestDraft(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	b.json = true
	id, _ := b.fresh("")
	uid := func() (next uint32) {
		err := h.store.View(func(tx *store.Tx) error {
			mb, err := tx.MailboxByName(h.people["alice"].ID, "Drafts")
			next = mb.UIDNext
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	fields := func(text string) []string {
		return []string{"id", id, "from", "alice@example.org", "to", "bob, nobody in particular", "subject", "trip", "text", text, "action", "save"}
	}
	b.letter([]string{"id", id, "from", "alice@example.org", "action", "save"})
	if n := uid(); n != 1 {
		t.Errorf("an empty letter was saved")
	}
	b.letter(fields("one"))
	b.letter(fields("one"))
	b.letter(fields("one\n"))
	if n := uid(); n != 2 {
		t.Errorf("%d writes of one draft", n-1)
	}
	_, answer := b.letter(fields("one"), upload{`C:\pictures\a b.jpg`, strings.NewReader(strings.Repeat("x", 100000))}, upload{"b.txt", strings.NewReader("b")})
	var got saved
	if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got.Files) != 2 || got.Files[0].Name != "a b.jpg" || got.Every < 20 {
		t.Errorf("upload: %s, %v", answer, err)
	}
	b.letter(fields("two"))
	b.json = false
	b.letter(append(fields("two"), "remove", "1"))
	if all := h.mail("alice", "Drafts"); len(all) != 1 || uid() != 5 {
		t.Errorf("%d drafts, next UID %d", len(all), uid())
	}
	resp, text := b.get("/mail/write?draft=" + url.QueryEscape(id))
	for _, want := range []string{">\ntwo</textarea>", `value="bob, nobody in particular"`, `value="trip"`, "a b.jpg"} {
		if !strings.Contains(text, want) {
			t.Errorf("draft page (%s) lacks %s", resp.Status, want)
		}
	}
	if strings.Contains(text, "b.txt") {
		t.Error("the removed file is still there")
	}
	// It can't be sent like that, and is not lost.
	resp, text = b.letter(append(fields("three"), "action", "send"))
	if resp.StatusCode != 422 || !strings.Contains(text, "nobody in particular") || !strings.Contains(text, "is not a mail address") {
		t.Errorf("send of what is half typed: %s\n%s", resp.Status, text)
	}
	if all := h.mail("alice", "Drafts"); len(all) != 1 || !strings.Contains(all[0], "three") {
		t.Errorf("after that: %q", all)
	}
	// Discarded, and back.
	resp, _ = b.press("/mail/write/discard", url.Values{"id": {id}})
	if resp.StatusCode != 303 || len(h.mail("alice", "Drafts")) != 0 || len(h.mail("alice", "Trash")) != 1 {
		t.Errorf("discard: %s", resp.Status)
	}
	resp, _ = b.press("/mail/write/restore", url.Values{"id": {id}})
	if resp.StatusCode != 303 || len(h.mail("alice", "Drafts")) != 1 {
		t.Errorf("restore: %s", resp.Status)
	}
}

// TestAttacks: what a page that is not ours, or a person who means harm, sends.
func TestAttacks(t *testing.T) {
	h := newHome(t, nil)
	b, eve := h.browser("alice"), h.browser("bob")
	id, _ := b.fresh("")
	base := []string{"id", id, "from", "alice@example.org", "to", "bob", "action", "send"}
	change := func(name, value string) []string {
		out := append([]string(nil), base...)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
				return out
			}
		}
		return append([]string{name, value}, out...)
	}
	evil := "x\r\nX-Evil: yes"
	for _, name := range []string{"id", "from", "to", "cc", "bcc", "subject", "about"} {
		resp, _ := b.letter(change(name, evil))
		if name == "about" { // makes no sense, and is left out
			if resp.StatusCode != 303 {
				t.Errorf("about: %s", resp.Status)
			}
			continue
		}
		if resp.StatusCode/100 != 4 {
			t.Errorf("injection by %s: %s", name, resp.Status)
		}
	}
	for _, mailbox := range []string{"Outbox", "Drafts"} {
		for _, text := range h.mail("alice", mailbox) {
			if strings.Contains(text, "\nX-Evil") {
				t.Errorf("a field was injected:\n%s", text)
			}
		}
	}
	for _, from := range []string{"bob@example.org", "alice@elsewhere.example", "", "postmaster@example.org"} {
		if resp, _ := b.letter(change("from", from)); resp.StatusCode != 403 {
			t.Errorf("as %q: %s", from, resp.Status)
		}
	}
	token := b.token
	b.token = eve.token
	if resp, _ := b.letter(base); resp.StatusCode != 403 {
		t.Errorf("with another person's token: %s", resp.Status)
	}
	b.token = ""
	if resp, _ := b.letter(base); resp.StatusCode != 403 {
		t.Errorf("without a token: %s", resp.Status)
	}
	for _, path := range []string{"/mail/write/discard", "/mail/write/restore", "/mail/write/undo", "/mail/outbox", "/mail/withdraw", "/me/sending"} {
		if resp, _ := b.press(path, url.Values{}); resp.StatusCode != 403 {
			t.Errorf("%s without a token: %s", path, resp.Status)
		}
	}
	b.token = token

	// Another person's draft, message and queue are not there.
	other, _ := b.fresh("")
	b.letter([]string{"id", other, "from", "alice@example.org", "subject", "private", "text", "secret", "action", "save"})
	if resp, text := eve.get("/mail/write?draft=" + url.QueryEscape(other)); resp.StatusCode != 404 || strings.Contains(text, "secret") {
		t.Errorf("another's draft: %s", resp.Status)
	}
	drafts := h.mailbox("alice", "Drafts")
	for _, query := range []string{"reply", "all", "forward", "whole", "draft"} {
		if _, text := eve.get(fmt.Sprintf("/mail/write?%s=%d/1", query, drafts)); strings.Contains(text, "secret") || strings.Contains(text, "private") {
			t.Errorf("%s shows another's message", query)
		}
	}
	var number store.QueuedID
	h.store.View(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 1)
		if err == nil && len(all) == 1 {
			number = all[0].ID
		}
		return err
	})
	for _, action := range []string{"edit", "withdraw", "now", "retry", "time"} {
		eve.press("/mail/outbox", url.Values{"number": {fmt.Sprint(number)}, "action": {action}, "at": {"2040-01-01T08:00"}})
	}
	eve.press("/mail/write/undo", url.Values{"number": {fmt.Sprint(number)}})
	if got := h.mail("alice", "Outbox"); number == 0 || len(got) != 1 {
		t.Errorf("another person changed the Outbox: %d are left", len(got))
	}
}

func (h *home) mailbox(name, mailbox string) (id store.MailboxID) {
	h.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(h.people[name].ID, mailbox)
		if err == nil {
			id = mb.ID
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return id
}

// endless yields so many octets.
func endless(n int64) io.Reader { return io.LimitReader(zeroes{}, n) }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestLimits: what is too much is refused in words, and the connection lives.
func TestLimits(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	id, _ := b.fresh("")
	base := []string{"id", id, "from", "alice@example.org", "to", "bob", "action", "save"}
	resp, text := b.letter(base, upload{"big", endless(20 << 20)})
	if resp.StatusCode != 413 || !strings.Contains(text, "too large") {
		t.Errorf("20 MiB: %s", resp.Status)
	}
	many := make([]upload, 60)
	for i := range many {
		many[i] = upload{fmt.Sprint("f", i), strings.NewReader("x")}
	}
	if resp, text = b.letter(base, many...); resp.StatusCode != 413 || !strings.Contains(text, "at most 50 files") {
		t.Errorf("60 files: %s", resp.Status)
	}
	if resp, _ = b.letter(append(base, "text", strings.Repeat("x", 3<<20))); resp.StatusCode != 413 {
		t.Errorf("long text: %s", resp.Status)
	}
	if len(h.mail("alice", "Drafts")) != 0 {
		t.Error("something of what was refused is kept")
	}
	crowd := strings.Repeat("bob,", 300)
	if resp, text = b.letter([]string{"id", id, "from", "alice@example.org", "to", crowd, "action", "send"}); resp.StatusCode != 422 || !strings.Contains(text, "at most") {
		t.Errorf("300 recipients: %s", resp.Status)
	}
	if resp, _ = b.get("/mail/write"); resp.StatusCode != 200 {
		t.Errorf("after that: %s", resp.Status)
	}
}

// TestOutbox: what waits is shown, given another time, sent, withdrawn and taken
// back; the answers are certain.
func TestOutbox(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	send := func(subject string, more ...string) {
		t.Helper()
		id, _ := b.fresh("")
		resp, text := b.letter(append([]string{"id", id, "from", "alice@example.org", "to", "bob", "subject", subject, "text", "text of " + subject, "action", "send"}, more...))
		if resp.StatusCode != 303 {
			t.Fatalf("%s: %s\n%s", subject, resp.Status, text)
		}
	}
	queue := func() map[string]*store.Queued {
		all := make(map[string]*store.Queued)
		err := h.store.View(func(tx *store.Tx) error {
			list, err := tx.AllQueued(0, 100)
			for _, q := range list {
				m, err := tx.Message(q.Message)
				if err != nil {
					return err
				}
				info, err := message.Unmarshal(m.Meta)
				if err != nil {
					return err
				}
				all[info.Envelope.Subject] = q
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	later := time.Now().UTC().Add(48 * time.Hour)
	send("held")
	send("later", "when", "at", "at", later.Format(atLayout))
	send("monday", "when", "monday")
	all := queue()
	if q := all["later"]; !q.Scheduled || q.NotBefore.Unix()/60 != later.Unix()/60 {
		t.Errorf("scheduled for %v, want %v", q.NotBefore, later)
	}
	if q := all["monday"]; !q.Scheduled || q.NotBefore.Weekday() != time.Monday || q.NotBefore.Hour() != 8 {
		t.Errorf("monday is %v", q.NotBefore)
	}
	if _, text := b.get("/mail/outbox"); !strings.Contains(text, ">held<") || !strings.Contains(text, ">later<") || !strings.Contains(text, "To bob@example.org") {
		t.Errorf("page:\n%s", text)
	}
	press := func(subject, action, at string) string {
		t.Helper()
		resp, _ := b.press("/mail/outbox", url.Values{"number": {fmt.Sprint(all[subject].ID)}, "action": {action}, "at": {at}})
		if resp.StatusCode != 303 {
			t.Errorf("%s %s: %s", action, subject, resp.Status)
		}
		return resp.Header.Get("Location")
	}
	even := later.Add(time.Hour)
	press("later", "time", even.Format(atLayout))
	press("held", "now", "")
	if all = queue(); all["later"].NotBefore.Unix()/60 != even.Unix()/60 || all["held"].NotBefore.After(time.Now().Add(time.Second)) {
		t.Errorf("times: %v, %v", all["later"].NotBefore, all["held"].NotBefore)
	}
	press("later", "time", "2001-01-01T08:00")
	if queue()["later"].NotBefore.Unix()/60 != even.Unix()/60 {
		t.Error("a time in the past was taken")
	}
	press("later", "withdraw", "")
	if got := h.mail("alice", "Trash"); len(got) != 1 || queue()["later"] != nil {
		t.Errorf("after withdrawing: %d in Trash", len(got))
	}
	where := press("monday", "edit", "")
	if _, text := b.get(where); !strings.Contains(text, ">\ntext of monday</textarea>") || !strings.Contains(text, `value="at" selected`) {
		t.Errorf("taken back to %s:\n%s", where, text)
	}
	press("monday", "edit", "")
	if _, text := b.get("/mail/outbox"); !strings.Contains(text, "Too late") {
		t.Error("a second time it is said to be back")
	}
	h.release()
	if got := h.mail("bob", "INBOX"); len(got) != 1 {
		t.Errorf("bob has %d messages", len(got))
	}
	// Withdrawn from bob, who has not seen it.
	if resp, _ := b.press("/mail/withdraw", url.Values{"mailbox": {fmt.Sprint(h.mailbox("alice", "Sent"))}, "uid": {"1"}}); resp.StatusCode != 303 {
		t.Errorf("withdraw: %s", resp.Status)
	}
	if _, text := b.get("/mail/outbox"); !strings.Contains(text, "Taken back, unread, from bob") {
		t.Errorf("after withdrawing:\n%s", text)
	}
	if got := h.mail("bob", "INBOX"); len(got) != 0 {
		t.Errorf("bob still has it")
	}
}

// TestReply: an answer goes to whom it should, quotes, and marks what it
// answers; a forward takes the files along.
func TestReply(t *testing.T) {
	h := newHome(t, nil)
	h.deliver("alice", "From: Carol <carol@elsewhere.example>\nTo: ally@example.org, bob@example.org\nSubject: picnic\nMessage-ID: <p1@elsewhere.example>\n"+
		"Date: Sun, 22 Nov 2026 10:00:00 +0000\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nShall we?\n--b\nContent-Type: image/png; name=map.png\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\n")
	b := h.browser("alice")
	place := fmt.Sprintf("%d/1", h.mailbox("alice", "INBOX"))
	id, text := b.fresh("?all=" + place)
	for _, want := range []string{`value="Carol &lt;carol@elsewhere.example&gt;"`, `name="cc" value="bob@example.org"`, `value="Re: picnic"`,
		"Carol wrote:\n&gt; Shall we?", `<option value="ally@example.org" selected>`} {
		if !strings.Contains(text, want) {
			t.Errorf("answer lacks %s in\n%s", want, text)
		}
	}
	resp, _ := b.letter([]string{"id", id, "about", "all/" + place, "from", "alice@example.org", "to", "bob", "subject", "Re: picnic", "text", "yes", "action", "send"})
	if resp.StatusCode != 303 {
		t.Fatalf("answer: %s", resp.Status)
	}
	if got := h.mail("alice", "Outbox")[0]; !strings.Contains(got, "In-Reply-To: <p1@elsewhere.example>\r\nReferences: <p1@elsewhere.example>\r\n") {
		t.Errorf("answer:\n%s", got)
	}
	if e := h.entry("alice", "INBOX", 1); e.Flags&store.Answered == 0 {
		t.Error("the message is not marked as answered")
	}
	id, text = b.fresh("?forward=" + place)
	if !strings.Contains(text, "map.png") || !strings.Contains(text, "Shall we?") {
		t.Errorf("forward:\n%s", text)
	}
	resp, _ = b.letter([]string{"id", id, "about", "forward/" + place, "from", "alice@example.org", "to", "bob", "subject", "Fwd: picnic", "text", "see", "action", "send"})
	if got := h.mail("alice", "Outbox"); resp.StatusCode != 303 || len(got) != 2 || !strings.Contains(got[1], "filename=map.png") {
		t.Errorf("forward: %s\n%q", resp.Status, got)
	}
	if e := h.entry("alice", "INBOX", 1); len(e.Keywords) != 1 || e.Keywords[0] != forwarded {
		t.Errorf("keywords after a forward: %q", e.Keywords)
	}
	// Completion knows the household and those who wrote.
	b.json = true
	for typed, want := range map[string]string{"bo": "bob@example.org", "carol": "carol@elsewhere.example", "ELSEW": "carol@elsewhere.example", "zz": "", "": ""} {
		_, answer := b.get("/mail/write/addresses?q=" + url.QueryEscape(typed))
		var list []suggestion
		if err := json.Unmarshal([]byte(answer), &list); err != nil || (len(list) == 0) != (want == "") || len(list) > 0 && list[0].Address != want {
			t.Errorf("%q is completed to %s", typed, answer)
		}
	}
}

func (h *home) deliver(name, text string) {
	h.Helper()
	e := &post.Envelope{From: "carol@elsewhere.example", Protocol: "ESMTP"}
	to, err := h.office.Resolve(context.Background(), e, name+"@example.org")
	if err != nil {
		h.Fatal(err)
	}
	e.Recipients = []post.Recipient{to}
	if _, err := h.office.Accept(context.Background(), e, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		h.Fatal(err)
	}
}

func (h *home) entry(name, mailbox string, uid uint32) (e store.Entry) {
	h.Helper()
	id := h.mailbox(name, mailbox)
	if err := h.store.View(func(tx *store.Tx) (err error) { e, err = tx.Entry(id, uid); return err }); err != nil {
		h.Fatal(err)
	}
	return e
}

// TestSending: what a person chooses holds for the next letter.
func TestSending(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	resp, _ := b.press("/me/sending", url.Values{"undo": {"0"}, "address": {"ally@example.org"}, "signature": {"Alice\r\nat home\r\n"}})
	if resp.StatusCode != 303 {
		t.Fatalf("choose: %s", resp.Status)
	}
	_, text := b.fresh("")
	if !strings.Contains(text, "\n\n-- \nAlice\nat home</textarea>") || !strings.Contains(text, `<option value="ally@example.org" selected>`) {
		t.Errorf("writing page:\n%s", text)
	}
	if undo, err := h.office.Undo(h.people["alice"].ID); err != nil || undo != 0 {
		t.Errorf("undo time is %v, %v", undo, err)
	}
	for _, bad := range []url.Values{{"undo": {"601"}, "address": {"ally@example.org"}}, {"undo": {"x"}, "address": {"ally@example.org"}},
		{"undo": {"0"}, "address": {"bob@example.org"}}, {"undo": {"0"}, "address": {"ally@example.org"}, "signature": {strings.Repeat("x", 3000)}}} {
		if resp, _ := b.press("/me/sending", bad); resp.StatusCode/100 != 4 {
			t.Errorf("%v: %s", bad, resp.Status)
		}
	}
}

// TestAway: the automatic answer and the forwarding are kept, and what makes no
// sense is refused.
func TestAway(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	away := url.Values{"on": {"1"}, "away-text": {"On <holiday>"}, "away-from": {"2026-12-24"}, "away-until": {"2027-01-02"}}
	if resp, text := b.press("/me/sending/away", away); resp.StatusCode != 303 {
		t.Fatalf("%s\n%s", resp.Status, text)
	}
	if _, text := b.get("/me/sending"); !strings.Contains(text, "On &lt;holiday&gt;</textarea>") || !strings.Contains(text, `name="on" value="1" checked`) {
		t.Errorf("page:\n%s", text)
	}
	away.Set("away-until", "2026-12-01")
	if resp, _ := b.press("/me/sending/away", away); resp.StatusCode != 422 {
		t.Errorf("ends before it begins: %s", resp.Status)
	}
	for to, want := range map[string]int{"me@elsewhere.example, you@elsewhere.example": 303, "bob@example.org": 422, "nonsense": 422} {
		if resp, _ := b.press("/me/sending/forward", url.Values{"forward": {to}, "keep": {"1"}}); resp.StatusCode != want {
			t.Errorf("forward to %s: %s", to, resp.Status)
		}
	}
	if f, err := h.write.Box.Forward("alice"); err != nil || strings.Join(f.To, " ") != "me@elsewhere.example you@elsewhere.example" || !f.Keep {
		t.Errorf("forwarded to %+v, %v", f, err)
	}
}

// TestLink: a link can begin a letter, in words that are seen, and no more.
func TestLink(t *testing.T) {
	h := newHome(t, nil)
	b := h.browser("alice")
	_, text := b.fresh("?link=" + url.QueryEscape("mailto:bob@example.org?subject=Hi%20there&body=one%0Atwo&bcc=spy@example.com&attach=/etc/passwd"))
	for _, want := range []string{`name="to" value="bob@example.org"`, `value="Hi there"`, ">\none\ntwo</textarea>", `name="bcc" value=""`} {
		if !strings.Contains(text, want) {
			t.Errorf("page lacks %s:\n%s", want, text)
		}
	}
	if _, text = b.fresh("?subject=" + url.QueryEscape("a\r\nBcc: x@example.org") + "&body=x%00"); strings.Contains(text, "\nBcc: x") {
		t.Errorf("page:\n%s", text)
	}
}

// BenchmarkUpload streams a file of 4 MiB into a draft: what it allocates must
// not grow with the file.
func BenchmarkUpload(b *testing.B) {
	st, err := store.Open(store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	b.SetBytes(4 << 20)
	b.ReportAllocs()
	w := &Write{Store: st}
	for b.Loop() {
		s := w.newSaving(8 << 20)
		if err := s.begin(&compose.Letter{MessageID: "bench@mailbox.local"}, true); err != nil {
			b.Fatal(err)
		}
		if err := s.add(&compose.File{Name: "x", Type: compose.MediaType("")}, endless(4<<20)); err != nil {
			b.Fatal(err)
		}
		s.abort()
	}
}
