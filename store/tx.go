package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/fxamacker/cbor/v2"
)

// Tx is one transaction. It belongs to the function it was given to and is not
// for use by several goroutines.
type Tx struct {
	s        *Store
	txn      *badger.Txn
	writable bool
	adding   bool  // ErrFull was ruled out for this update
	wrote    int   // records set or deleted by this update
	failed   error // of a write: the update can't be committed any more
	octets   int   // of their keys and values

	// What this update has in hand; written by finish.
	mailboxes map[MailboxID]*openMailbox
	usage     map[AccountID]*Usage
	fresh     map[MessageID]*freshMessage
	accounts  []AccountID
	settings  bool
	queue     bool
	gone      []MailboxID // deleted by this update
	committed []func()    // run after the commit is on disk
}

func (s *Store) newTx(txn *badger.Txn, writable bool) *Tx {
	tx := &Tx{s: s, txn: txn, writable: writable}
	if writable {
		tx.mailboxes = make(map[MailboxID]*openMailbox)
		tx.usage = make(map[AccountID]*Usage)
		tx.fresh = make(map[MessageID]*freshMessage)
	}
	return tx
}

// get returns the record at k, which is the caller's to keep.
func (tx *Tx) get(k []byte) ([]byte, error) {
	// Collecting garbage can move a value between finding it and reading it;
	// asked again, the database finds it where it is now.
	for range 2 {
		item, err := tx.lookup(k)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil, ErrNotFound
		}
		var b []byte
		if err == nil {
			b, err = item.ValueCopy(nil)
		}
		if err != nil {
			return nil, fmt.Errorf("read record %q: %w", k[:1], err)
		}
		if len(b) > 0 {
			return b, nil
		}
	}
	// No record is ever written empty, but Badger answers a value it can't
	// read with an empty one and no error.
	tx.s.damaged(k)
	return nil, fmt.Errorf("record %q: %w", k[:1], ErrCorrupt)
}

// lookup finds a record. A block can be damaged such that Badger meets an
// index that makes no sense and panics before it comes to the checksum: that
// must not end the process.
func (tx *Tx) lookup(k []byte) (item *badger.Item, err error) {
	defer func() {
		if p := recover(); p != nil {
			tx.s.damaged(k)
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return tx.txn.Get(k)
}

// step moves an iterator, with the care of lookup.
func (tx *Tx) step(prefix []byte, move func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			tx.s.damaged(prefix)
			err = fmt.Errorf("records %q: %w: %v", prefix[:min(1, len(prefix))], ErrCorrupt, p)
		}
	}()
	move()
	return nil
}

func (tx *Tx) has(k []byte) (bool, error) {
	_, err := tx.lookup(k)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (tx *Tx) set(k, v []byte) error {
	if !tx.writable {
		return errors.New("write in a read-only transaction")
	}
	tx.wrote++
	tx.octets += len(k) + len(v)
	return tx.spoil(tx.txn.Set(k, v))
}

func (tx *Tx) del(k []byte) error {
	if !tx.writable {
		return errors.New("write in a read-only transaction")
	}
	tx.wrote++
	return tx.spoil(tx.txn.Delete(k))
}

// spoil remembers that a write failed, for an update whose function goes on as
// if it had not would be committed in part.
func (tx *Tx) spoil(err error) error {
	if err != nil && tx.failed == nil {
		tx.failed = err
	}
	return err
}

// The records that are not on the way of every message are CBOR, which
// tolerates fields that come and go between versions.
func (tx *Tx) getRecord(k []byte, v any) error {
	b, err := tx.get(k)
	if err != nil {
		return err
	}
	if err := cbor.Unmarshal(b, v); err != nil {
		tx.s.damaged(k)
		return fmt.Errorf("record %q: %w: %v", k[:1], ErrCorrupt, err)
	}
	return nil
}

func (tx *Tx) setRecord(k []byte, v any) error {
	b, err := cbor.Marshal(v)
	if err != nil {
		return err
	}
	return tx.set(k, b)
}

// next gives out the next number of a counter. It is part of the transaction,
// so a number is given twice only if the first was never on disk.
func (tx *Tx) next(counter string) (uint64, error) {
	k := keyText(keyCounter, counter)
	b, err := tx.get(k)
	var n uint64
	switch {
	case errors.Is(err, ErrNotFound):
		if err := tx.neverCounted(counter); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	default:
		n = binary.BigEndian.Uint64(b)
	}
	n++
	return n, tx.set(k, binary.BigEndian.AppendUint64(nil, n))
}

// neverCounted returns ErrCorrupt when something already has a number of the
// counter. Badger answers a record in a damaged block as one that is not
// there, and to count from 1 again would overwrite mail.
func (tx *Tx) neverCounted(counter string) error {
	kinds := map[string]string{
		"account": string([]byte{keyAccount, keyLogin}),
		"mailbox": string([]byte{keyMailbox, keyName, keyEntry}),
		"message": string([]byte{keyMessage, keyEntry, keySent}),
		"blob":    string([]byte{keyChunk, keyPending}),
		"queued":  string([]byte{keyQueued, keyDue}),
		// Counts from a number that the store began with.
		"uidvalidity": string([]byte{keyFormat}),
	}[counter]
	for _, kind := range []byte(kinds) {
		keys, err := tx.collectKeys([]byte{kind}, 1)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			tx.s.damaged(keyText(keyCounter, counter))
			return fmt.Errorf("the number of the last %s: %w", counter, ErrCorrupt)
		}
	}
	return nil
}

// record is one key and value met by scan.
type record struct{ key, value []byte }

// scan calls fn for the records with the prefix, from the key start on, until
// fn returns false. The slices are valid during the call only. fn must not
// write: Badger's iterator over a transaction that writes is a snapshot of it.
func (tx *Tx) scan(prefix, start []byte, fn func(k, v []byte) (bool, error)) error {
	return tx.iterate(prefix, start, true, fn)
}

// scanKeys is scan without the values.
func (tx *Tx) scanKeys(prefix, start []byte, fn func(k []byte) (bool, error)) error {
	return tx.iterate(prefix, start, false, func(k, _ []byte) (bool, error) { return fn(k) })
}

func (tx *Tx) iterate(prefix, start []byte, values bool, fn func(k, v []byte) (bool, error)) error {
	opts := badger.IteratorOptions{Prefix: prefix, PrefetchValues: false}
	it := tx.txn.NewIterator(opts)
	defer it.Close()
	if start == nil {
		start = prefix
	}
	if err := tx.step(start, func() { it.Seek(start) }); err != nil {
		return err
	}
	for it.ValidForPrefix(prefix) {
		item := it.Item()
		more, err := false, error(nil)
		if values {
			err = item.Value(func(v []byte) error {
				if len(v) == 0 {
					tx.s.damaged(item.Key())
					return fmt.Errorf("record %q: %w", item.Key()[:1], ErrCorrupt)
				}
				more, err = fn(item.Key(), v)
				return err
			})
		} else {
			more, err = fn(item.Key(), nil)
		}
		if err != nil || !more {
			return err
		}
		if err := tx.step(start, it.Next); err != nil {
			return err
		}
	}
	return nil
}

// collectKeys returns copies of at most max keys with the prefix; 0 = all.
func (tx *Tx) collectKeys(prefix []byte, max int) ([][]byte, error) {
	var keys [][]byte
	err := tx.scanKeys(prefix, nil, func(k []byte) (bool, error) {
		keys = append(keys, slices.Clone(k))
		return max == 0 || len(keys) < max, nil
	})
	return keys, err
}

// admit rules out that the disk is too full to add anything.
func (tx *Tx) admit() error {
	if tx.adding {
		return nil
	}
	if tx.s.Full() {
		return fmt.Errorf("%w: %s", ErrFull, tx.s.disk.describe())
	}
	tx.adding = true
	return nil
}

func (tx *Tx) touchAccount(id AccountID) {
	if !slices.Contains(tx.accounts, id) {
		tx.accounts = append(tx.accounts, id)
	}
}

// onCommit has fn run once this update is on disk, before it is announced.
func (tx *Tx) onCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// finish writes what the update holds in hand. It runs once, after the
// update's function succeeded.
func (tx *Tx) finish() error {
	for id, f := range tx.fresh {
		if f.refs == 0 {
			return fmt.Errorf("message %d was stored but put into no mailbox", id)
		}
		if err := f.write(tx, id); err != nil {
			return err
		}
	}
	for _, m := range tx.mailboxes {
		if err := m.write(tx); err != nil {
			return err
		}
	}
	for id, u := range tx.usage {
		if err := tx.setUsage(id, *u); err != nil {
			return err
		}
	}
	return nil
}

// merge adds what this update changed to what its group announces.
func (tx *Tx) merge(c *Commit) {
	for _, a := range tx.accounts {
		if !slices.Contains(c.Accounts, a) {
			c.Accounts = append(c.Accounts, a)
		}
	}
	for id, m := range tx.mailboxes {
		if m.touched && !slices.Contains(c.Mailboxes, id) {
			c.Mailboxes = append(c.Mailboxes, id)
		}
	}
	for _, id := range tx.gone {
		if !slices.Contains(c.Mailboxes, id) {
			c.Mailboxes = append(c.Mailboxes, id)
		}
	}
	c.Settings = c.Settings || tx.settings
	c.Queue = c.Queue || tx.queue
}

// appendTime writes a time to the second with its zone's offset, or nothing
// known as the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(binary.AppendVarint(b, 0), 0)
	}
	_, offset := t.Zone()
	b = binary.AppendVarint(b, t.Unix()+1) // 0 is taken by the zero time
	return binary.AppendVarint(b, int64(offset/60))
}
