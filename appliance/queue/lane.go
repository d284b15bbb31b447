package queue

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// The gaps between attempts: they begin with firstGap and double up to
// lastGap, each made up to a fifth longer or shorter so that messages that
// failed together do not come back together. A smarthost, which carries
// everything, is asked again sooner, and so is a domain whose servers could not
// be looked up: that is more often the home's line than the domain.
const (
	firstGap         = time.Minute
	lastGap          = 4 * time.Hour
	lastSmarthostGap = 15 * time.Minute
)

// gap is how long to wait after so many attempts; spread is a random number
// from 0 to 1.
func gap(attempts int, most time.Duration, spread float64) time.Duration {
	d := min(firstGap<<min(max(attempts-1, 0), 16), most)
	return d - d/5 + time.Duration(spread*float64(d)*2/5)
}

// hereLane is the lane of recipients on this box.
const hereLane = "here"

// lane is a destination.
type lane struct {
	workers  int
	answers  bool      // it has, since it failed last
	failures int       // in a row
	until    time.Time // nothing is tried before; zero: it works
	reason   *relay.Failure
}

// roads is what the owner has said about ways out.
type roads struct {
	sending    store.Sending
	smarthosts []relay.Smarthost
	text       string // as it was last read; empty before
}

// read reads it anew. changed says that mail that waits should be tried.
func (r *roads) read(s *store.Store) (changed bool, err error) {
	err = s.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		r.sending = set.Sending
		r.smarthosts, err = relay.Smarthosts(tx)
		return err
	})
	if err != nil {
		return false, err
	}
	text, err := json.Marshal([]any{r.sending, r.smarthosts})
	if err != nil {
		return false, err
	}
	changed = r.text != "" && r.text != string(text)
	r.text = string(text)
	return changed, nil
}

// way is where a recipient's copy goes.
type way struct {
	lane  string
	route relay.Route
	err   error // there is none
}

// to finds the way for mail from a sender to a domain.
func (r *roads) to(from, domain string, local bool) way {
	if local {
		return way{lane: hereLane}
	}
	route, err := relay.Choose(r.sending, r.smarthosts, from, domain)
	if err != nil {
		return way{lane: "none", err: err}
	}
	return way{lane: route.Name(), route: route}
}

// batch is what one worker does: messages for one lane, over one connection.
type batch struct {
	way way
	ids []store.QueuedID
}

// plan is a dispatch being made.
type plan struct {
	now     time.Time
	batches map[string]*batch
	put     map[string][]store.QueuedID // of lanes that can't be reached
	next    time.Time
}

// dispatch gives what is due to workers, and returns when to look again.
func (q *Queue) dispatch(ctx context.Context, r *roads, under *sync.WaitGroup) (time.Time, error) {
	p := &plan{now: time.Now(), batches: make(map[string]*batch), put: make(map[string][]store.QueuedID)}
	p.next = p.now.Add(idlePause)
	if q.busy() {
		return p.next, nil // a worker that ends wakes us
	}
	err := q.Store.View(func(tx *store.Tx) error {
		local := make(map[string]bool)
		var failed error
		err := tx.Due(func(d store.DueQueued) bool {
			if d.At.After(p.now) {
				p.next = d.At
				return false
			}
			for _, domain := range d.Domains {
				here, known := local[domain]
				if !known {
					if here, failed = q.Office.IsLocal(tx, domain); failed != nil {
						return false
					}
					local[domain] = here
				}
				q.consider(p, d.ID, r.to(d.From, domain, here))
			}
			return len(p.batches) < MaxWorkers || len(p.put) < MaxWorkers
		})
		return errors.Join(failed, err)
	})
	if err != nil {
		return p.next, err
	}
	for _, b := range p.batches {
		if !q.take(b) {
			continue
		}
		under.Go(func() {
			defer q.done(b)
			q.work(ctx, r.copy(), b)
		})
	}
	for name, ids := range p.put {
		if err := q.putOff(name, ids, r); err != nil {
			return p.next, err
		}
	}
	return p.next, nil
}

// copy is the roads as they are now, for a worker.
func (r *roads) copy() *roads {
	c := *r
	return &c
}

func (q *Queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.workers >= MaxWorkers
}

// consider adds a message that is due to the plan.
func (q *Queue) consider(p *plan, id store.QueuedID, w way) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, flying := q.flying[flight{id, w.lane}]; flying {
		return
	}
	l := q.lane(w.lane)
	if l.until.After(p.now) {
		if len(p.put[w.lane]) < MaxDefer {
			p.put[w.lane] = append(p.put[w.lane], id)
		}
		if l.until.Before(p.next) {
			p.next = l.until
		}
		return
	}
	b := p.batches[w.lane]
	if b == nil {
		if l.workers >= LaneWorkers || !l.answers && l.workers > 0 {
			return
		}
		b = &batch{way: w}
		p.batches[w.lane] = b
	}
	if len(b.ids) < BatchSize && (len(b.ids) == 0 || b.ids[len(b.ids)-1] != id) {
		b.ids = append(b.ids, id)
	}
}

func (q *Queue) lane(name string) *lane {
	l := q.lanes[name]
	if l == nil {
		l = new(lane)
		q.lanes[name] = l
	}
	return l
}

// take gives a batch a worker's place, if there is one.
func (q *Queue) take(b *batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(b.way.lane)
	if q.workers >= MaxWorkers || l.failures > 0 && q.failing >= MaxWorkers/2 {
		return false
	}
	q.workers++
	if l.failures > 0 {
		q.failing++
	}
	l.workers++
	for _, id := range b.ids {
		q.flying[flight{id, b.way.lane}] = struct{}{}
	}
	return true
}

// done gives it back.
func (q *Queue) done(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(b.way.lane)
	q.workers--
	l.workers--
	q.failing = 0
	for name, l := range q.lanes {
		if l.failures > 0 {
			q.failing += l.workers
		} else if l.workers == 0 {
			delete(q.lanes, name) // nothing is to be remembered of it
		}
	}
	for _, id := range b.ids {
		delete(q.flying, flight{id, b.way.lane})
	}
	q.nudge()
}

// reached notes that a lane works.
func (q *Queue) reached(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(name)
	l.failures, l.until, l.reason, l.answers = 0, time.Time{}, nil, true
}

// unreachable has a lane wait, and returns until when.
func (q *Queue) unreachable(w way, f *relay.Failure) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(w.lane)
	l.failures++
	l.answers = false
	most := lastGap
	if w.route.Smarthost != nil || f.Status == "4.4.3" {
		most = lastSmarthostGap
	}
	l.until, l.reason = time.Now().Add(gap(l.failures, most, rand.Float64())), f
	return l.until
}

// putOff has messages wait with their lane: many in one write, for there may be
// thousands, and the others' mail waits for it.
func (q *Queue) putOff(name string, ids []store.QueuedID, r *roads) error {
	q.mu.Lock()
	l := q.lane(name)
	reason, until := l.reason, l.until
	q.mu.Unlock()
	if reason == nil || len(ids) == 0 {
		return nil
	}
	for ids := range slices.Chunk(ids, eachBatch) {
		all := make([]outcome, len(ids))
		for i, id := range ids {
			all[i] = outcome{id: id, lane: name, all: reason, until: until.Add(rand.N(firstGap / 4)), now: time.Now()}
		}
		var others []outcome // of whom somebody is to be told
		err := q.Store.Update(func(tx *store.Tx) error {
			others = nil
			for i := range all {
				m, err := tx.Queued(all[i].id)
				if errors.Is(err, store.ErrNotFound) {
					continue // withdrawn
				}
				if err != nil {
					return err
				}
				t, err := q.apply(tx, r, &all[i], m, true)
				if err != nil {
					return err
				}
				if !t.empty() || m.Finished() {
					others = append(others, all[i])
				} else if err := tx.PutQueued(m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range others {
			if err := q.settle(r, &others[i]); err != nil {
				return err
			}
		}
	}
	q.log().Info("messages put off", "lane", name, "messages", len(ids), "until", until, "reason", reason)
	return nil
}
