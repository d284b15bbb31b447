package store

import (
	"errors"
	"fmt"
	"io"

	"github.com/dgraph-io/badger/v4"
)

// BlobReader reads a stored body: io.ReaderAt, io.Reader, io.Seeker. It holds
// one chunk in memory and stays readable until closed, even when the message
// is expunged meanwhile. It is not for use by several goroutines.
type BlobReader struct {
	s     *Store
	blob  Blob
	at    int64
	n     int64 // number of the chunk held; -1 = none
	chunk []byte
	open  bool
}

// OpenBlob opens a body. Close it. Reading returns ErrCorrupt rather than
// octets that are not those that were written.
func (s *Store) OpenBlob(b Blob) (*BlobReader, error) {
	r := &BlobReader{s: s, blob: b, n: -1, open: true}
	s.sweeper.reading(b.ID, 1)
	return r, nil
}

// Size is the length of the body in octets.
func (r *BlobReader) Size() int64 { return r.blob.Size }

// Close lets the body go.
func (r *BlobReader) Close() error {
	if r.open {
		r.open = false
		r.chunk = nil
		r.s.sweeper.reading(r.blob.ID, -1)
	}
	return nil
}

// Read reads on from where the last Read or Seek ended.
func (r *BlobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.at >= r.blob.Size {
		return 0, io.EOF
	}
	// One chunk at most, for the caller's buffer may be small or large.
	if head := int64(len(r.blob.Head)); r.at < head {
		p = p[:min(int64(len(p)), head-r.at)]
	} else {
		p = p[:min(int64(len(p)), chunkSize-(r.at-head)%chunkSize)]
	}
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek moves where Read goes on.
func (r *BlobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.blob.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of the body")
	}
	r.at = offset
	return offset, nil
}

// ReadAt reads at an offset, touching only the chunks it needs.
func (r *BlobReader) ReadAt(p []byte, off int64) (int, error) {
	if !r.open {
		return 0, errors.New("body is closed")
	}
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	if head := int64(len(r.blob.Head)); off < head {
		n = copy(p, r.blob.Head[off:])
		off = 0
	} else {
		off -= head
	}
	for n < len(p) && off < r.stored() {
		if err := r.load(off / chunkSize); err != nil {
			return n, err
		}
		k := copy(p[n:], r.chunk[off%chunkSize:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// stored is how many octets are in chunks.
func (r *BlobReader) stored() int64 { return r.blob.Size - int64(len(r.blob.Head)) }

func (r *BlobReader) load(number int64) error {
	if r.n == number {
		return nil
	}
	want := int(min(chunkSize, r.stored()-number*chunkSize))
	if r.chunk == nil {
		r.chunk = make([]byte, 0, want)
	}
	var err error
	// Collecting garbage can move a value between finding it and reading it;
	// asked again, the database finds it where it is now.
	for range 2 {
		err = r.s.View(func(tx *Tx) error {
			item, err := tx.lookup(keyIn(keyChunk, uint64(r.blob.ID), uint32(number)))
			if errors.Is(err, badger.ErrKeyNotFound) {
				// Expunged between looking the message up and opening it. A
				// chunk that was lost is Check's to find.
				return ErrNotFound
			}
			if err != nil {
				return err
			}
			return item.Value(func(v []byte) error {
				c, err := r.s.codec.unpack(v, r.chunk[:0])
				if err == nil && len(c) != want {
					err = fmt.Errorf("length differs: %w", ErrCorrupt)
				}
				if err == nil {
					r.chunk = c
				}
				return err
			})
		})
		if !errors.Is(err, ErrCorrupt) {
			break
		}
	}
	if err != nil {
		r.n = -1
		if errors.Is(err, ErrCorrupt) {
			r.s.damaged(keyIn(keyChunk, uint64(r.blob.ID), uint32(number)))
		}
		return fmt.Errorf("body %d, chunk %d: %w", r.blob.ID, number, err)
	}
	r.n = number
	return nil
}
