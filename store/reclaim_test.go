package store

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReclaimBesideDeliveries has the store collected and merged while mail
// comes, is read and goes, and closes it in the middle: what was acknowledged
// is there, whole, when it is opened again.
func TestReclaimBesideDeliveries(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Memory: 256 << 20}
	s := openTest(t, opts)
	_, inbox := newAccount(t, s, "alice")
	pattern := func(n uint32) []byte {
		return bytes.Repeat([]byte{byte(n), byte(n >> 8), byte(n * 31)}, 100+int(n%7)*30000)
	}
	var wg sync.WaitGroup
	var next atomic.Uint32
	var acked sync.Map // UID -> number
	for range 3 {
		wg.Go(func() {
			for {
				n := next.Add(1)
				e, err := tryDeliver(s, inbox, pattern(n))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n%3 != 0 { // most of it goes again
					if err := s.Update(func(tx *Tx) error { return tx.Expunge(inbox, e.UID) }); err == nil {
						continue
					}
					return // closed: it may be there or not
				}
				acked.Store(e.UID, n)
				if err := checkBody(s, inbox, e.UID, pattern(n)); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for {
				if _, err := s.Reclaim(t.Context(), 1<<30, true); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				s.Health()
			}
		})
	}
	time.Sleep(1500 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	s = openTest(t, opts)
	kept := 0
	acked.Range(func(uid, n any) bool {
		kept++
		if err := checkBody(s, inbox, uid.(uint32), pattern(n.(uint32))); err != nil {
			t.Errorf("mail %d: %v", n, err)
		}
		return true
	})
	if kept == 0 {
		t.Error("nothing was delivered: the test shows nothing")
	}
	t.Logf("%d of %d kept", kept, next.Load())
}

func checkBody(s *Store, mb MailboxID, uid uint32, want []byte) error {
	var m *Message
	if err := s.View(func(tx *Tx) error {
		e, err := tx.Entry(mb, uid)
		if err != nil {
			return err
		}
		m, err = tx.Message(e.Message)
		return err
	}); err != nil {
		return err
	}
	r, err := s.OpenBlob(m.Blob)
	if err != nil {
		return err
	}
	defer r.Close()
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, 0); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("the body is another")
	}
	return nil
}
