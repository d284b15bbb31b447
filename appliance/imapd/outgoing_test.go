package imapd

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/post"
	"posthorn/store"
)

// newSender is a box whose mail leaves: what is queued can be looked at, for
// no queue runs.
func newSender(t *testing.T) *box {
	b := newStore(t, "")
	b.server.Office = &post.Office{Store: b.store, Hostname: func() string { return "mailbox" }}
	err := b.store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Sending = store.SendDirect
		return tx.PutSettings(set)
	})
	if err == nil {
		err = b.server.Office.Furnish()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.listen(func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
	return b
}

// queue lists what waits.
func (b *box) queue() []*store.Queued {
	b.t.Helper()
	var list []*store.Queued
	err := b.store.View(func(tx *store.Tx) (err error) {
		list, err = tx.AllQueued(0, 100)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

const draftText = "From: alice@mailbox.local\r\nTo: Far Away <far@away.example>\r\nBcc: secret@away.example, bob@mailbox.local\r\nSubject: soon\r\n\r\nhello\r\n"

func (c *client) appendTo(mailbox, text string) string {
	c.t.Helper()
	return fmt.Sprintf("APPEND %q {%d+}\r\n%s", mailbox, len(text), text)
}

func TestScheduleByAppend(t *testing.T) {
	b := newSender(t)
	c := b.login()
	c.ok(c.appendTo("Outbox/In 1 hour", draftText))
	list := b.queue()
	if len(list) != 1 {
		t.Fatalf("%d messages are queued, want 1", len(list))
	}
	q := list[0]
	if wait := time.Until(q.NotBefore); !q.Scheduled || wait < 59*time.Minute || wait > 61*time.Minute {
		t.Errorf("it leaves in %v", wait)
	}
	var to []string
	for _, r := range q.Recipients {
		to = append(to, r.Address)
	}
	if q.From != "alice@mailbox.local" || strings.Join(to, " ") != "far@away.example secret@away.example bob@mailbox.local" {
		t.Errorf("envelope is %q %q", q.From, to)
	}
	err := b.store.View(func(tx *store.Tx) error {
		m, err := tx.Message(q.Message)
		if err != nil {
			return err
		}
		r, err := b.store.OpenBlob(m.Blob)
		if err != nil {
			return err
		}
		defer r.Close()
		text := make([]byte, m.Size)
		if _, err := r.ReadAt(text, 0); err != nil {
			return err
		}
		if s := string(text); strings.Contains(s, "secret") || !strings.HasPrefix(s, "Return-Path: <alice@mailbox.local>\r\nReceived: ") || !strings.Contains(s, "Message-ID: <") {
			t.Errorf("what leaves is %q", s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Taken back, the draft is as it was.
	c.ok(`SELECT "Outbox/In 1 hour"`)
	c.ok("MOVE 1 Drafts")
	if n := len(b.queue()); n != 0 {
		t.Errorf("%d messages are queued after it was taken back", n)
	}
	c.ok("SELECT Drafts")
	if got := strings.Join(c.ok("FETCH 1 BODY.PEEK[]"), "\n"); !strings.Contains(got, "Bcc: secret@away.example") {
		t.Errorf("the draft is %q", got)
	}
}

func TestScheduleByMove(t *testing.T) {
	b := newSender(t)
	c := b.login()
	b.put("Drafts", draftText, draftText)
	c.ok("SELECT Drafts")
	c.ok(`MOVE 1 "Outbox/Tomorrow 08:00"`)
	c.ok(`COPY 1 "Outbox/Monday 08:00"`)
	if n := len(b.queue()); n != 2 {
		t.Fatalf("%d messages are queued, want 2", n)
	}
	c.ok(`SELECT "Outbox/Tomorrow 08:00"`)
	if got := c.fails(`COPY 1 "Outbox/In 1 hour"`); !strings.Contains(got, "waits to be sent already") {
		t.Errorf("copying a waiting message: %q", got)
	}
	first := b.queue()[0].ID
	c.ok(`MOVE 1 "Outbox/In 1 hour"`)
	if q := b.queue()[0]; q.ID != first || time.Until(q.NotBefore) > 61*time.Minute || len(q.Recipients) != 3 {
		t.Errorf("the message moved to another time is %+v", q)
	}
	c.ok(`SELECT "Outbox/In 1 hour"`)
	c.ok(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	c.ok("EXPUNGE")
	if n := len(b.queue()); n != 1 {
		t.Errorf("%d messages are queued after one was deleted, want 1", n)
	}
}

func TestTooLateToWithdraw(t *testing.T) {
	b := newSender(t)
	c := b.login()
	c.ok(c.appendTo("Outbox", draftText))
	c.ok(c.appendTo("Outbox", draftText))
	q := b.queue()[0]
	q.Recipients[0].State = store.QueuedTrying
	if err := b.store.Update(func(tx *store.Tx) error { return tx.PutQueued(q) }); err != nil {
		t.Fatal(err)
	}
	c.ok("SELECT Outbox")
	c.ok(`STORE 1:2 +FLAGS.SILENT (\Deleted)`)
	if got := c.fails("EXPUNGE"); got != "NO [INUSE] expunge: too late, the message is being handed over right now" {
		t.Errorf("too late: %q", got)
	}
	if got := c.fails("MOVE 1 Drafts"); !strings.HasPrefix(got, "NO [INUSE]") {
		t.Errorf("too late: %q", got)
	}
	if list := b.queue(); len(list) != 1 || list[0].ID != q.ID {
		t.Errorf("queue is %+v: the other is to be withdrawn", list)
	}
}

func TestUnsendableDrafts(t *testing.T) {
	b := newSender(t)
	c := b.login()
	c.ok(`CREATE "Outbox/Some day"`)
	for _, test := range []struct{ mailbox, text, says string }{
		{"Outbox", "From: bob@mailbox.local\r\nTo: x@away.example\r\n\r\n", "<bob@mailbox.local>: not one of your addresses"},
		{"Outbox", "From: alice@mailbox.local\r\n\r\n", "names no recipient"},
		{"Outbox", "To: x@away.example\r\n\r\n", "no From field"},
		{"Outbox", "From: alice@mailbox.local\r\nTo: nobody@mailbox.local\r\n\r\n", "no such mailbox here"},
		{"Outbox", "From: alice@mailbox.local\r\nTo: nobody\r\n\r\n", "not a mail address"},
		{"Outbox/Some day", draftText, "has no time of day like 08:00"},
		{"Outbox", "X-Send-At: soon\r\n" + draftText, "no date such as"},
		{"Outbox", "X-Send-At: Fri, 01 Jan 2100 00:00:00 +0000\r\n" + draftText, "more than a year ahead"},
	} {
		if got := c.fails(c.appendTo(test.mailbox, test.text)); !strings.HasPrefix(got, "NO [CANNOT] not sent: ") || !strings.Contains(got, test.says) {
			t.Errorf("%q to %s: %q, want %q in it", test.text, test.mailbox, got, test.says)
		}
	}
	if n := len(b.queue()); n != 0 {
		t.Errorf("%d messages are queued", n)
	}
	c.ok("SELECT Outbox")
	if got := c.fails(`DELETE INBOX`); !strings.HasPrefix(got, "NO [CANNOT]") {
		t.Errorf("delete INBOX: %q", got)
	}
}
