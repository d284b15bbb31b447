package store

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// maxGroup bounds how many updates share a commit, and so how long the first
// of them waits for the last.
const maxGroup = 64

// request is one update waiting for the committer.
type request struct {
	fn       func(*Tx) error
	solo     func() error // instead of fn: runs while nothing is written
	done     chan error
	panicked any
}

// View runs fn on a snapshot of the store.
func (s *Store) View(fn func(*Tx) error) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	return fn(s.newTx(txn, false))
}

// Update runs fn in a transaction that is on disk when Update returns nil, and
// has left nothing behind when it returns an error. Updates are run one at a
// time, in the order in which their commits become visible.
//
// fn may run more than once, when an update that shared its commit failed: it
// must have no effect but on tx and on variables it sets anew each time. It
// must not call Update or View.
func (s *Store) Update(fn func(*Tx) error) error {
	r := &request{fn: fn, done: make(chan error, 1)}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	s.requests <- r
	err := <-r.done
	if r.panicked != nil {
		panic(r.panicked)
	}
	return err
}

// commit is the committer: it takes what waits, and commits it together.
func (s *Store) commit() {
	defer close(s.committerDone)
	for first := range s.requests {
		var group []*request
		var solo *request
		if first.solo != nil {
			solo = first
		} else {
			group = append(group, first)
		}
	gather:
		for solo == nil && len(group) < maxGroup {
			select {
			case r, ok := <-s.requests:
				switch {
				case !ok:
					break gather
				case r.solo != nil:
					solo = r
				default:
					group = append(group, r)
				}
			default:
				break gather
			}
		}
		s.commitGroup(group)
		if solo != nil {
			solo.done <- solo.solo()
		}
	}
}

// commitGroup answers every request of the group. When one fails after it
// wrote something, the transaction they share is spoilt: those that succeeded
// before it run again without it.
func (s *Store) commitGroup(group []*request) {
	limit := len(group)
	for len(group) > 0 {
		failed, err := s.attempt(group[:limit])
		switch {
		case err == nil:
			group = group[limit:]
			limit = len(group)
		case errors.Is(err, badger.ErrTxnTooBig) && failed > 0:
			limit = failed // those before it fit; it comes first in the next
		case failed < 0: // the commit itself failed, for all of them
			for _, r := range group[:limit] {
				r.done <- err
			}
			group = group[limit:]
			limit = len(group)
		default:
			if errors.Is(err, badger.ErrTxnTooBig) {
				err = ErrTooLarge
			}
			group[failed].done <- err
			group = append(group[:failed:failed], group[failed+1:]...)
			limit = max(limit-1, min(1, len(group)))
		}
	}
}

// attempt runs the requests in one transaction and commits it. On success all
// are answered. Otherwise it says which one failed, or -1 for the commit.
func (s *Store) attempt(group []*request) (failed int, err error) {
	s.disk.look()
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	var announce Commit
	var after []func()
	answers := make([]error, len(group))
	wrote, octets := 0, 0
	for i, r := range group {
		tx := s.newTx(txn, true)
		err := r.run(tx)
		if err != nil && tx.wrote > 0 || errors.Is(err, badger.ErrTxnTooBig) {
			return i, err
		}
		answers[i] = err // nothing was written: the transaction is still good
		if err == nil {
			tx.merge(&announce)
			after = append(after, tx.committed...)
			wrote += tx.wrote
			octets += tx.octets
		}
	}
	if wrote > 0 {
		if err := s.write(txn); err != nil {
			return -1, err
		}
	}
	for _, fn := range after {
		fn()
	}
	if wrote > 0 && s.onCommit != nil {
		s.onCommit(announce)
	}
	for i, r := range group {
		r.done <- answers[i]
	}
	s.disk.prepare(octets) // after the answers: nobody waits for it but the next
	return 0, nil
}

// write commits the transaction unless the disk is so full that writing could
// kill the process.
func (s *Store) write(txn *badger.Txn) error {
	if s.disk.critical() {
		return fmt.Errorf("%w: %s", ErrFull, s.disk.describe())
	}
	err := txn.Commit()
	if s.unsynced.Swap(false) && err == nil {
		err = errors.New("the value log can't be synced; the card may be failing")
	}
	if err != nil {
		s.failure(err)
		return fmt.Errorf("write to the store: %w", err)
	}
	return nil
}

// run calls the request's function. A panic belongs to the goroutine that
// asked, not to the committer.
func (r *request) run(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked = p
			err = fmt.Errorf("panic in update: %v", p)
			tx.wrote++ // what it wrote is not to be kept
		}
	}()
	err = r.fn(tx)
	if tx.failed != nil {
		return tx.failed // also when the function made nothing, or another error, of it
	}
	if err != nil {
		return err
	}
	return tx.finish()
}
