package pop3d

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthorn/store"
)

// setRescue sets for how many days deleted mail is kept.
func (b *box) setRescue(t testing.TB, days int) {
	t.Helper()
	b.update(t, func(tx *store.Tx) error {
		settings, err := tx.Settings()
		if err != nil {
			return err
		}
		settings.POP3RescueDays = days
		return tx.PutSettings(settings)
	})
}

func TestDeletedMailGoesToTheTrash(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	b.append(t, "Subject: four\r\n\r\n", store.Seen|store.Flagged)
	c := b.login(t)
	c.do("RETR 1", "+OK")
	c.body()
	c.do("DELE 1", "+OK")
	c.do("RETR 2", "+OK")
	c.body()
	c.do("TOP 3 1", "+OK")
	c.body()
	c.do("DELE 4", "+OK")
	if n := len(b.entries(t, store.RoleInbox)); n != 4 {
		t.Errorf("%d messages in INBOX before QUIT, want 4", n)
	}
	begun := time.Now()
	c.do("QUIT", "+OK goodbye, 2 messages deleted")

	inbox, trash := b.entries(t, store.RoleInbox), b.entries(t, store.RoleTrash)
	if len(inbox) != 2 || len(trash) != 2 {
		t.Fatalf("%d in INBOX and %d in trash, want 2 and 2", len(inbox), len(trash))
	}
	for i, want := range []struct {
		entry   store.Entry
		flags   store.Flags
		fetched bool
	}{
		{trash[0], 0, true},
		{inbox[0], 0, true},
		{inbox[1], 0, false}, // a part by TOP is no fetch
		{trash[1], store.Seen | store.Flagged, false},
	} {
		if want.entry.Flags != want.flags || slices.Contains(want.entry.Keywords, Fetched) != want.fetched {
			t.Errorf("message %d has flags %v %q", i, want.entry.Flags, want.entry.Keywords)
		}
		if !want.entry.Received.Equal(received) {
			t.Errorf("message %d has INTERNALDATE %v", i, want.entry.Received)
		}
	}
	for _, e := range trash {
		if d := e.Expires.Sub(begun.AddDate(0, 0, 30)); d < -time.Second || d > time.Minute {
			t.Errorf("deleted message leaves at %v, want in 30 days", e.Expires)
		}
	}
	if !inbox[0].Expires.IsZero() {
		t.Error("a fetched message has an end")
	}
}

func TestDeletedMailIsExpungedWhereSoSet(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	b.setRescue(t, 0)
	c := b.login(t)
	c.do("DELE 2", "+OK")
	c.do("QUIT", "+OK goodbye, 1 messages deleted")
	if inbox, trash := b.entries(t, store.RoleInbox), b.entries(t, store.RoleTrash); len(inbox) != 2 || len(trash) != 0 {
		t.Errorf("%d in INBOX and %d in trash, want 2 and 0", len(inbox), len(trash))
	}
}

func TestNothingIsDeletedWithoutQuit(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	c := b.login(t)
	c.do("RETR 1", "+OK")
	c.body()
	c.do("DELE 1", "+OK")
	c.Close()
	b.login(t).do("STAT", "+OK 3 ") // waits until the lock is free, see login
	if inbox := b.entries(t, store.RoleInbox); !slices.Contains(inbox[0].Keywords, Fetched) {
		t.Error("that the message was fetched is not on record")
	}
}

func TestTrashIsMadeAgain(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	b.update(t, func(tx *store.Tx) error {
		mb, err := tx.MailboxByRole(b.alice, store.RoleTrash)
		if err != nil {
			return err
		}
		return tx.SetRole(mb.ID, "")
	})
	c := b.login(t)
	c.do("DELE 1", "+OK")
	c.do("QUIT", "+OK goodbye, 1 messages deleted")
	b.update(t, func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(b.alice, "Trash")
		if err == nil && mb.Messages != 1 {
			err = fmt.Errorf("%d messages in Trash, want 1", mb.Messages)
		}
		return err
	})
}

func TestWholeMessageByTopIsFetched(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	c := b.login(t)
	c.do("TOP 1 99999999", "+OK")
	c.body()
	c.do("QUIT", "+OK")
	for i, e := range b.entries(t, store.RoleInbox) {
		if slices.Contains(e.Keywords, Fetched) != (i == 0) {
			t.Errorf("message %d has keywords %q", i+1, e.Keywords)
		}
	}
}

// More messages than one transaction changes.
func TestLargeMaildropIsEmptied(t *testing.T) {
	const many = 2*maxUpdate + 100
	b := newBox(t, "tcp", nil)
	b.deliver(t, three[0])
	b.update(t, func(tx *store.Tx) error {
		e, err := tx.Entry(b.inbox, 1)
		for range many - 1 {
			if err == nil {
				_, err = tx.Append(b.inbox, e.Message, 0, nil)
			}
		}
		return err
	})
	c := b.login(t)
	go func() {
		for i := range many {
			fmt.Fprintf(c, "DELE %d\r\n", i+1)
		}
	}()
	for range many {
		c.expect("+OK")
	}
	c.do("STAT", "+OK 0 0")
	c.do("QUIT", fmt.Sprintf("+OK goodbye, %d messages deleted", many))
	if inbox, trash := b.entries(t, store.RoleInbox), b.entries(t, store.RoleTrash); len(inbox) != 0 || len(trash) != many {
		t.Errorf("%d in INBOX and %d in trash, want 0 and %d", len(inbox), len(trash), many)
	}
}

// Two programs race for one maildrop: one has it at a time, and no message is
// deleted twice.
func TestRaceOfSessions(t *testing.T) {
	b := newBox(t, "tcp", nil)
	for range 10 {
		b.deliver(t, three[0])
	}
	var inside, removed atomic.Int32
	var programs sync.WaitGroup
	for range 4 {
		programs.Go(func() {
			for removed.Load() < 10 {
				c := b.dial(t)
				c.expect("+OK")
				c.do("USER alice", "+OK")
				c.send("PASS " + secret + "\r\n")
				if answer := c.line(); answer[0] == '-' {
					if answer[:13] != "-ERR [IN-USE]" {
						t.Errorf("second session got %q", answer)
					}
					c.do("QUIT", "+OK")
					c.Close()
					continue
				}
				if inside.Add(1) != 1 {
					t.Error("two sessions have the maildrop")
				}
				c.send("DELE 1\r\n")
				if c.line()[0] == '+' {
					removed.Add(1)
				}
				inside.Add(-1)
				c.do("QUIT", "+OK")
				c.Close()
			}
		})
	}
	programs.Wait()
	if trash := b.entries(t, store.RoleTrash); len(trash) != 10 {
		t.Errorf("%d messages in the trash, want 10", len(trash))
	}
}

// What its sender may withdraw is marked before it is sent, for the sender is
// to be told the truth also while the session lasts.
func TestSentByAHouseholderIsMarkedAtOnce(t *testing.T) {
	for _, fetch := range []string{"RETR 1", "TOP 1 99999999"} {
		b := newBox(t, "tcp", nil)
		b.deliver(t, three...)
		b.update(t, func(tx *store.Tx) error {
			e, err := tx.Entry(b.inbox, 1)
			if err != nil {
				return err
			}
			return tx.PutSent(&store.Sent{Message: e.Message, Account: b.alice + 1, MessageID: "one@test"})
		})
		c := b.login(t)
		c.do("TOP 1 0", "+OK")
		c.body()
		if e := b.entries(t, store.RoleInbox)[0]; slices.Contains(e.Keywords, Fetched) {
			t.Error("the top alone counts as fetched")
		}
		c.do(fetch, "+OK")
		if e := b.entries(t, store.RoleInbox)[0]; !slices.Contains(e.Keywords, Fetched) {
			t.Errorf("%s: not marked while the session lasts", fetch)
		}
		c.body()
	}
}
