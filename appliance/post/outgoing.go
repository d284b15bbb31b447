package post

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"posthorn/store"
)

// queued is the recipient as the queue keeps it, with the address it leads to.
func (r Recipient) queued(address string) store.QueuedRecipient {
	out := store.QueuedRecipient{Address: address, Original: r.Original, Notify: r.Notify}
	if r.Original == "" && address != r.Address {
		out.Original = "rfc822;" + r.Address
	}
	return out
}

// enqueue puts what is not delivered now into the queue: held for the undo
// time, or until it is to be sent.
func (d *directory) enqueue(e *Envelope, p *parcel, id store.MessageID, to []store.QueuedRecipient) (*store.Queued, error) {
	if len(to) == 0 {
		return nil, nil
	}
	q := &store.Queued{Message: id, Name: p.name, From: e.From, Body: e.Body, UTF8: e.UTF8, Secure: e.Secure,
		Return: e.Return, Envid: e.ID, Recipients: to, NotBefore: p.now, Accepted: d.accepted(p.now)}
	if e.Submitter != nil {
		q.Account = e.Submitter.ID
		undo, err := d.undo(q.Account)
		if err != nil {
			return nil, err
		}
		q.NotBefore = p.now.Add(undo)
		if q.Mailbox, err = d.outbox(q.Account); err != nil {
			return nil, err
		}
	}
	if !p.at.IsZero() {
		q.NotBefore, q.Scheduled = p.at, true
	}
	return q, d.tx.Enqueue(q)
}

// accepted is when a message's age begins to count; a clock that is not set
// says nothing.
func (d *directory) accepted(now time.Time) time.Time {
	if !d.clockSet {
		return time.Time{}
	}
	return now
}

// undo is how long an account's mail can be called back.
func (d *directory) undo(account store.AccountID) (time.Duration, error) {
	a, err := d.tx.Account(account)
	if err != nil {
		return 0, err
	}
	undo := cmp.Or(a.Undo, d.settings.Undo, store.DefaultUndo)
	return min(max(undo, 0), store.MaxUndo), nil
}

// Undo is how long an account's mail can be called back: 0 to store.MaxUndo.
func (o *Office) Undo(account store.AccountID) (undo time.Duration, err error) {
	err = o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err == nil {
			undo, err = d.undo(account)
		}
		return err
	})
	return undo, err
}

// IsLocal reports whether mail for domain stays on this box.
func (o *Office) IsLocal(tx *store.Tx, domain string) (bool, error) {
	d, err := o.directory(tx)
	if err != nil {
		return false, err
	}
	return d.isLocal(domain), nil
}

// Release delivers a queued message, within tx, to those of its recipients
// that are due and on this box, and notes in q what became of each. An alias
// that has come to lead elsewhere adds recipients to q. What can't be
// delivered for want of room is to be tried again at retry.
func (o *Office) Release(tx *store.Tx, q *store.Queued, now, retry time.Time) error {
	d, err := o.directory(tx)
	if err != nil {
		return err
	}
	to, err := d.judge(q, now, retry)
	if err != nil {
		return err
	}
	a := &arrival{id: q.Message, size: q.Size, from: q.From, name: q.Name, utf8: q.UTF8, body: q.Body, secure: q.Secure, now: now,
		forwarded: q.Forwarded != ""}
	places, err := d.putAll(to, a)
	if err != nil {
		return fmt.Errorf("deliver %s: %w", q.Name, err)
	}
	return d.rememberLate(q, a, places)
}

// Judge notes in q what Release would, and delivers nothing.
func (o *Office) Judge(tx *store.Tx, q *store.Queued, now, retry time.Time) error {
	d, err := o.directory(tx)
	if err != nil {
		return err
	}
	_, err = d.judge(q, now, retry)
	return err
}

// judge decides about the recipients that are due here, and returns where the
// message goes.
func (d *directory) judge(q *store.Queued, now, retry time.Time) (to []delivery, err error) {
	if q.NotBefore.After(now) {
		return nil, nil
	}
	for i := range len(q.Recipients) {
		r := &q.Recipients[i]
		if r.State != store.QueuedWaiting || r.Next.After(now) || !d.isLocal(r.Domain()) {
			continue
		}
		r.Attempts++
		r.Last, r.Host = now, d.name
		way, err := d.expand(r.Address)
		for _, one := range way.local {
			if err == nil {
				err = d.room(one.account, q.Size)
			}
		}
		switch {
		case errors.Is(err, store.ErrQuota):
			r.Next, r.Answer = retry, "452 4.2.2 mailbox is full"
			continue
		case errors.Is(err, ErrNeverFits):
			r.State, r.Answer = store.QueuedFailed, "552 5.2.2 "+err.Error()
			continue
		case errors.Is(err, ErrNoSuchUser), errors.Is(err, ErrAddress), errors.Is(err, ErrAliasLoop):
			r.State, r.Answer = store.QueuedFailed, "550 5.1.1 "+err.Error()
			continue
		case err != nil:
			return nil, err
		}
		r.State, r.Answer = store.QueuedDelivered, "250 2.1.5 delivered"
		for _, one := range way.local {
			if !slices.Contains(to, one) {
				to = append(to, one)
			}
		}
		out := store.QueuedRecipient{Original: "rfc822;" + r.Address, Notify: r.Notify}
		for _, out.Address = range way.remote {
			q.Recipients = append(q.Recipients, out)
		}
	}
	return to, nil
}
