package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// sweepBatch is how many records one update of the sweeper removes: a
// transaction the smallest memory class takes, and soon over for those who
// wait behind it.
const sweepBatch = 500

// reclaimPause is how long a full disk waits between two compactions: each
// writes a memory table and merges all others.
const reclaimPause = 5 * time.Second

// sweeper removes in the background what an update only marked: bodies nobody
// refers to, entries of deleted mailboxes, old history.
type sweeper struct {
	s      *Store
	signal chan struct{}
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	readers map[BlobID]int      // bodies open for reading, how often
	left    map[BlobID]struct{} // garbage not swept because it is being read
	writers map[BlobID]struct{} // bodies with chunks on disk that are still being written
	prune   map[MailboxID]struct{}
}

func newSweeper(s *Store) *sweeper {
	return &sweeper{
		s: s, signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		readers: make(map[BlobID]int), left: make(map[BlobID]struct{}),
		writers: make(map[BlobID]struct{}), prune: make(map[MailboxID]struct{}),
	}
}

func (w *sweeper) wake() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// reading counts a reader of a body in (1) or out (-1).
func (w *sweeper) reading(id BlobID, by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readers[id] += by; w.readers[id] > 0 {
		return
	}
	delete(w.readers, id)
	if _, ok := w.left[id]; ok {
		delete(w.left, id)
		w.wake()
	}
}

// isRead tells whether a body is open; if so, its last reader wakes the sweeper.
func (w *sweeper) isRead(id BlobID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readers[id] == 0 {
		return false
	}
	w.left[id] = struct{}{}
	return true
}

func (w *sweeper) writing(id BlobID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writers[id] = struct{}{}
}

func (w *sweeper) written(id BlobID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.writers, id)
}

func (w *sweeper) isWritten(id BlobID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.writers[id]
	return ok
}

// historyFull asks for a mailbox's history to be pruned.
func (w *sweeper) historyFull(id MailboxID) {
	w.mu.Lock()
	w.prune[id] = struct{}{}
	w.mu.Unlock()
	w.wake()
}

func (w *sweeper) takePrune() (MailboxID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.prune {
		delete(w.prune, id)
		return id, true
	}
	return 0, false
}

func (w *sweeper) run() {
	defer close(w.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-w.stop; cancel() }()
	w.s.keepDamagedTables(ctx)
	var reclaimed time.Time
	for {
		select {
		case <-w.stop:
			return
		case <-w.signal:
		}
		for _, job := range []func() (bool, error){w.sweepPending, w.sweepGarbage, w.sweepDoomed, w.sweepHistory} {
			for more := true; more; {
				select {
				case <-w.stop:
					return
				default:
				}
				var err error
				if more, err = job(); err != nil {
					if !errors.Is(err, ErrClosed) {
						w.s.log.Warn("clean-up put off", slog.Any("error", err))
					}
					break
				}
			}
		}
		if !w.s.Full() {
			continue
		}
		if time.Since(reclaimed) < reclaimPause {
			time.AfterFunc(reclaimPause, w.wake)
			continue
		}
		if freed, err := w.s.Reclaim(ctx, w.s.disk.reserve.Load(), true); err != nil {
			w.s.log.Warn("no disk space reclaimed", "error", err)
		} else {
			w.s.log.Info("disk space reclaimed", "bytes", freed)
		}
		reclaimed = time.Now()
	}
}

// marked lists up to sweepBatch records of a kind of mark. Looking first keeps
// an idle sweeper from writing anything.
func (w *sweeper) marked(kind byte, skip func(id uint64) bool) (ids []uint64, err error) {
	err = w.s.View(func(tx *Tx) error {
		return tx.scanKeys([]byte{kind}, nil, func(k []byte) (bool, error) {
			if id := binary.BigEndian.Uint64(k[1:]); !skip(id) {
				ids = append(ids, id)
			}
			return len(ids) < sweepBatch, nil
		})
	})
	return ids, err
}

// sweepPending makes garbage of bodies whose writer is gone.
func (w *sweeper) sweepPending() (more bool, err error) {
	ids, err := w.marked(keyPending, func(id uint64) bool { return w.isWritten(BlobID(id)) })
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return len(ids) == sweepBatch, w.s.Update(func(tx *Tx) error {
		for _, id := range ids {
			if ok, err := tx.has(key(keyPending, id)); err != nil {
				return err
			} else if !ok || w.isWritten(BlobID(id)) {
				continue // it was finished, or began, since we looked
			}
			if err := tx.del(key(keyPending, id)); err != nil {
				return err
			}
			if err := tx.set(key(keyGarbage, id), mark); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepGarbage removes chunks of bodies that nobody refers to or reads.
func (w *sweeper) sweepGarbage() (more bool, err error) {
	ids, err := w.marked(keyGarbage, func(id uint64) bool { return w.isRead(BlobID(id)) })
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, w.s.Update(func(tx *Tx) error {
		room := sweepBatch
		for _, id := range ids {
			chunks, err := tx.collectKeys(key(keyChunk, id), room)
			if err != nil {
				return err
			}
			for _, k := range chunks {
				if err := tx.del(k); err != nil {
					return err
				}
			}
			if room -= len(chunks); room <= 0 {
				return nil // perhaps not all of this one: its mark stays
			}
			if err := tx.del(key(keyGarbage, id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepDoomed removes what a deleted mailbox has left.
func (w *sweeper) sweepDoomed() (more bool, err error) {
	ids, err := w.marked(keyDoomed, func(uint64) bool { return false })
	if err != nil || len(ids) == 0 {
		return false, err
	}
	id := ids[0]
	return true, w.s.Update(func(tx *Tx) error {
		// An entry takes its message and chunk along: four records each.
		keys, err := tx.collectKeys(key(keyEntry, id), sweepBatch/4)
		if err != nil {
			return err
		}
		for _, k := range keys {
			e, err := tx.Entry(MailboxID(id), lastNumber(k))
			if err == nil {
				err = tx.removeEntry(MailboxID(id), e)
			}
			if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
				// What it referred to can't be told any more. It goes, or
				// nothing behind it ever would.
				tx.s.log.Warn("a damaged entry of a deleted mailbox is removed", "mailbox", id, "error", err)
				err = tx.del(k)
			}
			if err != nil {
				return err
			}
		}
		if len(keys) > 0 {
			return nil
		}
		for _, kind := range []byte{keyBits, keyHistory, keyDigest} {
			keys, err := tx.collectKeys(key(kind, id), sweepBatch)
			if err != nil {
				return err
			}
			for _, k := range keys {
				if err := tx.del(k); err != nil {
					return err
				}
			}
			if len(keys) == sweepBatch {
				return nil
			}
		}
		return tx.del(key(keyDoomed, id))
	})
}

// sweepHistory prunes one mailbox's history.
func (w *sweeper) sweepHistory() (more bool, err error) {
	id, ok := w.takePrune()
	if !ok {
		return false, nil
	}
	left := uint32(0)
	err = w.s.Update(func(tx *Tx) error {
		err := tx.pruneHistory(id)
		if m := tx.mailboxes[id]; m != nil {
			left = m.records
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return true, nil // deleted meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("prune history of mailbox %d: %w", id, err)
	}
	if left > keepHistory {
		w.historyFull(id)
	}
	return true, nil
}

// discardBlob gives a body up that no message refers to any more. A small one
// goes at once; a large one, or one that is being read, is left to the sweeper.
func (tx *Tx) discardBlob(b Blob) error {
	if tx.s.Full() {
		// Somebody is making room: have the disk space given back, too.
		tx.onCommit(func() { tx.s.sweeper.wake() })
	}
	if b.Size <= chunkSize && !tx.s.sweeper.isRead(b.ID) {
		if b.Size == 0 {
			return nil
		}
		return tx.del(keyIn(keyChunk, uint64(b.ID), 0))
	}
	tx.onCommit(func() { tx.s.sweeper.wake() })
	return tx.set(key(keyGarbage, uint64(b.ID)), mark)
}
