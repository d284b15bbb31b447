package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// format is the version of the schema in keys.go.
const format = 1

// Store is an open store. Its methods are for use by any number of goroutines.
type Store struct {
	db       *badger.DB
	opts     Options
	class    class
	log      *slog.Logger
	onCommit func(Commit)
	codec    *codec
	disk     *disk
	sweeper  *sweeper

	requests      chan *request
	committerDone chan struct{}

	mu     sync.Mutex // guards closed, and uses.Add against uses.Wait
	closed bool
	uses   sync.WaitGroup

	unsynced  atomic.Bool // a write to the value log did not reach the disk
	corrupt   atomic.Int64
	lastError atomic.Pointer[error]
}

// Open opens the store in opts.Dir and makes it if there is none. It returns
// ErrInUse when another process has it, ErrFull when the disk is too full to
// open it without harm, and ErrBrokenBuild from a 32-bit binary that was not
// built by this project's scripts.
func Open(opts Options) (*Store, error) {
	if err := checkAllocator(); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Memory == 0 {
		opts.Memory = boardMemory()
	}
	c := classFor(opts.Memory)
	if opts.Reserve == 0 {
		opts.Reserve = c.reserve()
	}
	s := &Store{opts: opts, class: c, log: opts.Log, onCommit: opts.OnCommit,
		requests: make(chan *request, maxGroup), committerDone: make(chan struct{})}
	s.disk = &disk{dir: opts.Dir, log: opts.Log, used: s.size,
		runways: [2]runway{{ending: ".vlog", limit: c.valueLog}, {ending: ".mem", limit: c.memTable}}}
	s.disk.reserve.Store(opts.Reserve)
	s.sweeper = newSweeper(s)
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("make store: %w", err)
		}
		if err := s.disk.beforeOpen(3 * c.memTable); err != nil {
			return nil, err
		}
	}
	var err error
	if s.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if s.db, err = openBadger(badgerOptions(opts, c, &s.unsynced), s.log); err != nil {
		return nil, err
	}
	go s.commit()
	if opts.restoring {
		// A body that was on its way in when the backup was made looks given
		// up, and the backup that follows may have its message.
		close(s.sweeper.done)
	} else {
		go s.sweeper.run()
	}
	if err := s.begin(); err != nil {
		s.Close()
		return nil, err
	}
	s.disk.look()
	s.sweeper.wake()
	return s, nil
}

// openBadger opens the database. After a power cut files that were just being
// made can be empty, one of each kind: a try fails on one and removes it.
func openBadger(o badger.Options, log *slog.Logger) (*badger.DB, error) {
	if !o.InMemory {
		if err := mendManifest(o, log); err != nil {
			return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
		}
		salvageTables(o, log)
	}
	open := func() (db *badger.DB, err error) {
		defer func() {
			if p := recover(); p != nil { // the last block of a table makes no sense
				err = fmt.Errorf("%w: %v", ErrCorrupt, p)
			}
		}()
		return badger.Open(o)
	}
	db, err := open()
	for range 2 {
		if err == nil || !strings.Contains(err.Error(), "Create a new file") {
			break
		}
		db, err = open()
	}
	if err != nil && strings.Contains(err.Error(), "Cannot acquire directory lock") {
		return nil, fmt.Errorf("%w: %s", ErrInUse, o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
	}
	return db, nil
}

// begin makes a new store's first records, or checks that this binary can
// read an old one's.
func (s *Store) begin() error {
	var found []byte
	err := s.View(func(tx *Tx) (err error) {
		found, err = tx.get([]byte{keyFormat})
		return err
	})
	if err == nil {
		if found[0] != format {
			return fmt.Errorf("store has format %d, this version reads %d: use the newer version", found[0], format)
		}
		return s.checkRestored()
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if s.opts.restoring {
		return nil // these records come with the backup
	}
	if err := s.checkRestored(); err != nil {
		return err
	}
	return s.Update(func(tx *Tx) error {
		// UIDVALIDITY counts up from a random number, so that a mail program
		// that knew another box by this name does not take its UIDs for ours.
		first := uint64(1<<20 + rand.Uint32N(1<<30))
		if err := tx.set(keyText(keyCounter, "uidvalidity"), binary.BigEndian.AppendUint64(nil, first)); err != nil {
			return err
		}
		if err := tx.drawLine(); err != nil {
			return err
		}
		return tx.set([]byte{keyFormat}, []byte{format})
	})
}

// checkRestored refuses a store that a backup was only partly put back into.
// Once the store is used, no later backup can follow: the mark goes.
func (s *Store) checkRestored() error {
	if s.opts.restoring {
		return nil
	}
	at := []byte{keyRestored}
	err := s.View(func(tx *Tx) error {
		v, err := tx.get(at)
		if err == nil && binary.BigEndian.Uint64(v) == 0 {
			err = fmt.Errorf("%w: it was not put back whole; restore again into an empty directory", ErrBackup)
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Update(func(tx *Tx) error {
		if err := tx.drawLine(); err != nil {
			return err
		}
		return tx.del(at)
	})
}

// enter counts a use of the store; leave ends it. Close waits for all.
func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.uses.Add(1)
	return true
}

func (s *Store) leave() { s.uses.Done() }

// Close waits for transactions that run and closes the store. Everything that
// Update returned nil for is on disk already.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	close(s.sweeper.stop)
	<-s.sweeper.done
	s.uses.Wait()
	close(s.requests)
	<-s.committerDone
	s.codec.dec.Close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Full tells that the disk's reserve is touched: nothing can be added.
func (s *Store) Full() bool { return s.disk.full.Load() }

// size is how many octets the database's files take.
func (s *Store) size() int64 {
	if s.db == nil {
		return 0 // not open yet
	}
	lsm, vlog := s.db.Size()
	return lsm + vlog
}

// damaged counts a record that could not be read as it was written.
func (s *Store) damaged(k []byte) {
	s.corrupt.Add(1)
	s.log.Error("a record is damaged; restore it from a backup", "kind", string(k[:min(1, len(k))]), "key", fmt.Sprintf("%x", k))
}

func (s *Store) failure(err error) {
	s.lastError.Store(&err)
	s.log.Error("the store can't be written", "error", err)
}

// Health is how the store fares.
type Health struct {
	Free    int64 // octets free on the disk; 0 in memory
	Total   int64 // octets of the disk
	Reserve int64 // octets kept free
	Used    int64 // octets of disk the store's files take; 0 in memory
	Full    bool  // nothing can be added
	Corrupt int64 // damaged records met since the store was opened
	Err     error // the last write that failed, nil if none did
}

// Health returns how the store fares. It looks at the disk.
func (s *Store) Health() Health {
	s.disk.look()
	h := Health{Free: s.disk.free.Load(), Total: s.disk.total.Load(), Reserve: s.disk.reserve.Load(),
		Used: s.diskUsage(), Full: s.Full(), Corrupt: s.corrupt.Load()}
	if e := s.lastError.Load(); e != nil {
		h.Err = *e
	}
	return h
}
