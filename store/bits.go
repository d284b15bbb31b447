package store

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// block is the bitmaps of 512 UIDs of a mailbox: which exist, and which of
// those carry each system flag. The entry is the truth about flags; this is
// its index.
type block struct {
	present bitmap
	flags   [flagCount]bitmap
	dirty   bool
}

// encode writes one octet that says which bitmaps follow, and those that have
// a bit. It is never empty: present comes first and is always there.
func (b *block) encode() []byte {
	out := append(make([]byte, 0, 1+2*blockBytes), 1)
	out = appendBitmap(out, &b.present)
	for i := range b.flags {
		if b.flags[i] != (bitmap{}) {
			out[0] |= 2 << i
			out = appendBitmap(out, &b.flags[i])
		}
	}
	return out
}

func appendBitmap(out []byte, b *bitmap) []byte {
	for _, w := range b {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}

func (b *block) decode(v []byte) error {
	*b = block{}
	which, v := v[0], v[1:]
	for i := range 1 + flagCount {
		if which>>i&1 == 0 {
			continue
		}
		if len(v) < blockBytes {
			return fmt.Errorf("bitmap: %w", ErrCorrupt)
		}
		dst := &b.present
		if i > 0 {
			dst = &b.flags[i-1]
		}
		for w := range dst {
			dst[w] = binary.LittleEndian.Uint64(v[8*w:])
		}
		v = v[blockBytes:]
	}
	return nil
}

func (b *block) put(uid uint32, f Flags) {
	i := uid % blockBits
	b.present.put(i, true)
	for n := range b.flags {
		b.flags[n].put(i, f>>n&1 != 0)
	}
	b.dirty = true
}

func (b *block) remove(uid uint32) {
	b.put(uid, 0)
	b.present.put(uid%blockBits, false)
}

// block returns the bitmaps that uid falls into, for changing.
func (m *openMailbox) block(tx *Tx, uid uint32) (*block, error) {
	n := uid / blockBits
	if b := m.blocks[n]; b != nil {
		return b, nil
	}
	b := new(block)
	v, err := tx.get(keyIn(keyBits, uint64(m.ID), n))
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return nil, err
	default:
		if err := b.decode(v); err != nil {
			return nil, err
		}
	}
	m.blocks[n] = b
	return b, nil
}

func (m *openMailbox) writeBlocks(tx *Tx) error {
	for n, b := range m.blocks {
		if !b.dirty {
			continue
		}
		k := keyIn(keyBits, uint64(m.ID), n)
		var err error
		if b.present == (bitmap{}) {
			err = tx.del(k)
		} else {
			err = tx.set(k, b.encode())
		}
		if err != nil {
			return err
		}
		b.dirty = false
	}
	return nil
}

// UIDs returns the UIDs of a mailbox. The set is the caller's.
func (tx *Tx) UIDs(id MailboxID) (*UIDSet, error) {
	return tx.collect(id, func(b *block) bitmap { return b.present })
}

// Marked returns the UIDs of the messages that have the system flag f, which
// is one flag.
func (tx *Tx) Marked(id MailboxID, f Flags) (*UIDSet, error) {
	n := 0
	for f>>n > 1 {
		n++
	}
	if f != 1<<n || n >= flagCount {
		return nil, fmt.Errorf("%#x is not one system flag", f)
	}
	return tx.collect(id, func(b *block) bitmap { return b.flags[n] })
}

// Unseen returns the UIDs of the messages that are not \Seen.
func (tx *Tx) Unseen(id MailboxID) (*UIDSet, error) {
	return tx.collect(id, func(b *block) bitmap {
		out := b.present
		for w := range out {
			out[w] &^= b.flags[0][w]
		}
		return out
	})
}

func (tx *Tx) collect(id MailboxID, pick func(*block) bitmap) (*UIDSet, error) {
	if m := tx.mailboxes[id]; m != nil {
		if err := m.writeBlocks(tx); err != nil {
			return nil, err
		}
	}
	if ok, err := tx.has(key(keyMailbox, uint64(id))); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("mailbox %d: %w", id, ErrNotFound)
	}
	set := &UIDSet{}
	var b block
	err := tx.scan(key(keyBits, uint64(id)), nil, func(k, v []byte) (bool, error) {
		if err := b.decode(v); err != nil {
			return false, err
		}
		set.addBlock(lastNumber(k), pick(&b))
		return true, nil
	})
	return set, err
}
