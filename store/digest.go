package store

import "fmt"

// MaxDigest is the longest digest in octets.
const MaxDigest = 64 << 10

// Digest returns what another package keeps of a mailbox under a number of its
// own: something it can make again from the messages, and looks at often. The
// error is ErrNotFound for one that was not made yet, and ErrCorrupt for one
// that is to be made again.
func (tx *Tx) Digest(mb MailboxID, number uint32) ([]byte, error) {
	v, err := tx.get(keyIn(keyDigest, uint64(mb), number))
	if err != nil {
		return nil, fmt.Errorf("digest %d of mailbox %d: %w", number, mb, err)
	}
	return v, nil
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
