package post

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/rules"
	"posthorn/store"
)

// TestRules: mail from outside, from a person of the house and from the queue
// is sorted the same way; a folder that is gone is the INBOX.
func TestRules(t *testing.T) {
	o := house(t, store.Options{}, func(set *store.Settings) { set.Sending = store.SendDirect })
	alice, zoe := o.account(t, "alice"), o.account(t, "zoe")
	err := o.Store.Update(func(tx *store.Tx) error {
		bank, err := tx.MailboxByName(alice.ID, "Bank")
		if err != nil {
			return err
		}
		return rules.Save(tx, alice.ID, rules.List{
			{When: []rules.Condition{{What: rules.Subject, How: rules.Contains, Text: "statement"}},
				Then: []rules.Action{{Do: rules.Move, Mailbox: bank.ID}, {Do: rules.Flag}}},
			{When: []rules.Condition{{What: rules.From, How: rules.Is, Text: "spam@example.org"}},
				Then: []rules.Action{{Do: rules.Bin}, {Do: rules.Read}}},
			{When: []rules.Condition{{What: rules.Subject, How: rules.Is, Text: "to be passed on"}},
				Then: []rules.Action{{Do: rules.Forward, Address: "alice@elsewhere.example"}}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(e *Envelope, from, subject string) {
		t.Helper()
		to, err := o.Resolve(context.Background(), e, "alice@mailbox.local")
		if err != nil {
			t.Fatal(err)
		}
		e.From, e.Recipients, e.Protocol = from, []Recipient{to}, "ESMTP"
		if _, err := o.Accept(context.Background(), e, strings.NewReader("From: "+from+"\r\nSubject: "+subject+"\r\n\r\ntext\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	send(&Envelope{}, "bank@example.com", "Your STATEMENT")
	send(&Envelope{Submitter: zoe}, "zoe@mailbox.local", "my statement")
	send(&Envelope{}, "spam@example.org", "win")
	send(&Envelope{}, "friend@example.org", "hello")
	later := time.Now().Add(time.Hour)
	send(&Envelope{Submitter: zoe, HoldUntil: later}, "zoe@mailbox.local", "a later statement")
	err = o.Store.Update(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 10)
		if err != nil || len(all) != 1 {
			return fmt.Errorf("%d are queued: %v", len(all), err)
		}
		due := all[0].NotBefore
		if err := o.Release(tx, all[0], due, due); err != nil {
			return err
		}
		return tx.Dequeue(all[0].ID, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	send(&Envelope{}, "friend@example.com", "to be passed on")
	err = o.Store.View(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 10)
		if err == nil && (len(all) != 1 || all[0].Recipients[0].Address != "alice@elsewhere.example" || all[0].From != "alice@example.org") {
			t.Errorf("passed on: %+v", all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := o.counts(t, alice.ID); got != "INBOX 2 flagged 0 unseen 2, Bank 3 flagged 3 unseen 3, Trash 1 flagged 0 unseen 0" {
		t.Error(got)
	}
	if err := o.Store.Update(func(tx *store.Tx) error { return tx.DeleteMailbox(alice.ID, "Bank") }); err != nil {
		t.Fatal(err)
	}
	send(&Envelope{}, "bank@example.com", "another statement")
	if got := o.counts(t, alice.ID); !strings.Contains(got, "INBOX 3 flagged 1 unseen 3") {
		t.Errorf("after the folder is gone: %s", got)
	}
}

// counts tells what an account's mailboxes hold.
func (o *Office) counts(t *testing.T, account store.AccountID) string {
	t.Helper()
	var all []string
	err := o.Store.View(func(tx *store.Tx) error {
		list, err := tx.Mailboxes(account)
		for _, mb := range list {
			flagged, err := tx.Marked(mb.ID, store.Flagged)
			if err != nil {
				return err
			}
			if mb.Messages > 0 {
				all = append(all, fmt.Sprintf("%s %d flagged %d unseen %d", mb.Name, mb.Messages, flagged.Len(), mb.Unseen))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ", ")
}
