package login

import (
	"context"
	"sync"
)

// flight names attempts that must have the same answer: the same credential
// from the same source.
type flight struct {
	digest digest
	key    gateKey
}

// flights lets a mail program that opens ten connections at once pay for one
// hash: the first attempt works, the others wait for its answer.
type flights struct {
	mu  sync.Mutex
	now map[flight]*outcome
}

// outcome is an answer on its way.
type outcome struct {
	done chan struct{} // closed when the fields below are set

	id        Identity
	err       error
	abandoned bool // the first attempt's client went away; there is no answer
}

// join returns the outcome to wait for, or first = true when the caller has
// to find it and must call land.
func (f *flights) join(key flight) (o *outcome, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o, ok := f.now[key]; ok {
		return o, false
	}
	if f.now == nil {
		f.now = make(map[flight]*outcome)
	}
	f.now[key] = &outcome{done: make(chan struct{})}
	return nil, true
}

// land hands the answer to all who joined.
func (f *flights) land(key flight, id Identity, err error, abandoned bool) {
	f.mu.Lock()
	o := f.now[key]
	delete(f.now, key)
	f.mu.Unlock()
	o.id, o.err, o.abandoned = id, err, abandoned
	close(o.done)
}

// wait returns the answer; ok is false when the caller should try itself.
func (o *outcome) wait(ctx context.Context) (id Identity, err error, ok bool) {
	select {
	case <-o.done:
		if o.abandoned {
			return Identity{}, nil, false
		}
		id = o.id
		if id.Account != nil {
			copied := *id.Account
			id.Account = &copied
		}
		return id, o.err, true
	case <-ctx.Done():
		return Identity{}, ctx.Err(), true
	}
}
