package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/relay"
	"posthorn/store"
)

// work delivers a batch.
func (q *Queue) work(ctx context.Context, r *roads, b *batch) {
	var conn *relay.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for i, id := range b.ids {
		if ctx.Err() != nil {
			return
		}
		var err error
		if b.way.lane == hereLane {
			err = q.settle(r, &outcome{id: id, lane: hereLane})
		} else {
			conn, err = q.send(ctx, r, b.way, id, conn)
		}
		var f *relay.Failure
		if errors.As(err, &f) && f.Connection && ctx.Err() == nil {
			if err = q.putOff(b.way.lane, b.ids[i+1:], r); err == nil {
				return
			}
		}
		if err != nil && f == nil && ctx.Err() == nil {
			q.log().ErrorContext(ctx, "delivery not possible now", "queue_number", id, "error", err)
			q.unreachable(b.way, &relay.Failure{Status: "4.3.0", Text: "the box could not read or write its store", Connection: true})
			return
		}
	}
}

// job is a message as it goes over one lane.
type job struct {
	record *store.Queued
	blob   store.Blob
	info   *message.Info
	to     []relay.Recipient
	key    *relay.Key // signs it; nil: it is not signed
}

// load reads a message and who of its recipients is due in a lane. to is empty
// when there is nothing to do (any more).
func (q *Queue) load(r *roads, lane string, id store.QueuedID) (*job, error) {
	j := new(job)
	err := q.Store.View(func(tx *store.Tx) error {
		rec, err := tx.Queued(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		now := time.Now()
		for _, to := range rec.Recipients {
			if to.State != store.QueuedWaiting || to.Next.After(now) || rec.NotBefore.After(now) {
				continue
			}
			local, err := q.Office.IsLocal(tx, to.Domain())
			if err != nil {
				return err
			}
			if r.to(rec.From, to.Domain(), local).lane == lane {
				j.to = append(j.to, relay.Recipient{Address: to.Address, Notify: to.Notify, Original: to.Original})
			}
		}
		if len(j.to) == 0 {
			return nil
		}
		m, err := tx.Message(rec.Message)
		if err != nil {
			return err
		}
		j.record, j.blob = rec, m.Blob
		if j.info, err = message.Unmarshal(m.Meta); err != nil {
			return err
		}
		if rec.Forwarded != "" {
			return nil // not ours to vouch for
		}
		j.key, err = domainKey(tx, j.info)
		return err
	})
	return j, err
}

// domainKey returns the key of the author's domain. A message with line ends
// that are mended on the way is not signed: the signature would not fit.
func domainKey(tx *store.Tx, info *message.Info) (*relay.Key, error) {
	if len(info.Envelope.From) != 1 || info.BareLF || info.BareCR {
		return nil, nil
	}
	k, err := relay.DomainKey(tx, info.Envelope.From[0].Host)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return k, err
}

// errWithdrawn breaks a delivery off.
var errWithdrawn = errors.New("withdrawn by its sender")

// send delivers one message over a lane's connection, which it opens if there
// is none. It returns the connection for the next message, and the failure if
// it is one of the lane.
func (q *Queue) send(ctx context.Context, r *roads, w way, id store.QueuedID, conn *relay.Conn) (*relay.Conn, error) {
	j, err := q.load(r, w.lane, id)
	if err != nil || len(j.to) == 0 {
		return conn, err
	}
	o := outcome{id: id, lane: w.lane, to: j.to}
	if conn != nil && (!conn.Usable() || j.record.Secure) {
		conn.Close()
		conn = nil
	}
	if w.err != nil {
		err = &relay.Failure{Status: "4.3.5", Connection: true, Text: w.err.Error()}
	} else if conn == nil {
		if conn, err = q.Relay.Open(ctx, w.route, j.record.Secure); err == nil {
			q.reached(w.lane)
		}
	}
	if err == nil {
		o.results, err = q.hand(ctx, conn, j)
	}
	switch {
	case errors.Is(err, errWithdrawn):
		q.log().InfoContext(ctx, "message withdrawn while it was being sent", "queue_id", j.record.Name)
		return conn, nil
	case err != nil && !errors.As(err, &o.all):
		return conn, err
	case ctx.Err() != nil && o.all != nil && !o.all.Uncertain:
		// The box is stopping: that is no failure of the destination. What was
		// being handed over is put back when it starts.
		return conn, ctx.Err()
	}
	if o.all != nil && o.all.Connection {
		o.until = q.unreachable(w, o.all) // it waits with its lane, not longer
	}
	if err := q.settle(r, &o); err != nil {
		return conn, err
	}
	if o.all != nil {
		return conn, o.all
	}
	return conn, nil
}

// hand gives a message to a server.
func (q *Queue) hand(ctx context.Context, conn *relay.Conn, j *job) ([]relay.Result, error) {
	blob, err := q.Store.OpenBlob(j.blob)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	l, err := write(j, blob, conn.Offers("8BITMIME"))
	if err != nil {
		return nil, err
	}
	rec := j.record
	top := "" // the fields that only what leaves has
	if rec.Forwarded != "" {
		top = "Delivered-To: " + rec.Forwarded + "\r\n"
	}
	if j.key != nil {
		if top, err = l.sign(j.key); err != nil {
			return nil, err
		}
	}
	text := l.open()
	defer text.Close()
	return conn.Send(ctx, &relay.Message{From: rec.From, Recipients: j.to, Size: l.size + int64(len(top)), Body: l.body,
		UTF8: needsUTF8(j), Secure: rec.Secure, Return: rec.Return, Envid: rec.Envid,
		Text:  io.MultiReader(strings.NewReader(top), text),
		Final: func(accepted []string) error { return q.mark(rec.ID, accepted) }})
}

// needsUTF8 tells whether the message travels by SMTPUTF8 only (RFC 6531).
func needsUTF8(j *job) bool {
	beyond := func(address string) bool {
		_, ascii := relay.ASCIIAddress(address)
		return !ascii
	}
	return beyond(j.record.From) || j.record.UTF8 && j.info.EightBitHeader ||
		slices.ContainsFunc(j.to, func(to relay.Recipient) bool { return beyond(to.Address) })
}

// mark writes down that a message is about to be handed over. It fails when
// the message was withdrawn.
func (q *Queue) mark(id store.QueuedID, accepted []string) error {
	return q.Store.Update(func(tx *store.Tx) error {
		m, err := tx.Queued(id)
		if errors.Is(err, store.ErrNotFound) {
			return errWithdrawn
		}
		if err != nil {
			return err
		}
		for i := range m.Recipients {
			if r := &m.Recipients[i]; r.State == store.QueuedWaiting && slices.Contains(accepted, r.Address) {
				r.State = store.QueuedTrying
			}
		}
		return tx.PutQueued(m)
	})
}

// dequeue takes a finished message out of the queue.
func (q *Queue) dequeue(tx *store.Tx, m *store.Queued) error {
	sent := store.MailboxID(0)
	if m.Sent {
		mb, err := tx.MailboxByRole(m.Account, store.RoleSent)
		if err == nil {
			sent = mb.ID
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if sent != 0 {
		if err := markSent(tx, m); err != nil {
			return err
		}
	}
	if err := tx.Dequeue(m.ID, sent); err != nil {
		return fmt.Errorf("take message %s out of the queue: %w", m.Name, err)
	}
	return nil
}

// Keywords of messages in a sender's mailbox for sent mail: what became of
// them.
const (
	KeywordDelivered = "$Delivered"    // every recipient's system, or mailbox here, has it
	KeywordFailed    = "$NotDelivered" // some do not; a notice says who and why
)

// markSent notes on the entry that goes to the mailbox for sent mail what
// became of the message.
func markSent(tx *store.Tx, m *store.Queued) error {
	keyword := KeywordDelivered
	if slices.ContainsFunc(m.Recipients, func(r store.QueuedRecipient) bool { return r.State == store.QueuedFailed }) {
		keyword = KeywordFailed
	}
	e, err := tx.Entry(m.Mailbox, m.UID)
	if err == nil {
		_, err = tx.SetFlags(m.Mailbox, m.UID, e.Flags, append(e.Keywords, keyword))
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge) {
		return nil // it is gone, or has no room for one more keyword
	}
	return err
}
