package imapd

import (
	"errors"
	"io"
	"strings"
	"time"

	"posthorn/appliance/post"
	"posthorn/store"
)

// maxOutgoing is how many messages one COPY or MOVE can have sent: each needs
// a little memory until they are in the queue together.
const maxOutgoing = 20

// outgoing is a COPY or MOVE into a mailbox whose messages are sent: Outbox, or
// one below it whose name says when; or withdrawn, if its name says that.
type outgoing struct {
	s      *session
	to     *store.Mailbox
	move   bool
	back   bool // withdraws
	drafts map[uint32]*post.Draft
}

// sends tells whether messages put into a mailbox are to be sent, or rather
// withdrawn.
func (s *session) sends(mb *store.Mailbox) (sends, back bool, err error) {
	if s.server.Office == nil {
		return false, false, nil
	}
	err = s.server.Store.View(func(tx *store.Tx) error {
		var when string
		when, sends, err = post.Outbox(tx, mb)
		back = strings.EqualFold(when, post.WithdrawName)
		return err
	})
	return sends, back, err
}

// outgoing returns what to do for messages that go to a mailbox to be sent;
// nil if they are only kept there.
func (s *session) outgoing(to *store.Mailbox, move bool) (*outgoing, error) {
	sends, back, err := s.sends(to)
	if err != nil || !sends {
		return nil, err
	}
	return &outgoing{s: s, to: to, move: move, back: back, drafts: make(map[uint32]*post.Draft)}, nil
}

// newDraft begins a message that is to be sent.
func (s *session) newDraft() *post.Draft {
	return s.server.Office.NewDraft(s.account, s.conn.remote)
}

// outgoingDraft is newDraft if the mailbox is one whose messages are sent, else
// nil.
func (s *session) outgoingDraft(mb *store.Mailbox) (*post.Draft, error) {
	sends, back, err := s.sends(mb)
	if err != nil || !sends {
		return nil, err
	}
	if back {
		return nil, refused("CANNOT", "to withdraw a message, move it here from the mailbox of sent mail")
	}
	return s.newDraft(), nil
}

// prepare reads the messages before the update that moves them. Those that
// wait already go on waiting.
func (o *outgoing) prepare(from store.MailboxID, uids []uint32) error {
	if len(uids) > maxOutgoing {
		return refused("LIMIT", "at most %d messages can be sent or withdrawn at a time", maxOutgoing)
	}
	if o.back {
		return o.withdraw(from, uids)
	}
	for _, u := range uids {
		var blob store.Blob
		err := o.s.server.Store.View(func(tx *store.Tx) error {
			if _, err := tx.QueuedAt(from, u); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			e, err := tx.Entry(from, u)
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err == nil {
				blob = m.Blob
			}
			return err
		})
		if errors.Is(err, store.ErrNotFound) || err == nil && blob.ID == 0 && blob.Size == 0 {
			continue
		}
		if err == nil {
			err = o.read(u, blob)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *outgoing) read(u uint32, blob store.Blob) error {
	r, err := o.s.server.Store.OpenBlob(blob)
	if err != nil {
		return err
	}
	defer r.Close()
	d := o.s.newDraft()
	o.drafts[u] = d
	if _, err := io.Copy(d, r); err != nil {
		return unsendable(err)
	}
	return unsendable(d.Finish())
}

// do moves or copies one message and has it sent.
func (o *outgoing) do(tx *store.Tx, from store.MailboxID, u uint32, to store.MailboxID) (store.Entry, error) {
	if _, err := tx.QueuedAt(from, u); err == nil && !o.back {
		if !o.move {
			return store.Entry{}, refused("CANNOT", "that message waits to be sent already; move it to change the time")
		}
		at, scheduled, err := o.s.server.Office.When(tx, o.to, time.Now())
		if err != nil {
			return store.Entry{}, unsendable(err)
		}
		return tx.MoveQueued(from, u, to, at, scheduled)
	}
	do := (*store.Tx).Copy
	if o.move {
		do = (*store.Tx).Move
	}
	e, err := do(tx, from, u, to)
	if err != nil || o.back {
		return e, err
	}
	d := o.drafts[u]
	if d == nil {
		return e, refused("CANNOT", "the message changed meanwhile; try again")
	}
	return e, unsendable(d.Enqueue(tx, o.to, e.UID))
}

// done logs what is in the queue now.
func (o *outgoing) done() {
	for _, d := range o.drafts {
		o.s.conn.log.Info("draft queued", "queue_id", d.Name(), "mailbox", o.to.ID)
	}
}

// close gives back what the messages hold.
func (o *outgoing) close() {
	for _, d := range o.drafts {
		d.Abort()
	}
	clear(o.drafts)
}

// unsendable says why a message can't be sent; errors of the store stay as
// they are.
func unsendable(err error) error {
	for _, why := range []error{post.ErrHeader, post.ErrAddress, post.ErrNoSuchUser, post.ErrNotLocal, post.ErrNoWayOut,
		post.ErrAliasLoop, post.ErrNotYours, post.ErrNoRecipients, post.ErrSendTime, post.ErrClock} {
		if errors.Is(err, why) {
			return refused("CANNOT", "not sent: %s", printable(err.Error(), 300))
		}
	}
	return err
}
