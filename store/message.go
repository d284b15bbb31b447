package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// freshMessage is a message this update stored.
type freshMessage struct {
	Message
	refs uint64
}

// PutMessage stores a message whose body was written to w, together with its
// metadata, and returns its ID. The same update must put it into at least one
// mailbox. It returns ErrFull when the disk's reserve is touched.
func (tx *Tx) PutMessage(w *BlobWriter, received time.Time, meta []byte) (MessageID, error) {
	if err := tx.admit(); err != nil {
		return 0, err
	}
	if len(meta) > MaxMeta {
		return 0, fmt.Errorf("metadata of %d octets: %w", len(meta), ErrTooLarge)
	}
	blob, err := w.finish(tx)
	if err != nil {
		return 0, err
	}
	n, err := tx.next("message")
	if err != nil {
		return 0, err
	}
	id := MessageID(n)
	blob.Head = string(w.head)
	blob.Size += int64(len(w.head))
	tx.fresh[id] = &freshMessage{Message: Message{ID: id, Blob: blob, Size: blob.Size, Received: received, Meta: meta}}
	return id, nil
}

func (f *freshMessage) write(tx *Tx, id MessageID) error {
	if f.refs != 1 {
		if err := tx.setRefs(id, f.refs); err != nil {
			return err
		}
	}
	var b []byte
	if f.Blob.Head != "" {
		b = binary.AppendUvarint([]byte{0}, uint64(len(f.Blob.Head))) // 0 is no blob's ID
		b = append(b, f.Blob.Head...)
	}
	b = binary.AppendUvarint(b, uint64(f.Blob.ID))
	b = binary.AppendUvarint(b, uint64(f.Blob.Size-int64(len(f.Blob.Head))))
	b = appendTime(b, f.Received)
	return tx.set(key(keyMessage, uint64(id)), append(b, f.Meta...))
}

// Message returns a stored message.
func (tx *Tx) Message(id MessageID) (*Message, error) {
	if f := tx.fresh[id]; f != nil {
		m := f.Message
		return &m, nil
	}
	v, err := tx.get(key(keyMessage, uint64(id)))
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", id, err)
	}
	m, ok := decodeMessage(v)
	if !ok {
		return nil, fmt.Errorf("message %d: %w", id, ErrCorrupt)
	}
	m.ID = id
	return m, nil
}

func decodeMessage(v []byte) (*Message, bool) {
	d := decoder{b: v}
	m := new(Message)
	if m.Blob.ID = BlobID(d.uvarint()); m.Blob.ID == 0 {
		m.Blob.Head = d.text()
		m.Blob.ID = BlobID(d.uvarint())
	}
	m.Blob.Size = int64(d.uvarint()) + int64(len(m.Blob.Head))
	m.Size = m.Blob.Size
	m.Received = d.time()
	m.Meta = d.b
	return m, !d.bad
}

// refs is how many entries refer to the message. A message in one mailbox,
// which most are, has no record of it.
func (tx *Tx) refs(id MessageID) (uint64, error) {
	v, err := tx.get(key(keyRefs, uint64(id)))
	if errors.Is(err, ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	n, w := binary.Uvarint(v)
	if w <= 0 || n == 0 {
		return 0, fmt.Errorf("references of message %d: %w", id, ErrCorrupt)
	}
	return n, nil
}

func (tx *Tx) setRefs(id MessageID, n uint64) error {
	k := key(keyRefs, uint64(id))
	if n == 1 {
		return tx.del(k)
	}
	return tx.set(k, binary.AppendUvarint(nil, n))
}

// addRef counts one more entry that refers to the message.
func (tx *Tx) addRef(id MessageID) error {
	if f := tx.fresh[id]; f != nil {
		f.refs++
		return nil
	}
	n, err := tx.refs(id)
	if err != nil {
		return err
	}
	return tx.setRefs(id, n+1)
}

// dropRef counts one less, and removes the message after the last.
func (tx *Tx) dropRef(id MessageID) error {
	if f := tx.fresh[id]; f != nil {
		f.refs--
		return nil
	}
	n, err := tx.refs(id)
	if err != nil {
		return err
	}
	if n > 1 {
		return tx.setRefs(id, n-1)
	}
	m, err := tx.Message(id)
	if err != nil {
		return err
	}
	if err := tx.del(key(keyMessage, uint64(id))); err != nil {
		return err
	}
	return tx.discardBlob(m.Blob)
}

// decoder reads the hand-made records; a short one leaves bad set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	n, w := binary.Uvarint(d.b)
	return advance(d, n, w)
}

func (d *decoder) varint() int64 {
	n, w := binary.Varint(d.b)
	return advance(d, n, w)
}

func advance[N uint64 | int64](d *decoder, n N, w int) N {
	if w <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *decoder) octet() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) time() time.Time {
	sec, minutes := d.varint(), d.varint()
	if sec == 0 {
		return time.Time{}
	}
	t := time.Unix(sec-1, 0)
	if minutes == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(minutes)*60))
}
