package store

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// MaxDigest is the longest digest in octets.
const MaxDigest = 128 << 10

// Digest calls read with what another package keeps of a mailbox under a number
// of its own: something it can make again from the messages, and looks at often.
// The slice is valid during the call only. The error is read's, ErrNotFound for
// a digest that was not made yet, or ErrCorrupt for one that is to be made again.
func (tx *Tx) Digest(mb MailboxID, number uint32, read func(v []byte) error) error {
	failed := func(err error) error { return fmt.Errorf("digest %d of mailbox %d: %w", number, mb, err) }
	item, err := tx.lookup(keyIn(keyDigest, uint64(mb), number))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return failed(ErrNotFound)
	}
	if err != nil {
		return failed(err)
	}
	return item.Value(func(v []byte) error {
		if len(v) == 0 {
			return failed(ErrCorrupt)
		}
		return read(v)
	})
}

// PutDigest keeps a digest of 1 to MaxDigest octets, until the mailbox is
// deleted. It is no change of the mailbox. It returns ErrNotFound for a mailbox
// that is not there, and ErrFull when the disk's reserve is touched: a digest
// can wait.
func (tx *Tx) PutDigest(mb MailboxID, number uint32, v []byte) error {
	if len(v) == 0 || len(v) > MaxDigest {
		return fmt.Errorf("digest %d of mailbox %d has %d octets, 1 to %d are taken: %w", number, mb, len(v), MaxDigest, ErrTooLarge)
	}
	if err := tx.admit(); err != nil {
		return err
	}
	if ok, err := tx.has(key(keyMailbox, uint64(mb))); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("mailbox %d: %w", mb, ErrNotFound)
	}
	return tx.set(keyIn(keyDigest, uint64(mb), number), v)
}
