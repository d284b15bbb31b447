package post

import (
	"slices"

	"posthorn/store"
)

// remember notes where the mail of somebody who is logged in went, so that it
// can be withdrawn ([Office.Withdraw]). q is its part in the queue, or nil.
func (d *directory) remember(e *Envelope, p *parcel, a *arrival, here []store.Place, q *store.Queued) error {
	if e.Submitter == nil {
		return nil
	}
	s := &store.Sent{Message: a.id, Account: e.Submitter.ID, MessageID: p.messageID, At: p.now, Places: here, Onward: a.onward}
	if q != nil {
		s.Queued, s.Elsewhere = q.ID, d.goesElsewhere(q)
	}
	// Also where nothing leaves the box there is to be a mailbox to withdraw by.
	if _, err := d.outbox(s.Account); err != nil {
		return err
	}
	return d.tx.PutSent(s)
}

// rememberLate adds where a message was put that had waited in the queue.
func (d *directory) rememberLate(q *store.Queued, a *arrival, here []store.Place) error {
	s, err := d.tx.Sent(q.Message)
	if isNotFound(err) {
		return nil // nobody's, or older than what is remembered
	}
	if err != nil {
		return err
	}
	s.Places = append(s.Places, here...)
	s.Onward = append(s.Onward, a.onward...)
	s.Elsewhere = s.Elsewhere || d.goesElsewhere(q)
	return d.tx.PutSent(s)
}

// goesElsewhere tells whether a queued message is for other systems too.
func (d *directory) goesElsewhere(q *store.Queued) bool {
	return slices.ContainsFunc(q.Recipients, func(r store.QueuedRecipient) bool { return !d.isLocal(r.Domain()) })
}
