package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// outcome is what became of a message in one lane.
type outcome struct {
	id      store.QueuedID
	lane    string
	to      []relay.Recipient // who was tried; nil: all that are due in the lane
	results []relay.Result    // for each of to
	all     *relay.Failure    // instead of results
	until   time.Time         // when to try again after all; zero: after the usual gap

	now    time.Time
	spread float64 // makes the gap; the same however often the outcome is applied
}

// telling is what the sender is to be told of.
type telling struct {
	failed, delayed, delivered []store.QueuedRecipient
}

func (t *telling) empty() bool { return len(t.failed)+len(t.delayed)+len(t.delivered) == 0 }

// errChanged says that what was found out about a message is no longer so.
var errChanged = errors.New("queued message changed meanwhile")

// errUntold says that a copy that was forwarded can't come back now, for the
// mailbox of whose it is is full.
var errUntold = errors.New("mailbox is full")

// untoldGap is when an outcome is looked for again that nobody could be told of.
const untoldGap = time.Hour

// settleTries is how often an outcome is written down anew because another lane
// has changed the message meanwhile.
const settleTries = 10

// settle writes down what became of a message, takes it out of the queue if it
// is finished, and sends the notices, all in one transaction. An outcome must
// not get lost: who has the message would get it again.
func (q *Queue) settle(r *roads, o *outcome) (err error) {
	for range settleTries {
		err = q.settleOnce(r, o)
		switch {
		case errors.Is(err, errChanged):
			continue
		case errors.Is(err, store.ErrNotFound):
			return nil // withdrawn
		case errors.Is(err, errUntold), errors.Is(err, store.ErrFull) && o.lane != hereLane:
			return q.settleUntold(r, o)
		}
		return err
	}
	return err
}

// settleOnce is settle for the message as it is now; its errors are errChanged
// and those of the store.
func (q *Queue) settleOnce(r *roads, o *outcome) error {
	o.now, o.spread = time.Now(), rand.Float64()
	var m *store.Queued
	var t *telling
	err := q.Store.View(func(tx *store.Tx) (err error) {
		if m, err = tx.Queued(o.id); err == nil {
			t, err = q.apply(tx, r, o, m, false)
		}
		return err
	})
	if err != nil {
		return err
	}
	write := func(tx *store.Tx) error {
		m, err := tx.Queued(o.id)
		if err != nil {
			return err
		}
		now, err := q.apply(tx, r, o, m, true)
		switch {
		case err != nil:
			return err
		case !reflect.DeepEqual(now, t):
			return errChanged
		}
		return q.put(tx, m)
	}
	if t.empty() {
		err = q.Store.Update(write)
	} else {
		err = q.tell(m, t, write)
	}
	if err == nil {
		q.report(o, m)
	}
	return err
}

// settleUntold writes an outcome down while there is no room for notices. Those
// who have the message have it; what the sender would be told of is to be found
// out once more.
func (q *Queue) settleUntold(r *roads, o *outcome) error {
	var m *store.Queued
	err := q.Store.Update(func(tx *store.Tx) (err error) {
		if m, err = tx.Queued(o.id); err != nil {
			return err
		}
		before := slices.Clone(m.Recipients)
		if _, err := q.apply(tx, r, o, m, true); err != nil {
			return err
		}
		for i := range before {
			to := &m.Recipients[i]
			to.Delayed = before[i].Delayed
			if to.State == store.QueuedFailed && before[i].State != store.QueuedFailed {
				to.State, to.Next = store.QueuedWaiting, o.now.Add(untoldGap)
			}
		}
		return q.put(tx, m)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // withdrawn
	}
	if err == nil {
		q.log().Warn("sender can't be told now: there is no room for a notice", "queue_id", m.Name)
		q.report(o, m)
	}
	return err
}

// put writes a message down as it is now, or takes it out of the queue if it is
// finished.
func (q *Queue) put(tx *store.Tx, m *store.Queued) error {
	if m.Finished() {
		return q.dequeue(tx, m)
	}
	return tx.PutQueued(m)
}

// apply changes m as the outcome says, and returns what its sender is to be
// told. With write set it also delivers to mailboxes here, unless the outcome is
// that nothing can be delivered there now.
func (q *Queue) apply(tx *store.Tx, r *roads, o *outcome, m *store.Queued, write bool) (*telling, error) {
	if m.Accepted.IsZero() && q.clockSet() {
		m.Accepted = o.now
	}
	before := slices.Clone(m.Recipients)
	var err error
	if o.lane == hereLane && o.all == nil {
		retry := o.now.Add(firstGap * 10)
		if write {
			err = q.Office.Release(tx, m, o.now, retry)
		} else {
			err = q.Office.Judge(tx, m, o.now, retry)
		}
		for i := range before {
			if to := &m.Recipients[i]; to.State == store.QueuedWaiting && to.Attempts > before[i].Attempts {
				q.age(m, to, o.now)
			}
		}
	} else {
		err = q.applyLane(tx, r, o, m)
	}
	if err != nil {
		return nil, err
	}
	t := new(telling)
	for i := range before {
		t.add(m, &m.Recipients[i], before[i], o)
	}
	return t, nil
}

// applyLane notes the results of another system, or its failure.
func (q *Queue) applyLane(tx *store.Tx, r *roads, o *outcome, m *store.Queued) error {
	for i := range m.Recipients {
		to := &m.Recipients[i]
		if !to.Open() {
			continue
		}
		result := relay.Result{Failure: o.all}
		if o.to != nil {
			n := slices.IndexFunc(o.to, func(t relay.Recipient) bool { return t.Address == to.Address })
			if n < 0 {
				continue
			}
			if o.all == nil {
				result = o.results[n]
			}
		} else {
			local, err := q.Office.IsLocal(tx, to.Domain())
			if err != nil {
				return err
			}
			if to.Next.After(o.now) || r.to(m.From, to.Domain(), local).lane != o.lane {
				continue
			}
		}
		q.note(m, to, result, o)
	}
	return nil
}

// note gives a recipient its result.
func (q *Queue) note(m *store.Queued, to *store.QueuedRecipient, result relay.Result, o *outcome) {
	f := result.Failure
	if o.to != nil {
		to.Attempts++
		to.Last = o.now
	}
	if f == nil {
		to.State, to.Answer = store.QueuedDelivered, result.Answer
		return
	}
	to.State, to.Host, to.Answer = store.QueuedWaiting, f.Host, f.Status+" "+f.Text
	if f.Code != 0 {
		to.Answer = fmt.Sprintf("%d %s", f.Code, to.Answer)
	}
	if f.Permanent {
		to.State = store.QueuedFailed
		return
	}
	to.Next = o.until
	if to.Next.IsZero() {
		to.Next = o.now.Add(gap(to.Attempts, lastGap, o.spread))
	}
	for _, age := range []time.Duration{DelayAge, MaxAge} { // the sender is told in time
		if due := born(m).Add(age + time.Second); q.clockSet() && o.now.Before(due) && to.Next.After(due) {
			to.Next = due
			break
		}
	}
	q.age(m, to, o.now)
}

// age gives a recipient up whose time is over. Without a clock nobody's is.
func (q *Queue) age(m *store.Queued, to *store.QueuedRecipient, now time.Time) {
	if q.clockSet() && now.Sub(born(m)) > MaxAge {
		to.State = store.QueuedFailed
		to.Answer = fmt.Sprintf("4.4.7 given up after %d days; the last answer was: %s", MaxAge/(24*time.Hour), to.Answer)
	}
}

// born is when a message's age begins to count.
func born(m *store.Queued) time.Time {
	if m.NotBefore.After(m.Accepted) {
		return m.NotBefore
	}
	return m.Accepted
}

// add notes what the sender is to be told of a recipient (RFC 3461 section 4.1
// and 6).
func (t *telling) add(m *store.Queued, to *store.QueuedRecipient, before store.QueuedRecipient, o *outcome) {
	wants := func(what string, unasked bool) bool {
		return len(to.Notify) == 0 && unasked || slices.Contains(to.Notify, what)
	}
	switch {
	case to.State == store.QueuedFailed && before.State != store.QueuedFailed:
		if wants("FAILURE", true) {
			t.failed = append(t.failed, *to)
		}
	case to.State == store.QueuedDelivered && before.State != store.QueuedDelivered:
		informed := false
		for i, tried := range o.to {
			informed = informed || tried.Address == to.Address && i < len(o.results) && o.results[i].Informs
		}
		if wants("SUCCESS", false) && !informed && m.From != "" {
			t.delivered = append(t.delivered, *to)
		}
	case to.State == store.QueuedWaiting && !to.Delayed && !m.Accepted.IsZero() && o.now.Sub(born(m)) > DelayAge && to.Answer != "":
		to.Delayed = true
		if wants("DELAY", true) && m.From != "" {
			t.delayed = append(t.delayed, *to)
		}
	}
}

// report writes the log.
func (q *Queue) report(o *outcome, before *store.Queued) {
	for i := range before.Recipients {
		to := &before.Recipients[i] // as apply left it
		if o.to != nil && !slices.ContainsFunc(o.to, func(t relay.Recipient) bool { return t.Address == to.Address }) {
			continue
		}
		if o.to == nil && !to.Last.Equal(o.now) {
			continue
		}
		args := []any{"queue_id", before.Name, "to", to.Address, "lane", o.lane, "attempts", to.Attempts,
			"answer", strings.TrimSpace(to.Answer)}
		switch to.State {
		case store.QueuedDelivered:
			q.mu.Lock()
			q.lastSent = o.now
			q.sent++
			q.mu.Unlock()
			q.log().Info("message sent", args...)
		case store.QueuedFailed:
			q.log().Warn("message not deliverable", args...)
		default:
			q.log().Info("message will be tried again", append(args, "next", to.Next)...)
		}
	}
}
