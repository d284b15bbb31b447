package write

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"posthorn/appliance/web/compose"
	"posthorn/store"
)

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
