package store

import (
	"errors"
	"fmt"
	"slices"
)

// tailSize is how many octets of packed chunks a writer holds before it puts
// them on disk: a body smaller than this is written together with its message,
// a larger one in steps of this size. It bounds the memory of a delivery.
const tailSize = 192 << 10

// BlobWriter takes a body in. It is an io.Writer of constant memory (at most
// about 350 KiB). When the body is complete, give it to [Tx.PutMessage]; when
// it is not to be kept, call Abort.
type BlobWriter struct {
	s       *Store
	id      BlobID   // 0 until chunks are on disk
	raw     []byte   // the chunk being filled
	tail    [][]byte // packed chunks not yet on disk
	held    int      // octets in tail
	flushed uint32   // chunks on disk
	size    int64
	head    []byte // stands before the body
	skip    int    // chunks for which compression is not tried
	done    bool
	err     error
}

// NewBlob returns a writer for a new body.
func (s *Store) NewBlob() *BlobWriter { return &BlobWriter{s: s} }

// MaxHead is how many octets [BlobWriter.SetHead] takes.
const MaxHead = 16 << 10

// SetHead puts octets before the body that are known only at its end, such as
// the fields that tell what a check of the whole message has found. They are
// kept in the message's record. It returns ErrTooLarge for more than MaxHead.
func (w *BlobWriter) SetHead(head []byte) error {
	if len(head) > MaxHead {
		return fmt.Errorf("%d octets before a body, %d are taken: %w", len(head), MaxHead, ErrTooLarge)
	}
	w.head = head
	return nil
}

// Size is the number of octets of the message so far, its head among them.
func (w *BlobWriter) Size() int64 { return w.size + int64(len(w.head)) }

var errBlobDone = errors.New("body is already stored or given up")

// Write adds to the body. It returns ErrFull when the disk's reserve is
// touched.
func (w *BlobWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, errBlobDone
	}
	if w.err != nil {
		return 0, w.err
	}
	n := 0
	for len(p) > 0 {
		if w.raw == nil {
			// Most mail is small: begin with what came.
			w.raw = make([]byte, 0, min(chunkSize, max(2*len(p), 4<<10)))
		}
		k := min(len(p), chunkSize-len(w.raw))
		w.raw = append(w.raw, p[:k]...)
		p, n = p[k:], n+k
		w.size += int64(k)
		if len(w.raw) == chunkSize {
			w.packChunk()
			if w.held >= tailSize {
				if w.err = w.flush(); w.err != nil {
					return n, w.err
				}
			}
		}
	}
	return n, nil
}

// packChunk moves the chunk being filled to the tail. After a chunk that
// compression did not make smaller, the next three are not tried: an
// attachment of photographs is many such chunks.
func (w *BlobWriter) packChunk() {
	try := w.skip == 0
	v, paid := w.s.codec.pack(w.raw, try)
	switch {
	case !try:
		w.skip--
	case !paid:
		w.skip = 3
	}
	w.tail = append(w.tail, v)
	w.held += len(v) + 100 // of bookkeeping: a body of zeroes packs to almost nothing
	w.raw = w.raw[:0]
}

// flush puts the tail on disk ahead of the message, under a pending mark.
func (w *BlobWriter) flush() error {
	err := w.s.Update(func(tx *Tx) error {
		if err := tx.admit(); err != nil {
			return err
		}
		id := w.id
		if id == 0 {
			n, err := tx.next("blob")
			if err != nil {
				return err
			}
			id = BlobID(n)
			if err := tx.set(key(keyPending, n), mark); err != nil {
				return err
			}
		}
		if err := tx.setChunks(id, w.flushed, w.tail); err != nil {
			return err
		}
		first := w.id == 0
		tx.onCommit(func() {
			if first {
				w.id = id
				w.s.sweeper.writing(id)
			}
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("store body: %w", err)
	}
	w.flushed += uint32(len(w.tail))
	clear(w.tail) // or they are held until others take their place
	w.tail, w.held = w.tail[:0], 0
	return nil
}

func (tx *Tx) setChunks(id BlobID, first uint32, chunks [][]byte) error {
	for i, v := range chunks {
		if err := tx.set(keyIn(keyChunk, uint64(id), first+uint32(i)), v); err != nil {
			return err
		}
	}
	return nil
}

// finish puts what is left of the body into the transaction. It leaves the
// writer as it is, for the update may run again, or fail and more be written.
func (w *BlobWriter) finish(tx *Tx) (Blob, error) {
	if w.done {
		return Blob{}, errBlobDone
	}
	if w.err != nil {
		return Blob{}, w.err
	}
	tail := w.tail
	if len(w.raw) > 0 {
		v, _ := w.s.codec.pack(w.raw, w.skip == 0)
		tail = append(slices.Clip(tail), v)
	}
	id := w.id
	if id == 0 {
		n, err := tx.next("blob")
		if err != nil {
			return Blob{}, err
		}
		id = BlobID(n)
	} else if err := tx.del(key(keyPending, uint64(id))); err != nil {
		return Blob{}, err
	}
	if err := tx.setChunks(id, w.flushed, tail); err != nil {
		return Blob{}, err
	}
	tx.onCommit(func() {
		w.done = true
		w.s.sweeper.written(w.id)
		w.raw, w.tail = nil, nil
	})
	return Blob{ID: id, Size: w.size}, nil
}

// Abort gives the body up. After a commit that stored it, it does nothing, so
// it can be deferred.
func (w *BlobWriter) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.raw, w.tail = nil, nil
	w.s.sweeper.written(w.id)
	if w.id != 0 {
		w.s.sweeper.wake() // the pending mark is still there, nobody writes it any more
	}
}
