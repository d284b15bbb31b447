package store

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"
)

// A head set at the end stands before the body, at every offset, also after
// the store was closed.
func TestHead(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, 3*chunkSize + 7, 8 * chunkSize} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		head := []byte("Authentication-Results: box; none\r\n")
		want := append(bytes.Clone(head), body...)
		s := openTest(t, Options{Dir: dir})
		acct, err := AccountID(0), error(nil)
		update(t, s, func(tx *Tx) error {
			a, err := tx.AccountByName("alice")
			if errors.Is(err, ErrNotFound) {
				a = &Account{Name: "alice"}
				err = tx.CreateAccount(a)
			}
			acct = a.ID
			return err
		})
		w := s.NewBlob()
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.SetHead(make([]byte, MaxHead+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a head too large: %v", err)
		}
		if err := w.SetHead(head); err != nil {
			t.Fatal(err)
		}
		var id MessageID
		update(t, s, func(tx *Tx) error {
			inbox, err := tx.MailboxByRole(acct, RoleInbox)
			if err != nil {
				return err
			}
			if id, err = tx.PutMessage(w, time.Unix(1, 0), []byte("meta")); err != nil {
				return err
			}
			_, err = tx.Append(inbox.ID, id, 0, nil)
			return err
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, Options{Dir: dir})
		var m *Message
		err = s.View(func(tx *Tx) error { m, err = tx.Message(id); return err })
		if err != nil || m.Size != int64(len(want)) || string(m.Meta) != "meta" || m.Received.Unix() != 1 {
			t.Fatalf("message of %d octets: %+v, %v", size, m, err)
		}
		r, err := s.OpenBlob(m.Blob)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), want); err != nil {
			t.Errorf("%d octets by offset: %v", size, err)
		}
		if err := iotest.TestReader(r, want); err != nil {
			t.Errorf("%d octets in order: %v", size, err)
		}
		r.Close()
		verify(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
