package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSent(t *testing.T) {
	s := openTest(t, Options{})
	alice, _ := newAccount(t, s, "alice")
	bob, _ := newAccount(t, s, "bob")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	q := outgoing(t, s, alice, now, "x@one.example")
	update(t, s, func(tx *Tx) error {
		inbox, err := tx.MailboxByRole(bob, RoleInbox)
		if err != nil {
			return err
		}
		e, err := tx.Append(inbox.ID, q.Message, 0, nil)
		if err != nil {
			return err
		}
		return tx.PutSent(&Sent{Message: q.Message, Account: alice, MessageID: "a@b", At: now, Queued: q.ID,
			Places: []Place{{Account: bob, Mailbox: inbox.ID, UID: e.UID}}})
	})
	err := s.View(func(tx *Tx) error {
		for _, miss := range []struct {
			account AccountID
			id      string
		}{{bob, "a@b"}, {alice, "b@b"}} {
			if list, err := tx.SentAs(miss.account, miss.id); err != nil || len(list) != 0 {
				t.Errorf("%+v: found %v, %v", miss, list, err)
			}
		}
		list, err := tx.SentAs(alice, "a@b")
		if err != nil || len(list) != 1 || list[0].Message != q.Message || len(list[0].Places) != 1 {
			t.Fatalf("sent: %v, %v", list, err)
		}
		places, err := tx.Places(bob, q.Message)
		if err != nil || len(places) != 1 || places[0] != list[0].Places[0] {
			t.Errorf("places %v, %v; want %v", places, err, list[0].Places)
		}
		// In bob's INBOX, in alice's Outbox, and in the queue.
		if n, err := tx.References(q.Message); n != 3 || err != nil {
			t.Errorf("%d references, %v", n, err)
		}
		if n, err := tx.References(q.Message + 1); n != 0 || err != nil {
			t.Errorf("a message that is not there has %d references, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		sent, err := tx.Sent(q.Message)
		if err != nil {
			return err
		}
		return tx.DeleteSent(sent)
	})
	err = s.View(func(tx *Tx) error { _, err := tx.Sent(q.Message); return err })
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("forgotten, but found: %v", err)
	}
}

// What was sent is remembered for a while, and no longer.
func TestSentAges(t *testing.T) {
	s := openTest(t, Options{})
	alice, _ := newAccount(t, s, "alice")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 60 {
		at := begin.AddDate(0, 0, i)
		update(t, s, func(tx *Tx) error {
			return tx.PutSent(&Sent{Message: MessageID(i + 1), Account: alice, MessageID: fmt.Sprint(i), At: at})
		})
	}
	err := s.View(func(tx *Tx) error {
		list, err := tx.SentBy(alice)
		if err != nil {
			return err
		}
		if len(list) != 31 || list[0].MessageID != "59" || list[30].MessageID != "29" {
			t.Errorf("%d are remembered, from %v to %v", len(list), list[0], list[len(list)-1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
