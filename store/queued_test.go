package store

import (
	"errors"
	"testing"
	"time"
)

// outgoing stores a message and puts it into the queue, shown in an Outbox
// that is made if absent.
func outgoing(t testing.TB, s *Store, acct AccountID, at time.Time, to ...string) *Queued {
	t.Helper()
	var q *Queued
	blob := s.NewBlob()
	defer blob.Abort()
	if _, err := blob.Write([]byte("Subject: out\r\n\r\nbody\r\n")); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		mb, err := tx.MailboxByRole(acct, RoleOutbox)
		if errors.Is(err, ErrNotFound) {
			mb, err = tx.CreateMailbox(acct, "Outbox", RoleOutbox)
		}
		if err != nil {
			return err
		}
		id, err := tx.PutMessage(blob, at, nil)
		if err != nil {
			return err
		}
		q = &Queued{Account: acct, Message: id, Mailbox: mb.ID, Name: "N", From: "a@box", NotBefore: at}
		for _, r := range to {
			q.Recipients = append(q.Recipients, QueuedRecipient{Address: r})
		}
		return tx.Enqueue(q)
	})
	return q
}

// dueIDs lists the queue in the order of due times.
func dueIDs(t testing.TB, s *Store) (ids []QueuedID, at []time.Time) {
	t.Helper()
	err := s.View(func(tx *Tx) error {
		ids, at = nil, nil
		return tx.Due(func(d DueQueued) bool {
			ids, at = append(ids, d.ID), append(at, d.At)
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, at
}

func TestQueueOrder(t *testing.T) {
	s := openTest(t, Options{})
	acct, _ := newAccount(t, s, "alice")
	base := time.Date(2026, 11, 22, 12, 0, 0, 1, time.UTC)
	late := outgoing(t, s, acct, base.Add(time.Hour), "x@one.example", "y@TWO.example")
	soon := outgoing(t, s, acct, base, "x@one.example")
	ids, at := dueIDs(t, s)
	if len(ids) != 2 || ids[0] != soon.ID || ids[1] != late.ID {
		t.Fatalf("order is %v, want %d then %d", ids, soon.ID, late.ID)
	}
	if at[0].Before(soon.NotBefore) {
		t.Errorf("due at %v, before %v", at[0], soon.NotBefore)
	}
	late.Recipients[0].State = QueuedDelivered
	late.Recipients[1].Next = base.Add(2 * time.Hour)
	update(t, s, func(tx *Tx) error { return tx.PutQueued(late) })
	err := s.View(func(tx *Tx) error {
		return tx.Due(func(d DueQueued) bool {
			if d.ID == late.ID && (len(d.Domains) != 1 || d.Domains[0] != "two.example" || d.From != "a@box") {
				t.Errorf("index says %+v", d)
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if ids, _ = dueIDs(t, s); len(ids) != 2 {
		t.Errorf("%d due times for 2 messages", len(ids))
	}
}

func TestWithdraw(t *testing.T) {
	s := openTest(t, Options{})
	acct, _ := newAccount(t, s, "alice")
	q := outgoing(t, s, acct, time.Now(), "x@one.example")
	update(t, s, func(tx *Tx) error {
		q.Recipients[0].State = QueuedTrying
		return tx.PutQueued(q)
	})
	err := s.Update(func(tx *Tx) error { return tx.Expunge(q.Mailbox, q.UID) })
	if !errors.Is(err, ErrSending) {
		t.Fatalf("expunge while it is handed over: %v, want ErrSending", err)
	}
	verify(t, s)
	update(t, s, func(tx *Tx) error {
		q.Recipients[0].State = QueuedWaiting
		if err := tx.PutQueued(q); err != nil {
			return err
		}
		return tx.Expunge(q.Mailbox, q.UID)
	})
	err = s.View(func(tx *Tx) error {
		if _, err := tx.Queued(q.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("withdrawn message: %v, want ErrNotFound", err)
		}
		if _, err := tx.Message(q.Message); !errors.Is(err, ErrNotFound) {
			t.Errorf("its body: %v, want ErrNotFound", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMovingQueued(t *testing.T) {
	s := openTest(t, Options{})
	acct, _ := newAccount(t, s, "alice")
	q := outgoing(t, s, acct, time.Now(), "x@one.example")
	at := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	update(t, s, func(tx *Tx) error {
		mb, err := tx.CreateMailbox(acct, "Outbox/Tomorrow", "")
		if err != nil {
			return err
		}
		_, err = tx.MoveQueued(q.Mailbox, q.UID, mb.ID, at, true)
		return err
	})
	verify(t, s)
	update(t, s, func(tx *Tx) error {
		moved, err := tx.Queued(q.ID)
		if err != nil {
			return err
		}
		if moved.Mailbox == q.Mailbox || !moved.Scheduled || moved.NotBefore.Unix() != at.Unix() {
			t.Errorf("rescheduled message is %+v", moved)
		}
		if err := tx.DeleteMailbox(acct, "Outbox/Tomorrow"); !errors.Is(err, ErrReserved) {
			t.Errorf("delete a mailbox with waiting mail: %v, want ErrReserved", err)
		}
		sent, err := tx.MailboxByRole(acct, RoleSent)
		if err != nil {
			return err
		}
		return tx.Dequeue(q.ID, sent.ID)
	})
	err := s.View(func(tx *Tx) error {
		sent, err := tx.MailboxByRole(acct, RoleSent)
		if err == nil && sent.Messages != 1 {
			t.Errorf("Sent holds %d messages, want 1", sent.Messages)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRemoveAccountWithdraws(t *testing.T) {
	s := openTest(t, Options{})
	alice, _ := newAccount(t, s, "alice")
	bob, _ := newAccount(t, s, "bob")
	outgoing(t, s, alice, time.Now(), "x@one.example")
	kept := outgoing(t, s, bob, time.Now(), "x@one.example")
	update(t, s, func(tx *Tx) error { return tx.RemoveAccount(alice) })
	if ids, _ := dueIDs(t, s); len(ids) != 1 || ids[0] != kept.ID {
		t.Errorf("queue holds %v, want only %d", ids, kept.ID)
	}
}

func TestQueueLimits(t *testing.T) {
	s := openTest(t, Options{})
	acct, inbox := newAccount(t, s, "alice")
	e := deliver(t, s, inbox, []byte("x"))
	for _, n := range []int{0, MaxQueuedRecipients + 1} {
		err := s.Update(func(tx *Tx) error {
			return tx.Enqueue(&Queued{Account: acct, Message: e.Message, Recipients: make([]QueuedRecipient, n)})
		})
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d recipients: %v, want ErrTooLarge", n, err)
		}
	}
}
