package imapd

import (
	"context"
	"slices"
	"strings"
	"testing"

	"posthorn/appliance/post"
	"posthorn/store"
)

// sendToBob has alice's mail program send to bob and file its copy in Sent.
func (b *box) sendToBob(c *client, id string) {
	b.t.Helper()
	text := "From: alice@mailbox.local\r\nSubject: oops\r\nMessage-ID: <" + id + ">\r\n\r\nhello\r\n"
	office := b.server.Office
	e := &post.Envelope{From: "alice@mailbox.local", Recipients: []post.Recipient{{Address: "bob@mailbox.local"}}}
	err := b.store.View(func(tx *store.Tx) (err error) {
		e.Submitter, err = tx.AccountByName("alice")
		return err
	})
	if err == nil {
		_, err = office.Accept(context.Background(), e, strings.NewReader(text))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	c.ok(c.appendTo("Sent", text))
}

// inboxOf counts the messages of an account's INBOX.
func (b *box) inboxOf(name string) (n uint32) {
	b.t.Helper()
	err := b.store.View(func(tx *store.Tx) error {
		a, err := tx.AccountByName(name)
		if err != nil {
			return err
		}
		mb, err := tx.MailboxByRole(a.ID, store.RoleInbox)
		if err == nil {
			n = mb.Messages
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestWithdrawByMove(t *testing.T) {
	b := newSender(t)
	c := b.login()
	b.sendToBob(c, "one@program")
	if n := b.inboxOf("bob"); n != 1 {
		t.Fatalf("bob has %d messages", n)
	}
	c.fails(c.appendTo("Outbox/Withdraw", draftText))
	c.ok("SELECT Sent")
	c.ok("MOVE 1 Outbox/Withdraw")
	if n := b.inboxOf("bob"); n != 0 {
		t.Errorf("bob has %d messages after it was withdrawn", n)
	}
	// The sender is told.
	c.ok("SELECT INBOX")
	lines := c.ok("FETCH * (ENVELOPE BODY[TEXT])")
	if !slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "Withdrawn: oops") }) ||
		!strings.Contains(strings.Join(lines, "\n"), "bob") {
		t.Errorf("alice is told %q", lines)
	}
	// A message is withdrawn once.
	c.ok("SELECT Outbox/Withdraw")
	c.fails("COPY 1 Outbox/Withdraw")
}

func TestWithdrawSeen(t *testing.T) {
	b := newSender(t)
	c := b.login()
	b.sendToBob(c, "two@program")
	bob := b.dial()
	bob.ok("LOGIN bob \"" + password + "\"")
	bob.ok("SELECT INBOX")
	bob.ok("FETCH 1 BODY[]")
	c.ok("SELECT Sent")
	if said := c.fails("MOVE 1 Outbox/Withdraw"); !strings.Contains(said, "already seen by bob") {
		t.Errorf("alice is told %q", said)
	}
	if n := b.inboxOf("bob"); n != 1 {
		t.Errorf("bob has %d messages", n)
	}
	if lines := c.ok("FETCH 1 FLAGS"); len(lines) != 1 {
		t.Errorf("alice's copy is not where it was: %q", lines)
	}
}
