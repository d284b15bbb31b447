package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Reclaim gives the disk space of removed mail back to the file system. It
// rewrites what is left in value logs of which at least half is garbage, so it
// writes up to the budget in octets, rounded up to one value log, and returns
// how much the store's files shrank. Where there is nothing to gain it writes
// nothing. Deliveries go on meanwhile; run it at quiet times all the same.
//
// Badger learns what is garbage when it compacts the tables that held the
// deleted keys. force does that now, for a disk that has run full, at the cost
// of writing out and merging the memory table.
func (s *Store) Reclaim(ctx context.Context, budget int64, force bool) (freed int64, err error) {
	if s.opts.Dir == "" {
		return 0, nil
	}
	if !s.enter() {
		return 0, ErrClosed
	}
	defer s.leave()
	// Collecting writes to the value log beside the committer, which a runway
	// could meet.
	s.disk.runwayMu.Lock()
	defer s.disk.runwayMu.Unlock()
	if force {
		if err := s.compact(ctx); err != nil {
			return 0, fmt.Errorf("compact the store: %w", err)
		}
	}
	before := s.diskUsage()
	for spent := int64(0); spent < budget; spent += s.class.valueLog / 2 {
		if err := ctx.Err(); err != nil {
			return before - s.diskUsage(), err
		}
		if s.disk.look(); s.disk.critical() {
			break // not even the room to rewrite half a value log
		}
		err := s.db.RunValueLogGC(0.5)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			break
		}
		if err != nil {
			return before - s.diskUsage(), fmt.Errorf("collect the value log: %w", err)
		}
	}
	s.disk.look()
	return before - s.diskUsage(), nil
}

// compact writes the memory table out and merges all tables, so that deleted
// keys are gone from them and their values counted as garbage.
func (s *Store) compact(ctx context.Context) error {
	r := &request{done: make(chan error, 1), solo: func() error {
		// Dropping a key by its prefix is Badger's one public way to have the
		// memory table written out. It refuses writes meanwhile, so it runs in
		// the committer's place.
		txn := s.db.NewTransaction(true)
		defer txn.Discard()
		if err := txn.Set([]byte{keyFlush}, mark); err != nil {
			return err
		}
		if err := s.write(txn); err != nil {
			return err
		}
		return s.db.DropPrefix([]byte{keyFlush})
	}}
	s.requests <- r
	if err := <-r.done; err != nil {
		return err
	}
	// Flatten leaves a single table at level 0 where it is; Badger's own
	// compactors take it down within a moment.
	for s.db.Levels()[0].NumTables > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return s.db.Flatten(1)
}
