package mail

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/pagetest"
	"posthorn/store"
)

// home is a box with the people alice and bob, and its mail pages behind TLS.
type home struct {
	testing.TB
	store  *store.Store
	mail   *Mail
	site   *pagetest.Site
	server *httptest.Server
	people map[string]*store.Account
	boxes  map[string]*store.Mailbox // alice's, by name
	token  string
	client *http.Client
}

func newHome(t testing.TB, dir string) *home {
	t.Helper()
	hub := events.NewHub()
	st, err := store.Open(store.Options{Dir: dir, Memory: 512 << 20, Reserve: 1 << 20, OnCommit: hub.Announce})
	if err != nil {
		t.Fatal(err)
	}
	h := &home{TB: t, store: st, people: make(map[string]*store.Account), boxes: make(map[string]*store.Mailbox)}
	t.Cleanup(func() {
		if _, bench := t.(*testing.B); !bench {
			if report, err := st.Check(context.Background()); err != nil || report.Count > 0 {
				t.Error("check:", err, report)
			}
		}
		st.Close()
	})
	h.update(func(tx *store.Tx) error {
		for _, name := range []string{"alice", "bob"} {
			a := &store.Account{Name: name}
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			h.people[name] = a
		}
		all, err := tx.Mailboxes(h.people["alice"].ID)
		for _, mb := range all {
			h.boxes[mb.Name] = mb
		}
		return err
	})
	site := pagetest.New(t, st)
	h.mail = &Mail{Site: site.Page, Store: st, Hub: hub, Office: &post.Office{Store: st, Hostname: func() string { return "mailbox" }}}
	if err := h.mail.Routes(); err != nil {
		t.Fatal(err)
	}
	h.site, h.server = site, site.Server
	h.login("alice")
	return h
}

// login makes the home's browser somebody's.
func (h *home) login(name string) {
	h.Helper()
	h.client, h.token = h.site.Login(name)
}

func (h *home) update(fn func(tx *store.Tx) error) {
	h.Helper()
	if err := h.store.Update(fn); err != nil {
		h.Fatal(err)
	}
}

func (h *home) do(method, path, body string) (*http.Response, string) {
	h.Helper()
	r, err := http.NewRequest(method, h.server.URL+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := h.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	return resp, string(text)
}

func (h *home) get(path string) (*http.Response, string) {
	h.Helper()
	return h.do("GET", path, "")
}

// shows gets a page and fails unless it has all of these texts.
func (h *home) shows(path string, want ...string) string {
	h.Helper()
	resp, text := h.get(path)
	if resp.StatusCode != http.StatusOK {
		h.Fatalf("%s: %s\n%s", path, resp.Status, text)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			h.Errorf("%s lacks %q:\n%s", path, w, text)
		}
	}
	return text
}

// press posts a form: names and values in turn.
func (h *home) press(path string, fields ...string) *http.Response {
	h.Helper()
	form := url.Values{"csrf": {h.token}}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	resp, text := h.do("POST", path, form.Encode())
	if resp.StatusCode == http.StatusInternalServerError {
		h.Errorf("%s: %s", path, text)
	}
	return resp
}

// put puts a message into one of alice's mailboxes and returns its UID.
func (h *home) put(box string, flags store.Flags, keywords []string, raw string) (uid uint32) {
	h.Helper()
	h.update(func(tx *store.Tx) error {
		e, err := h.add(tx, box, flags, keywords, raw)
		uid = e.UID
		return err
	})
	return uid
}

func (h *home) add(tx *store.Tx, box string, flags store.Flags, keywords []string, raw string) (store.Entry, error) {
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	w, scan := h.store.NewBlob(), message.NewScanner()
	io.WriteString(io.MultiWriter(w, scan), raw)
	info := scan.Finish()
	meta, err := info.Marshal()
	if err != nil {
		return store.Entry{}, err
	}
	id, err := tx.PutMessage(w, info.Envelope.Date, meta)
	if err != nil {
		return store.Entry{}, err
	}
	return tx.Append(h.boxes[box].ID, id, flags, keywords)
}

// entries are the UIDs of one of alice's mailboxes.
func (h *home) entries(box string) (uids []uint32) {
	h.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		uids = nil
		for e, err := range tx.Entries(h.boxes[box].ID, 0, 0) {
			if err != nil {
				return err
			}
			uids = append(uids, e.UID)
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return uids
}

func (h *home) path(box string) string { return pathOf(h.boxes[box].ID) }

func (h *home) id(box string) string { return strconv.FormatUint(uint64(h.boxes[box].ID), 10) }

func mailFrom(subject, more, body string) string {
	return fmt.Sprintf("From: Rosa <rosa@example.org>\nTo: alice@mailbox.local\nSubject: %s\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n%s\n%s\n", subject, more, body)
}

// attached is a message with files.
func attached(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "--x\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"%s\"\nContent-Transfer-Encoding: base64\n\n%s\n",
			n, base64.StdEncoding.EncodeToString([]byte("octets of "+n)))
	}
	return mailFrom("Files", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n", "--x\n\nSee the files.\n"+b.String()+"--x--")
}

func TestList(t *testing.T) {
	h := newHome(t, "")
	h.shows(h.path("INBOX"), "No mail here.", "Inbox")
	if resp, _ := h.get("/mail"); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != h.path("INBOX") {
		t.Error(resp.Status, resp.Header)
	}
	for n := range 120 {
		h.put("INBOX", 0, nil, mailFrom(fmt.Sprintf("letter %d.", n), "", "text"))
	}
	h.put("INBOX", store.Seen|store.Flagged|store.Answered, []string{post.Unproven}, attached("a.txt"))
	text := h.shows(h.path("INBOX"), "letter 119.", "letter 71.", "Answered", "With attachments", "Not proven", `class="star on"`, "121 messages")
	if strings.Contains(text, "letter 70.") || strings.Count(text, `<li class="row`) != pageRows {
		t.Error("the first page is not the newest 50")
	}
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(text)
	text = h.shows(next[1], "letter 70.", "letter 21.", "Newest")
	if strings.Contains(text, "letter 71.") {
		t.Error("pages overlap")
	}
	text = h.shows(h.path("INBOX") + "?part=rows")
	if strings.Contains(text, "<html") || !strings.Contains(text, "letter 119.") {
		t.Error("the rows alone are not the rows alone")
	}
	for _, path := range []string{"/mail/9999", "/mail/x", h.path("INBOX") + "?before=x", h.path("INBOX") + "/9999", "/mail/search?q=a&in=9999",
		"/mail/search?q=a&after=x", "/mail/empty?mailbox=" + h.id("INBOX"), h.path("INBOX") + "/1/part/7", h.path("INBOX") + "/1/part/x", h.path("INBOX") + "/1/body/1"} {
		if resp, _ := h.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	inbox := h.path("INBOX")
	h.login("bob")
	for _, path := range []string{inbox, inbox + "/1", inbox + "/1/source", inbox + "/121/part/2", inbox + "/121/files.zip"} {
		if resp, text := h.get(path); resp.StatusCode != http.StatusNotFound || strings.Contains(text, "letter") {
			t.Errorf("bob reads alice's %s: %s", path, resp.Status)
		}
	}
}

func TestSearchPages(t *testing.T) {
	h := newHome(t, "")
	for n := range 130 {
		h.put([]string{"INBOX", "Sent", "Trash"}[n%3], 0, nil, mailFrom(fmt.Sprintf("letter %d", n), "", fmt.Sprintf("word%dword", n)))
	}
	if text, n := h.search("/mail/search?q=letter+76"); n != 1 || !strings.Contains(text, "letter 76</span>") {
		t.Error("not found in all folders")
	}
	if _, n := h.search("/mail/search?q=letter+76&in=" + h.id("INBOX")); n != 0 {
		t.Error("found in a folder it is not in")
	}
	if text, n := h.search("/mail/search?q=word76word"); n != 0 || !strings.Contains(text, "Nothing found") {
		t.Error("found in the text without being asked to")
	}
	if text, n := h.search("/mail/search?q=word76word&text=1"); n != 1 || !strings.Contains(text, "letter 76</span>") {
		t.Error("not found in the text")
	}
	h.shows("/mail/search?q=", "Type some words")
	h.shows("/mail/search?q=%3Cscript%3E", "&lt;script&gt;")
	if _, n := h.search("/mail/search?q=letter"); n != 87 {
		t.Errorf("%d found, want 87: those in INBOX and Sent", n)
	}
}

// search goes through all pages of a search, each of which ends when it is full
// or time is up, and counts the rows.
func (h *home) search(path string) (all string, rows int) {
	h.Helper()
	for path != "" {
		text := h.shows(path)
		all += text
		rows += strings.Count(text, `<li class="row`)
		path = ""
		if m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(text); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	return all, rows
}

func TestRead(t *testing.T) {
	h := newHome(t, "")
	uid := h.put("INBOX", 0, []string{post.Unproven}, "Received: from a\nAuthentication-Results: mailbox.local; spf=fail\n"+
		"Received: from b\nAuthentication-Results: mailbox.local; spf=pass (a lie)\n"+
		mailFrom("<b>Hello</b>", "Message-ID: <1@x>\n", "See https://e.example/ or a@b.example\n> one\n> two\n> three\n> four\n> five\n> six\n-- \nRosa <script>alert(1)</script>"))
	text := h.shows(pathTo(h.boxes["INBOX"].ID, uid), "&lt;b&gt;Hello&lt;/b&gt;", `href="https://e.example/" target="_blank" rel="noopener noreferrer"`,
		`/mail/write?link=mailto`, "Show 6 quoted lines", "&lt;script&gt;", "not proven that this mail is from rosa@example.org", "spf=fail")
	if strings.Contains(text, "a lie") {
		t.Error("somebody else's words count as ours")
	}
	if e := h.entry("INBOX", uid); e.Flags&store.Seen == 0 {
		t.Error("a message that was read is unread")
	}
	answer := h.put("INBOX", 0, nil, mailFrom("Re: Hello", "Message-ID: <2@x>\nReferences: <1@x>\n", "Yes."))
	h.shows(pathTo(h.boxes["INBOX"].ID, answer), "2 messages in this conversation", pathTo(h.boxes["INBOX"].ID, uid)+`"`)
	if resp, _ := h.do("HEAD", pathTo(h.boxes["INBOX"].ID, answer), ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

func (h *home) entry(box string, uid uint32) (e store.Entry) {
	h.Helper()
	if err := h.store.View(func(tx *store.Tx) (err error) { e, err = tx.Entry(h.boxes[box].ID, uid); return err }); err != nil {
		h.Fatal(err)
	}
	return e
}

func TestHTML(t *testing.T) {
	h := newHome(t, "")
	const alternative = "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n"
	uid := h.put("INBOX", 0, nil, mailFrom("Two forms", alternative,
		"--x\n\nplain words\n--x\nContent-Type: text/html\n\n<p onclick=alert(1)>rich words</p><img src=\"https://e.example/a.png\"><script>alert(1)</script>\n--x--"))
	path := pathTo(h.boxes["INBOX"].ID, uid)
	text := h.shows(path, `sandbox="allow-popups allow-popups-to-escape-sandbox"`, path+"/body/2", "Show pictures", "Plain text")
	if strings.Contains(text, "rich words") {
		t.Error("HTML of a message is in our page")
	}
	h.shows(path+"?plain=1", "plain words", "As designed")
	h.shows(path+"?pictures=1", path+"/body/2?pictures=1")
	resp, text := h.get(path + "/body/2")
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox allow-popups") || !strings.Contains(policy, "default-src 'none'; img-src data:;") {
		t.Errorf("policy %q", policy)
	}
	if !strings.Contains(text, "<p>rich words</p><img>") || strings.Contains(text, "alert") || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Error(text)
	}
	resp, text = h.get(path + "/body/2?pictures=1&print=1")
	if !strings.Contains(text, `src="https://e.example/a.png"`) || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "img-src data: https:") || !strings.Contains(text, "Rosa &lt;rosa@example.org&gt;") {
		t.Error(text)
	}
}

// What is in a message's headers and structure stays inside the page.
func TestHostileMessages(t *testing.T) {
	h := newHome(t, "")
	const evil = `"><script>alert(1)</script>`
	for _, raw := range []string{
		"From: " + evil + " <x@y>\nTo: " + evil + "\nCc: " + evil + "\nReply-To: " + evil + "\nSubject: " + evil + "\nDate: " + evil + "\n\n" + evil,
		mailFrom("x", "Content-Type: text/html; charset=\""+evil+"\"\n", evil),
		"\n\n", "", "no header at all", mailFrom("deep", "Content-Type: multipart/mixed; boundary=a\n", "--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"),
		mailFrom("cycle", "Content-Type: message/rfc822\n", mailFrom(evil, "Content-Type: message/rfc822\n", mailFrom(evil, "", "inner"))),
		attached(evil, `..\..\x.exe`, "/etc/passwd", "CON.txt", strings.Repeat("n", 1000)),
	} {
		if raw == "" {
			raw = "\n"
		}
		uid := h.put("INBOX", 0, nil, raw)
		for _, path := range []string{h.path("INBOX"), pathTo(h.boxes["INBOX"].ID, uid), pathTo(h.boxes["INBOX"].ID, uid) + "?plain=1"} {
			if text := h.shows(path); strings.Contains(text, "<script>alert") {
				t.Errorf("%q got into %s", raw, path)
			}
		}
	}
}

// Mail that waits to leave says how far it has come, and is not to be moved
// into the Outbox by hand.
func TestOutgoing(t *testing.T) {
	h := newHome(t, "")
	now := time.Now()
	states := []struct {
		want string
		q    store.Queued
	}{
		{"Leaves in a moment", store.Queued{NotBefore: now.Add(time.Hour)}},
		{"Will be sent", store.Queued{NotBefore: now.Add(time.Hour), Scheduled: true}},
		{"Waiting to leave", store.Queued{}},
		{"Being sent", store.Queued{Recipients: []store.QueuedRecipient{{Address: "a@b.example", State: store.QueuedTrying}}}},
		{"Not through yet", store.Queued{Recipients: []store.QueuedRecipient{{Address: "a@b.example", Attempts: 2, Answer: "450 later"}}}},
		{"Could not be sent", store.Queued{Recipients: []store.QueuedRecipient{{Address: "a@b.example", State: store.QueuedFailed, Answer: "550 no <such> user"}, {Address: "c@d.example"}}}},
	}
	h.update(func(tx *store.Tx) error {
		out, err := tx.CreateMailbox(h.people["alice"].ID, "Outbox", store.RoleOutbox)
		if err != nil {
			return err
		}
		h.boxes["Outbox"] = out
		return nil
	})
	for i, s := range states {
		h.update(func(tx *store.Tx) error {
			e, err := h.add(tx, "Outbox", store.Seen, nil, mailFrom(fmt.Sprintf("to leave %d", i), "", "x"))
			if err != nil {
				return err
			}
			q := s.q
			q.Account, q.Message, q.Mailbox, q.UID, q.Name = h.people["alice"].ID, e.Message, h.boxes["Outbox"].ID, e.UID, "q"
			if q.Recipients == nil {
				q.Recipients = []store.QueuedRecipient{{Address: "a@b.example"}}
			}
			return tx.Enqueue(&q)
		})
	}
	text := h.shows(h.path("Outbox"), "alice@mailbox.local")
	for i, s := range states {
		if !strings.Contains(text, s.want) {
			t.Errorf("the list lacks %q", s.want)
		}
		h.shows(pathTo(h.boxes["Outbox"].ID, uint32(i+1)), s.want, `href="/mail/outbox"`)
	}
	h.shows(pathTo(h.boxes["Outbox"].ID, 6), "550 no &lt;such&gt; user")
	if resp := h.press("/mail/act", "mailbox", h.id("Outbox"), "uid", "4", "do", "trash"); resp.StatusCode != http.StatusConflict {
		t.Error("moved while it is handed over:", resp.Status)
	}
	h.press("/mail/act", "mailbox", h.id("Outbox"), "uid", "1", "do", "trash")
	uid := h.put("INBOX", 0, nil, mailFrom("x", "", "y"))
	if resp := h.press("/mail/act", "mailbox", h.id("INBOX"), "uid", strconv.Itoa(int(uid)), "do", "move", "to", h.id("Outbox")); resp.StatusCode != http.StatusConflict {
		t.Error("moved into the Outbox:", resp.Status)
	}
}
