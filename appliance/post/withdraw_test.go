package post

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"posthorn/store"
)

// plainHouse is a house in which mail for bob is bob's alone.
func plainHouse(t testing.TB, change func(*store.Settings)) *Office {
	o := house(t, store.Options{}, change)
	if err := o.Store.Update(func(tx *store.Tx) error { return tx.RemoveAlias("bob") }); err != nil {
		t.Fatal(err)
	}
	return o
}

// send has an account send a message with the Message-ID one@test.
func (o *Office) send(t testing.TB, from string, header string, to ...string) {
	t.Helper()
	ctx := context.Background()
	e := &Envelope{From: from + "@mailbox.local", Submitter: o.account(t, from)}
	for _, address := range to {
		r, err := o.Resolve(ctx, e, address)
		if err != nil {
			t.Fatal(err)
		}
		e.Recipients = append(e.Recipients, r)
	}
	text := "From: " + e.From + "\r\nMessage-ID: <one@test>\r\n" + header + "\r\ntext\r\n"
	if _, err := o.Accept(ctx, e, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func (o *Office) account(t testing.TB, name string) (a *store.Account) {
	t.Helper()
	err := o.Store.View(func(tx *store.Tx) (err error) {
		a, err = tx.AccountByName(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// entries are the messages of a mailbox.
func (o *Office) entries(t testing.TB, account, mailbox string) (mb store.MailboxID, list []store.Entry) {
	t.Helper()
	a := o.account(t, account)
	err := o.Store.View(func(tx *store.Tx) error {
		m, err := tx.MailboxByName(a.ID, mailbox)
		if err != nil {
			return err
		}
		mb, list = m.ID, nil
		for e, err := range tx.Entries(mb, 0, 0) {
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mb, list
}

// change does something with the only message of a mailbox.
func (o *Office) change(t testing.TB, account, mailbox string, do func(*store.Tx, store.MailboxID, store.Entry) error) {
	t.Helper()
	mb, list := o.entries(t, account, mailbox)
	if len(list) != 1 {
		t.Fatalf("%s/%s holds %d messages", account, mailbox, len(list))
	}
	if err := o.Store.Update(func(tx *store.Tx) error { return do(tx, mb, list[0]) }); err != nil {
		t.Fatal(err)
	}
}

func see(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
	_, err := tx.SetFlags(mb, e.UID, store.Seen, nil)
	return err
}

func (o *Office) withdrawn(t testing.TB, account string) string {
	t.Helper()
	w, err := o.Withdraw(context.Background(), o.account(t, account).ID, "one@test")
	if err != nil {
		return err.Error()
	}
	return w.String()
}

// toBank files the message in the recipient's mailbox Bank.
func toBank(do func(*store.Tx, store.MailboxID, uint32, store.MailboxID) (store.Entry, error)) func(*store.Tx, store.MailboxID, store.Entry) error {
	return func(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
		from, err := tx.Mailbox(mb)
		if err != nil {
			return err
		}
		bank, err := tx.MailboxByName(from.Account, "Bank")
		if err != nil {
			return err
		}
		_, err = do(tx, mb, e.UID, bank.ID)
		return err
	}
}

// Zoe sends to bob, who does something with it, and to carol, who does not;
// then she wants it back.
func TestWithdraw(t *testing.T) {
	for _, c := range []struct {
		name   string
		bob    func(*store.Tx, store.MailboxID, store.Entry) error
		answer string
		left   string // where bob still has it
	}{
		{"nothing", nil, "withdrawn from bob, carol", ""},
		{"sees it", see, "withdrawn from carol; already seen by bob", "INBOX"},
		{"fetches it by POP3", func(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
			_, err := tx.SetFlags(mb, e.UID, 0, []string{Fetched})
			return err
		}, "withdrawn from carol; already seen by bob", "INBOX"},
		{"flags it", func(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
			_, err := tx.SetFlags(mb, e.UID, store.Flagged, []string{"later"})
			return err
		}, "withdrawn from bob, carol", ""},
		{"moves it", toBank((*store.Tx).Move), "withdrawn from bob, carol", ""},
		{"copies it", toBank((*store.Tx).Copy), "withdrawn from bob, carol", ""},
		{"sees a copy", func(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
			if err := toBank((*store.Tx).Copy)(tx, mb, e); err != nil {
				return err
			}
			return see(tx, mb, e)
		}, "withdrawn from carol; already seen by bob", "INBOX Bank"},
		{"deletes it", func(tx *store.Tx, mb store.MailboxID, e store.Entry) error { return tx.Expunge(mb, e.UID) },
			"withdrawn from carol; not in the mailboxes any more of bob", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := plainHouse(t, nil)
			o.send(t, "zoe", "", "bob@mailbox.local", "carol@mailbox.local")
			if c.bob != nil {
				o.change(t, "bob", "INBOX", c.bob)
			}
			if got := o.withdrawn(t, "bob"); !strings.Contains(got, "not a message you sent") {
				t.Error("somebody else withdraws it:", got)
			}
			if got := o.withdrawn(t, "zoe"); got != c.answer {
				t.Errorf("withdrawal: %s; want %s", got, c.answer)
			}
			left := ""
			for _, mailbox := range []string{"INBOX", "Bank"} {
				if _, list := o.entries(t, "bob", mailbox); len(list) > 0 {
					left += " " + mailbox
				}
			}
			if left != "" {
				left = left[1:]
			}
			if left != c.left {
				t.Errorf("bob has it in %q, want %q", left, c.left)
			}
			if _, list := o.entries(t, "carol", "INBOX"); len(list) > 0 {
				t.Error("carol has it still")
			}
			// The answer is the same a second time, for those who have it.
			again := o.withdrawn(t, "zoe")
			if _, rest, partly := strings.Cut(c.answer, "; "); partly && again != rest ||
				!partly && !strings.Contains(again, "withdrawn already") {
				t.Error("once more:", again)
			}
		})
	}
}

// A message that waits for people elsewhere is taken out of the queue too, and
// out of the Outbox that shows it.
func TestWithdrawQueued(t *testing.T) {
	o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
	o.send(t, "zoe", "", "carol@mailbox.local", "far@elsewhere.example", "zoe@mailbox.local")
	if _, list := o.entries(t, "zoe", "Outbox"); len(list) != 1 {
		t.Fatalf("%d messages in the Outbox", len(list))
	}
	if got, want := o.withdrawn(t, "zoe"), "withdrawn from far@elsewhere.example, carol, zoe"; got != want {
		t.Errorf("withdrawal: %s; want %s", got, want)
	}
	if _, list := o.entries(t, "zoe", "Outbox"); len(list) != 0 {
		t.Error("it is in the Outbox still")
	}
	o.send(t, "zoe", "", "carol@mailbox.local", "far@elsewhere.example")
	err := o.Store.Update(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 10)
		if err != nil || len(all) != 1 {
			return fmt.Errorf("queue: %v, %v", all, err)
		}
		all[0].Recipients[0].State = store.QueuedTrying
		return tx.PutQueued(all[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.withdrawn(t, "zoe"), "withdrawn from carol; has left the box already for far@elsewhere.example"; got != want {
		t.Errorf("withdrawal while it is handed over: %s; want %s", got, want)
	}
	err = o.Store.Update(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 10)
		if err != nil {
			return err
		}
		return tx.Dequeue(all[0].ID, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.withdrawn(t, "zoe"), "has left the box already for those elsewhere"; got != want {
		t.Errorf("withdrawal after it is sent: %s; want %s", got, want)
	}
}

// A message that was scheduled can be withdrawn before, and also after it was
// delivered here.
func TestWithdrawScheduled(t *testing.T) {
	for _, delivered := range []bool{false, true} {
		o := plainHouse(t, nil)
		at := time.Now().Add(time.Hour)
		o.send(t, "zoe", "X-Send-At: "+at.Format(time.RFC3339)+"\r\n", "bob@mailbox.local")
		want := "withdrawn from bob@mailbox.local"
		if delivered {
			err := o.Store.Update(func(tx *store.Tx) error {
				all, err := tx.AllQueued(0, 10)
				if err != nil {
					return err
				}
				if err := o.Release(tx, all[0], at.Add(time.Minute), at); err != nil {
					return err
				}
				return tx.Dequeue(all[0].ID, 0)
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, list := o.entries(t, "bob", "INBOX"); len(list) != 1 {
				t.Fatal("it was not delivered")
			}
			want = "withdrawn from bob"
		}
		if got := o.withdrawn(t, "zoe"); got != want {
			t.Errorf("delivered %v: %s; want %s", delivered, got, want)
		}
		if _, list := o.entries(t, "bob", "INBOX"); len(list) != 0 {
			t.Error("bob has it still")
		}
	}
}

// Reading and moving go on while a message is withdrawn: either it was seen
// and is there, or it was not and is gone.
func TestWithdrawRace(t *testing.T) {
	o := plainHouse(t, nil)
	for range 30 {
		o.send(t, "zoe", "", "bob@mailbox.local")
		mb, list := o.entries(t, "bob", "INBOX")
		e := list[len(list)-1]
		var bob sync.WaitGroup
		var saw error
		bob.Go(func() {
			saw = o.Store.Update(func(tx *store.Tx) error { return see(tx, mb, e) })
			for range 5 {
				o.Store.Update(func(tx *store.Tx) error { return toBank((*store.Tx).Move)(tx, mb, e) })
			}
		})
		got := o.withdrawn(t, "zoe")
		bob.Wait()
		switch {
		case saw == nil && got != "already seen by bob":
			t.Fatal("bob saw it, the answer was:", got)
		case errors.Is(saw, store.ErrNotFound) && got != "withdrawn from bob":
			t.Fatal("bob did not see it, the answer was:", got)
		}
		// What was seen stays under its Message-ID: begin anew.
		if err := o.Store.Update(func(tx *store.Tx) error {
			all, err := tx.SentBy(o.account(t, "zoe").ID)
			for _, s := range all {
				err = errors.Join(err, tx.DeleteSent(s))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}
