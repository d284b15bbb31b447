package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

type backupReader struct {
	r       *bufio.Reader
	sum     hash.Hash
	key     []byte
	value   []byte
	records uint64
}

// ReadByte makes backupReader an io.ByteReader for varints.
func (b *backupReader) ReadByte() (byte, error) {
	c, err := b.r.ReadByte()
	if err == nil {
		b.sum.Write([]byte{c})
	}
	return c, err
}

func (b *backupReader) number(limit uint64) (int, error) {
	n, err := binary.ReadUvarint(b)
	if err == nil && n > limit {
		err = fmt.Errorf("%w: a length of %d", ErrBackup, n)
	}
	return int(n), err
}

func (b *backupReader) full(p []byte) error {
	_, err := io.ReadFull(b.r, p)
	b.sum.Write(p)
	return err
}

// next reads a record; its key and value are valid until the next.
func (b *backupReader) next() (kind byte, err error) {
	if kind, err = b.ReadByte(); err != nil || kind == backupEnd {
		return kind, err
	}
	if kind > backupValue {
		return 0, fmt.Errorf("%w: unknown record", ErrBackup)
	}
	shared, err := b.number(uint64(len(b.key)))
	if err != nil {
		return 0, err
	}
	n, err := b.number(maxBackupKey)
	if err != nil {
		return 0, err
	}
	before := slices.Clone(b.key)
	b.key = append(b.key[:shared], make([]byte, n)...)
	if err := b.full(b.key[shared:]); err != nil {
		return 0, err
	}
	if len(b.key) == 0 || bytes.Compare(b.key, before) <= 0 || b.key[0] == keyRestored {
		return 0, fmt.Errorf("%w: keys out of order", ErrBackup)
	}
	b.records++
	if kind == backupKey {
		return kind, nil
	}
	if n, err = b.number(maxBackupValue); err != nil {
		return 0, err
	}
	b.value = slices.Grow(b.value[:0], n)[:n]
	return kind, b.full(b.value)
}

// end reads the trailer.
func (b *backupReader) end() error {
	n, err := binary.ReadUvarint(b)
	if err != nil {
		return err
	}
	want := b.sum.Sum(nil)
	var got [sha256.Size]byte
	if _, err := io.ReadFull(b.r, got[:]); err != nil {
		return err
	}
	if n != b.records || !bytes.Equal(got[:], want) {
		return fmt.Errorf("%w: its checksum is wrong", ErrBackup)
	}
	return nil
}

// Restore puts a backup into opts.Dir. A complete one needs a directory
// without a store; an incremental one needs the store that the backup before
// it was restored into, untouched since. A restore that fails leaves a store
// that Open refuses, or nothing where there was nothing. The store is closed
// when Restore returns.
func Restore(ctx context.Context, opts Options, r io.Reader) (err error) {
	defer func() {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it is cut short", ErrBackup)
		}
		if err != nil {
			err = fmt.Errorf("restore: %w", err)
		}
	}()
	br := &backupReader{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	magic := make([]byte, len(backupMagic))
	if err := br.full(magic); err != nil {
		return err
	}
	if string(magic) != backupMagic {
		return fmt.Errorf("%w: this is not a backup made by posthorn", ErrBackup)
	}
	since, err := binary.ReadUvarint(br)
	if err != nil {
		return err
	}
	version, err := binary.ReadUvarint(br)
	if err != nil {
		return err
	}
	_, statErr := os.Stat(filepath.Join(opts.Dir, "MANIFEST"))
	fresh := os.IsNotExist(statErr)
	switch {
	case since == 0 && !fresh:
		return fmt.Errorf("%s has a store already: %w; move it away first", opts.Dir, ErrExists)
	case since > 0 && fresh:
		return fmt.Errorf("%w: it follows another backup; restore that first", ErrBackup)
	}
	opts.restoring = true
	s, err := Open(opts)
	if err != nil {
		return err
	}
	err = s.restore(ctx, br, since, version)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	if err != nil && fresh {
		err = errors.Join(err, removeStore(opts.Dir))
	}
	return err
}

// removeStore removes the files of a store that never came to be. What else
// lies in the directory, such as the backup itself, is not ours.
func removeStore(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		ours := false
		switch name := f.Name(); name {
		case "MANIFEST", "MANIFEST-REWRITE", "KEYREGISTRY", "DISCARD", "LOCK", ballastName:
			ours = true
		default:
			number, ending, _ := strings.Cut(name, ".")
			_, numErr := strconv.ParseUint(number, 10, 64)
			ours = numErr == nil && (ending == "sst" || ending == "vlog" || ending == "mem")
		}
		if ours && f.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

func (s *Store) restore(ctx context.Context, br *backupReader, since, version uint64) error {
	at := []byte{keyRestored}
	if err := s.Update(func(tx *Tx) error {
		if since > 0 {
			v, err := tx.get(at)
			if err != nil || binary.BigEndian.Uint64(v) != since {
				return fmt.Errorf("%w: it follows version %d, which this store does not show", ErrBackup, since)
			}
		}
		return tx.set(at, make([]byte, 8))
	}); err != nil {
		return err
	}
	// Keys of the store that the backup does not have are removed: both are in
	// order, so they are walked side by side.
	old := s.db.NewTransaction(false)
	defer old.Discard()
	it := old.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	it.Rewind()
	var b restoreGroup
	for {
		kind, err := br.next()
		if err != nil {
			return err
		}
		for ; it.Valid() && (kind == backupEnd || bytes.Compare(it.Item().Key(), br.key) < 0); it.Next() {
			if k := it.Item().Key(); k[0] != keyRestored {
				b.del(k)
			}
		}
		if kind == backupEnd {
			break
		}
		if known := it.Valid() && bytes.Equal(it.Item().Key(), br.key); known {
			it.Next()
		} else if kind == backupKey {
			return fmt.Errorf("%w: it refers to a record the store does not have", ErrBackup)
		}
		if kind == backupValue {
			b.set(br.key, br.value)
		}
		if b.octets > restoreBatch || len(b.changes) >= sweepBatch {
			if err := b.write(s); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := br.end(); err != nil {
		return err
	}
	b.set(at, binary.BigEndian.AppendUint64(nil, min(version, math.MaxInt64)))
	return b.write(s)
}

// restoreGroup is changes that wait to be written in one update.
type restoreGroup struct {
	changes []record // a nil value deletes
	octets  int
}

func (b *restoreGroup) set(k, v []byte) {
	b.changes = append(b.changes, record{slices.Clone(k), slices.Clone(v)})
	b.octets += len(v)
}

func (b *restoreGroup) del(k []byte) {
	b.changes = append(b.changes, record{key: slices.Clone(k)})
}

func (b *restoreGroup) write(s *Store) error {
	err := s.Update(func(tx *Tx) error {
		if err := tx.admit(); err != nil {
			return err
		}
		for _, c := range b.changes {
			var err error
			if c.value == nil {
				err = tx.del(c.key)
			} else {
				err = tx.set(c.key, c.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	b.changes, b.octets = b.changes[:0], 0
	return err
}
