// Package queue sends the mail that waits to leave, and tells its senders what
// became of it.
//
// # States of a recipient
//
// The queue lives in the store; this package is the hand that moves it. A
// message is written there in the transaction that accepts it.
//
//	waiting    until its time: the end of the undo time, the time it is
//	           scheduled for, or the next attempt
//	trying     written just before the octet that ends the message goes out
//	delivered  the next system has it, or a mailbox on this box
//	failed     refused for good, or given up after five days
//
// When nothing is left to be done the record goes, together with the entry in
// the sender's Outbox. What is seen after a power cut:
//
//	cut before          found as     then
//	trying is written   waiting      tried again; nobody has it
//	the answer is read  trying       tried again; it may arrive twice, which is logged
//	result is written   trying       the same
//	after that          the result   nothing is done twice
//
// Withdrawing is expunging that entry. The store refuses it in state trying
// and otherwise removes the record, and the write of "trying" fails when the
// record is gone: so either the message is withdrawn and the delivery under
// way breaks off, or it is handed over and the withdrawal is told so.
//
// # Lanes
//
// Each destination - a smarthost, a domain, this box - is a lane with one
// connection, or LaneWorkers once it has answered, of MaxWorkers in all; half of
// them are kept from lanes that failed last. A connection takes up to BatchSize
// messages. When a server can't be reached its whole lane waits, with growing
// gaps, and what is due for it meanwhile is put off together. When the network
// comes back all of that is tried at once (Online).
//
// # Time
//
// While the clock is not set nothing is sent whose time is counted by it, and
// nothing expires: a message's age counts from when the clock was first set. An
// attempt is made when the sender is to be told of the delay, and at the end.
package queue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/post"
	"posthorn/appliance/relay"
	"posthorn/store"
)

// Limits.
const (
	// MaxWorkers is how many connections to other systems there are at a time.
	// A silent server holds one for minutes (relay.GreetingTime), so that there
	// must be more than are needed to send.
	MaxWorkers  = 48
	LaneWorkers = 2  // of them to one destination that answers; else 1
	BatchSize   = 20 // messages over one connection
	MaxDefer    = 200
	// MaxAge is how long delivery is tried (RFC 5321 section 4.5.4.1 asks for
	// four to five days).
	MaxAge = 5 * 24 * time.Hour
	// DelayAge is when the sender is told that it takes longer.
	DelayAge = 4 * time.Hour

	// scanPause bounds how often the order of due times is read.
	scanPause = 200 * time.Millisecond
	// idlePause is how long the queue sleeps at most.
	idlePause = time.Minute
)

// Queue sends mail. Store, Office, Relay and Hub must be set; fields must not
// change after Run began.
type Queue struct {
	Store  *store.Store
	Office *post.Office
	Relay  *relay.Relay
	Hub    *events.Hub
	// ClockSet tells whether the time of day can be believed; nil: it can.
	ClockSet func() bool
	// Log gets a line for each attempt; nil discards.
	Log *slog.Logger

	mu       sync.Mutex
	lanes    map[string]*lane
	flying   map[flight]struct{} // messages that workers have in hand
	workers  int
	failing  int // workers of lanes that failed last
	lastSent time.Time
	sent     int64
	wake     chan struct{}
}

// flight is a message under way in one lane.
type flight struct {
	id   store.QueuedID
	lane string
}

func (q *Queue) log() *slog.Logger {
	if q.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return q.Log
}

func (q *Queue) clockSet() bool { return q.ClockSet == nil || q.ClockSet() }

// begin makes what the zero value lacks.
func (q *Queue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lanes == nil {
		q.lanes = make(map[string]*lane)
		q.flying = make(map[flight]struct{})
		q.wake = make(chan struct{}, 1)
	}
}

// Run sends what is due until ctx ends; it returns when the deliveries under
// way have ended, relay.StopTime after that at the latest.
func (q *Queue) Run(ctx context.Context) error {
	q.begin()
	watch := q.Hub.Watch(events.Queue, events.Settings)
	defer watch.Close()
	if err := q.recover(ctx); err != nil {
		return err
	}
	var under sync.WaitGroup
	defer under.Wait()
	var roads roads
	var furnished time.Time
	for {
		changed, err := roads.read(q.Store)
		if err != nil {
			return err
		}
		if changed || time.Since(furnished) >= idlePause { // an account may be new
			if err := q.Office.Furnish(); err != nil && !errors.Is(err, store.ErrFull) {
				q.log().Error("mailboxes for waiting mail are missing", "error", err)
			}
			furnished = time.Now()
		}
		if changed {
			if err := q.retryAll(); err != nil {
				return err
			}
		}
		next, err := q.dispatch(ctx, &roads, &under)
		if err != nil {
			return err
		}
		if !q.sleep(ctx, watch, next) {
			return nil
		}
	}
}

// sleep waits until next, or something happens. It returns false at the end.
func (q *Queue) sleep(ctx context.Context, watch *events.Watcher, next time.Time) bool {
	pause := time.NewTimer(scanPause)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
	}
	idle := time.NewTimer(min(max(time.Until(next), 0), idlePause))
	defer idle.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-watch.C():
	case <-q.wake:
	case <-idle.C:
	}
	return true
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// recover brings what was being handed over when the box stopped back to
// waiting, and attempts that a wrong clock has put far ahead back to now.
func (q *Queue) recover(ctx context.Context) error {
	now := time.Now()
	said := make(map[store.QueuedID]bool) // an update may run twice
	return q.each(func(m *store.Queued) bool {
		change := false
		if m.Trying() && !said[m.ID] {
			said[m.ID] = true
			q.log().WarnContext(ctx, "delivery was cut off before its answer; the message may arrive twice",
				"queue_id", m.Name, "from", m.From)
		}
		for i := range m.Recipients {
			r := &m.Recipients[i]
			switch {
			case r.State == store.QueuedTrying:
				r.State, r.Next, change = store.QueuedWaiting, time.Time{}, true
			case r.State == store.QueuedWaiting && r.Next.Sub(now) > 2*lastGap:
				r.Next, change = time.Time{}, true
			}
		}
		return change
	})
}

// retryAll has everything that waits for another attempt tried at once.
func (q *Queue) retryAll() error {
	q.mu.Lock()
	for _, l := range q.lanes {
		l.until = time.Time{}
	}
	q.mu.Unlock()
	return q.each(func(m *store.Queued) bool {
		change := false
		for i := range m.Recipients {
			if r := &m.Recipients[i]; r.State == store.QueuedWaiting && !r.Next.IsZero() {
				r.Next, change = time.Time{}, true
			}
		}
		return change
	})
}

// Retry forgets that destinations could not be reached: what is due is tried
// at once.
func (q *Queue) Retry() {
	q.begin()
	q.mu.Lock()
	for _, l := range q.lanes {
		l.until = time.Time{}
	}
	q.mu.Unlock()
	q.nudge()
}

// Online tells the queue that the network has come back: what could not be
// reached is tried again at once. What a server has put off is not.
func (q *Queue) Online() error {
	q.Retry() // else what becomes due is put off with its lane
	err := q.each(func(m *store.Queued) bool {
		change := false
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if r.State == store.QueuedWaiting && !r.Next.IsZero() && strings.HasPrefix(r.Answer, "4.4.") {
				r.Next, change = time.Time{}, true
			}
		}
		return change
	})
	q.nudge()
	return err
}

// eachBatch is how many messages are looked at in one update.
const eachBatch = 100

// each offers every message to change, and writes those it changed.
func (q *Queue) each(change func(*store.Queued) bool) error {
	after := store.QueuedID(0)
	for {
		var ids []store.QueuedID
		var last store.QueuedID
		err := q.Store.View(func(tx *store.Tx) error {
			list, err := tx.AllQueued(after, eachBatch)
			for _, m := range list {
				last = m.ID
				if change(m) {
					ids = append(ids, m.ID)
				}
			}
			return err
		})
		if err != nil || last == 0 {
			return err
		}
		after = last
		if len(ids) == 0 {
			continue
		}
		err = q.Store.Update(func(tx *store.Tx) error {
			for _, id := range ids {
				m, err := tx.Queued(id)
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				if change(m) {
					if err := tx.PutQueued(m); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
