package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"posthorn/store"
)

// Fetched is the keyword of messages that a POP3 client has taken whole.
const Fetched = "$POP3Fetched"

// Fate is what became of a message that its sender wants back, at one of those
// who got it.
type Fate string

// The fates.
const (
	// Withdrawn: it was not seen, and is gone.
	Withdrawn Fate = "withdrawn"
	// Seen: it was read, answered, or fetched by POP3; it stays.
	Seen Fate = "seen"
	// Removed: it is in none of their mailboxes any more.
	Removed Fate = "removed"
	// Left: it has gone to another system, or is being handed over.
	Left Fate = "left"
)

// Withdrawal is the answer to a sender who wants a message back. It is
// certain: it was found out and done in one transaction.
type Withdrawal struct {
	MessageID string           `json:"message_id"`
	Fates     []RecipientsFate `json:"fates"`
}

// RecipientsFate is the fate of a message at one recipient.
type RecipientsFate struct {
	Who  string `json:"who"` // an account's name or an address; "" is those elsewhere whose part has left
	Fate Fate   `json:"fate"`
}

// Any tells whether anybody does not have the message any more.
func (w *Withdrawal) Any() bool {
	return slices.ContainsFunc(w.Fates, func(f RecipientsFate) bool { return f.Fate == Withdrawn })
}

// String tells it in words: "withdrawn from bob; already seen by carol".
func (w *Withdrawal) String() string {
	var parts []string
	for _, fate := range []struct {
		fate Fate
		text string
	}{
		{Withdrawn, "withdrawn from "}, {Seen, "already seen by "},
		{Removed, "not in the mailboxes any more of "}, {Left, "has left the box already for "},
	} {
		if who := w.with(fate.fate); len(who) > 0 {
			parts = append(parts, fate.text+strings.Join(who, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// with names those at whom the message met a fate.
func (w *Withdrawal) with(fate Fate) (who []string) {
	for _, f := range w.Fates {
		if f.Who == "" {
			f.Who = "those elsewhere"
		}
		if f.Fate == fate && !slices.Contains(who, f.Who) {
			who = append(who, f.Who)
		}
	}
	return who
}

// withdrawTries is how often a message is looked for anew because somebody
// moved it at that moment.
const withdrawTries = 10

// errMoved says that a message is not where it was a moment ago.
var errMoved = errors.New("message was moved meanwhile")

// Withdraw takes a message back that account sent under a Message-ID (without
// angle brackets): out of the mailboxes of those on this box who have not seen
// it, wherever it lies there, and out of the queue. The errors are ErrNotSent,
// ErrMoving and those of the store.
func (o *Office) Withdraw(ctx context.Context, account store.AccountID, messageID string) (*Withdrawal, error) {
	for range withdrawTries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, err := o.withdraw(account, messageID)
		if errors.Is(err, errMoved) {
			continue
		}
		if err == nil {
			o.log().InfoContext(ctx, "withdrawal", "account", account, "message_id", messageID, "result", w.String())
		}
		return w, err
	}
	return nil, ErrMoving
}

// withdraw looks for the message, which may take a while, and then takes it
// back in a transaction that fails with errMoved if it is not so any more.
func (o *Office) withdraw(account store.AccountID, messageID string) (w *Withdrawal, err error) {
	var found []whereabouts
	err = o.Store.View(func(tx *store.Tx) error {
		sent, err := tx.SentAs(account, messageID)
		if err == nil && len(sent) == 0 {
			err = fmt.Errorf("<%s>: %w", messageID, ErrNotSent)
		}
		found = nil
		for _, s := range sent {
			at, lookErr := look(tx, s)
			if lookErr != nil {
				return lookErr
			}
			found = append(found, at)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = o.Store.Update(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		w = &Withdrawal{MessageID: messageID}
		for _, at := range found {
			if err := d.take(w, at); err != nil {
				return err
			}
		}
		return nil
	})
	return w, err
}

// whereabouts is where a message that was sent is.
type whereabouts struct {
	message    store.MessageID
	references uint64
	places     []store.Place
}

// look finds every place a message has in the mailboxes of its recipients:
// where it was put, or in all of their mailboxes if somebody moved or copied it.
func look(tx *store.Tx, s *store.Sent) (at whereabouts, err error) {
	at.message = s.Message
	if at.references, err = tx.References(s.Message); err != nil || at.references == 0 {
		return at, err
	}
	known := uint64(0)
	if q, err := tx.Queued(s.Queued); err == nil {
		known++
		if holds(tx, store.Place{Mailbox: q.Mailbox, UID: q.UID}, s.Message) {
			known++ // in its sender's Outbox
		}
	}
	var accounts []store.AccountID
	for _, p := range s.Places {
		if holds(tx, p, s.Message) {
			at.places = append(at.places, p)
			known++
		}
		if p.Account != s.Account && !slices.Contains(accounts, p.Account) {
			accounts = append(accounts, p.Account)
		}
	}
	if known == at.references {
		return at, nil
	}
	// What is its sender's own is only looked for where it was put.
	at.places = slices.DeleteFunc(at.places, func(p store.Place) bool { return p.Account != s.Account })
	for _, account := range accounts {
		places, err := tx.Places(account, s.Message)
		if err != nil && !isNotFound(err) {
			return at, err
		}
		at.places = append(at.places, places...)
	}
	return at, nil
}

// holds tells whether a message is at a place.
func holds(tx *store.Tx, p store.Place, id store.MessageID) bool {
	e, err := tx.Entry(p.Mailbox, p.UID)
	return err == nil && e.Message == id
}

// take takes one message back, and notes in w what became of it.
func (d *directory) take(w *Withdrawal, at whereabouts) error {
	tx := d.tx
	s, err := tx.Sent(at.message)
	if isNotFound(err) {
		return errMoved
	}
	if err != nil {
		return err
	}
	if n, err := tx.References(at.message); err != nil {
		return err
	} else if n != at.references {
		return errMoved
	}
	if err := d.takeQueued(w, s); err != nil {
		return err
	}
	var stay []store.Place
	for len(s.Places) > 0 {
		account := s.Places[0].Account
		others := func(p store.Place) bool { return p.Account != account }
		fate, err := takeFrom(tx, s, slices.DeleteFunc(slices.Clone(at.places), others))
		if err != nil {
			return err
		}
		if a, err := tx.Account(account); err == nil {
			w.Fates = append(w.Fates, RecipientsFate{a.Name, fate})
		}
		if fate != Withdrawn {
			stay = append(stay, s.Places[0])
		}
		s.Places = slices.DeleteFunc(s.Places, func(p store.Place) bool { return !others(p) })
	}
	for _, account := range s.Onward { // who keeps no copy here
		if a, err := tx.Account(account); err == nil && !slices.ContainsFunc(w.Fates, func(f RecipientsFate) bool { return f.Who == a.Name }) {
			w.Fates = append(w.Fates, RecipientsFate{a.Name, Left})
		}
	}
	s.Places = stay
	if len(stay) == 0 && len(s.Onward) == 0 && s.Queued == 0 && !s.Elsewhere {
		return tx.DeleteSent(s)
	}
	return tx.PutSent(s)
}

// takeFrom takes a message out of the mailboxes of one account unless it was
// seen in any of them.
func takeFrom(tx *store.Tx, s *store.Sent, places []store.Place) (Fate, error) {
	if len(places) == 0 {
		return Removed, nil
	}
	if slices.Contains(s.Onward, places[0].Account) {
		return Left, nil
	}
	for _, p := range places {
		e, err := tx.Entry(p.Mailbox, p.UID)
		if isNotFound(err) || err == nil && e.Message != s.Message {
			return "", errMoved
		}
		if err != nil {
			return "", err
		}
		if e.Flags&(store.Seen|store.Answered) != 0 || slices.Contains(e.Keywords, Fetched) {
			return Seen, nil
		}
	}
	for _, p := range places {
		if err := tx.Expunge(p.Mailbox, p.UID); err != nil {
			return "", err
		}
	}
	return Withdrawn, nil
}

// takeQueued takes a message out of the queue, for those who do not have it
// yet. A draft that was to be sent goes back to Drafts.
func (d *directory) takeQueued(w *Withdrawal, s *store.Sent) error {
	q, err := d.tx.Queued(s.Queued)
	if isNotFound(err) {
		s.Queued = 0
		if s.Elsewhere {
			w.Fates = append(w.Fates, RecipientsFate{"", Left})
		}
		return nil
	}
	if err != nil {
		return err
	}
	left, trying := false, q.Trying()
	for i := range q.Recipients {
		r := &q.Recipients[i]
		switch {
		case r.Open() && !trying:
			w.Fates = append(w.Fates, RecipientsFate{r.Address, Withdrawn})
		case r.Open(), r.State == store.QueuedDelivered && !d.isLocal(r.Domain()):
			left = true
			w.Fates = append(w.Fates, RecipientsFate{r.Address, Left})
		}
		// Of those who have it here the mailboxes tell, and the sender knows
		// to whom it could not be delivered.
	}
	if trying {
		return nil // breaking off now would leave nobody knowing who has it
	}
	s.Queued, s.Elsewhere = 0, left
	drafts := store.MailboxID(0)
	if q.Sent {
		mb, err := d.tx.MailboxByRole(q.Account, store.RoleDrafts)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil {
			drafts = mb.ID
		}
	}
	return d.tx.Dequeue(q.ID, drafts)
}
