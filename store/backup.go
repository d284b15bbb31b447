package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"

	"github.com/dgraph-io/badger/v4"
)

// A backup is a header, a record for every key of one snapshot in key order,
// and a trailer with the number of records and the SHA-256 of all that comes
// before. An incremental backup has the values that are newer than the backup
// it follows and the bare keys of the others, so that what was deleted since
// is known by its absence.
//
//	header   "posthorn backup 1\n", version it follows, version it shows
//	record   1 or 2, octets shared with the key before, the rest of the key,
//	         and for 2 the value
//	trailer  0, number of records, SHA-256
//
// Numbers are varints, octets are preceded by their number. Bodies are
// compressed in the store already, so the stream is not.
const backupMagic = "posthorn backup 1\n"

const (
	backupEnd   = 0
	backupKey   = 1
	backupValue = 2

	maxBackupKey   = 4 << 10
	maxBackupValue = 1 << 20

	// restoreBatch is how many octets of values one update of Restore writes.
	restoreBatch = 512 << 10
)

// ErrBackup says that a backup is damaged, cut short, or does not follow what
// the store shows.
var ErrBackup = errors.New("backup can't be used")

// Backup writes all the store holds to w, as one snapshot, while the box goes
// on. With since = 0 it is complete; with the number an earlier Backup of it
// returned, it holds only what changed since. It returns the number for the
// next one. Keep it as safe as the mail: it has the hashes of all passwords.
func (s *Store) Backup(ctx context.Context, w io.Writer, since uint64) (version uint64, err error) {
	bw := &backupWriter{w: bufio.NewWriterSize(w, 64<<10), sum: sha256.New()}
	err = s.View(func(tx *Tx) error {
		line, err := tx.line()
		if err != nil {
			return err
		}
		version = line + tx.txn.ReadTs()
		if since != 0 && (since>>lineShift != line>>lineShift || since > version) {
			return fmt.Errorf("%w: it would follow version %d, which this store never was, or not since it was put back from a backup; make a complete one", ErrBackup, since)
		}
		bw.put([]byte(backupMagic))
		bw.number(since)
		bw.number(version)
		it := tx.txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			if item.Key()[0] == keyRestored {
				continue
			}
			if line+item.Version() <= since {
				bw.key(backupKey, item.Key())
			} else if err := item.Value(func(v []byte) error {
				if len(v) == 0 {
					tx.s.damaged(item.Key())
					return fmt.Errorf("record %q: %w", item.Key()[:1], ErrCorrupt)
				}
				bw.key(backupValue, item.Key())
				bw.octets(v)
				return nil
			}); err != nil {
				return err
			}
			if bw.err != nil {
				return bw.err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		bw.put([]byte{backupEnd})
		bw.number(bw.records)
		bw.put(bw.sum.Sum(nil))
		if bw.err == nil {
			bw.err = bw.w.Flush()
		}
		return bw.err
	})
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	return version, nil
}

// Badger counts versions from 1 in each store. Above them stands a random
// number, the store's line, which is drawn anew when a backup is put back: a
// version of the store that was is not taken for one of the store that is.
const (
	lineShift = 40
	lineName  = "line"
)

// line is what is added to Badger's versions.
func (tx *Tx) line() (uint64, error) {
	v, err := tx.get(keyText(keyCounter, lineName))
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

// drawLine begins a new line.
func (tx *Tx) drawLine() error {
	line := (1 + rand.Uint64N(1<<22-1)) << lineShift
	return tx.set(keyText(keyCounter, lineName), binary.BigEndian.AppendUint64(nil, line))
}

type backupWriter struct {
	w       *bufio.Writer
	sum     hash.Hash
	last    []byte
	records uint64
	err     error
}

func (b *backupWriter) put(p []byte) {
	if b.err == nil {
		b.sum.Write(p)
		_, b.err = b.w.Write(p)
	}
}

func (b *backupWriter) number(n uint64) { b.put(binary.AppendUvarint(nil, n)) }

func (b *backupWriter) octets(p []byte) {
	b.number(uint64(len(p)))
	b.put(p)
}

func (b *backupWriter) key(kind byte, k []byte) {
	shared := 0
	for shared < min(len(k), len(b.last)) && k[shared] == b.last[shared] {
		shared++
	}
	b.put([]byte{kind})
	b.number(uint64(shared))
	b.octets(k[shared:])
	b.last = append(b.last[:0], k...)
	b.records++
}
