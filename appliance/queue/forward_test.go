package queue

import (
	"context"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"posthorn/appliance/post"
	"posthorn/store"
)

// arrives has a message of somebody elsewhere come in for bob.
func (b *box) arrives(text string) {
	b.t.Helper()
	e := &post.Envelope{From: "friend@far.example", Protocol: "ESMTP", Recipients: []post.Recipient{{Address: "bob@mailbox.local"}}}
	if _, err := b.Office.Accept(context.Background(), e, strings.NewReader(text)); err != nil {
		b.t.Fatal(err)
	}
}

// bobForwards has bob's mail go elsewhere.
func (b *box) bobForwards(f post.Forward) {
	b.t.Helper()
	err := b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.AccountByName("bob")
		if err != nil {
			return err
		}
		return b.Office.PutForward(tx, a.ID, &f)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// A copy leaves under bob's name, with a mark by which it is known again; when
// it comes back it stays.
func TestForwardedCopy(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	b.bobForwards(post.Forward{To: []string{"bob@work.example"}, Keep: true})
	b.run()
	text := "From: friend@far.example\r\nSubject: hello\r\n\r\nbody\r\n"
	b.arrives(text)
	eventually(t, "the copy", func() bool { return len(e.got()) == 1 && len(b.waiting()) == 0 })
	got := e.got()[0]
	if got.from != "bob@mailbox.local" || strings.Join(got.to, " ") != "bob@work.example" ||
		!strings.HasPrefix(got.text, "Delivered-To: bob@mailbox.local\r\n") || !strings.HasSuffix(got.text, text) ||
		strings.Contains(got.text, "Return-Path") {
		t.Errorf("the copy is %+v", got)
	}
	b.arrives(got.text)
	if n := len(b.mailbox("bob", "INBOX")); n != 2 || len(b.waiting()) != 0 {
		t.Errorf("bob has %d messages, %d wait", n, len(b.waiting()))
	}
}

// A copy that nobody takes comes back whole: there may be no other.
func TestForwardRefused(t *testing.T) {
	e := newElsewhere(t)
	e.set(func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "who is that?"}
	}, nil)
	b := newBox(t, e, -1)
	b.bobForwards(post.Forward{To: []string{"bob@work.example"}})
	b.run()
	b.arrives("From: friend@far.example\r\nSubject: hello\r\n\r\nthe only copy\r\n")
	eventually(t, "the notice", func() bool { return len(b.mailbox("bob", "INBOX")) == 1 && len(b.waiting()) == 0 })
	if notice := b.mailbox("bob", "INBOX")[0]; !strings.Contains(notice, "who is that?") || !strings.Contains(notice, "the only copy") {
		t.Errorf("bob is told %q", notice)
	}
	if n := len(b.mailbox("alice", "INBOX")); n != 0 {
		t.Errorf("alice has %d messages", n)
	}
}

// Where there is no room for it to come back, it waits; nobody else gets it.
func TestForwardRefusedNoRoom(t *testing.T) {
	e := newElsewhere(t)
	e.set(func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "who is that?"}
	}, nil)
	b := newBox(t, e, -1)
	b.bobForwards(post.Forward{To: []string{"bob@work.example"}, Keep: true})
	b.bobsQuota(3000)
	b.run()
	b.arrives("From: friend@far.example\r\nSubject: hello\r\n\r\nmine" + strings.Repeat("\r\nalone", 200) + "\r\n")
	eventually(t, "an attempt", func() bool { w := b.waiting(); return len(w) == 1 && w[0].Recipients[0].Attempts == 1 })
	if r := b.waiting()[0].Recipients[0]; r.State != store.QueuedWaiting || len(b.mailbox("alice", "INBOX")) != 0 {
		t.Errorf("recipient %+v, alice has %d messages", r, len(b.mailbox("alice", "INBOX")))
	}
	b.bobsQuota(100000)
	eventually(t, "the notice", func() bool { return len(b.retried()) == 0 && len(b.mailbox("bob", "INBOX")) == 2 })
}

// bobsQuota bounds what bob may keep.
func (b *box) bobsQuota(octets int64) {
	b.t.Helper()
	err := b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.AccountByName("bob")
		if err != nil {
			return err
		}
		a.Quota = octets
		return tx.PutAccount(a)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}
