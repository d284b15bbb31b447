package write

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

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
		if resp, text := b.press("/me/sending", bad); resp.StatusCode/100 != 4 || strings.Contains(text, "%!") {
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
