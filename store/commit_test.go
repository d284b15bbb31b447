package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestWriteGoesOnAfterFailedUpdate: the octets written before and after an
// update that did not take the body are one body.
func TestWriteGoesOnAfterFailedUpdate(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	for _, size := range []int{10, chunkSize + 10, 5*chunkSize + 10} {
		body := noise(size)
		w := s.NewBlob()
		w.Write(body[:size/2])
		var e Entry
		put := func(fail error) error {
			return s.Update(func(tx *Tx) error {
				id, err := tx.PutMessage(w, e.Received, nil)
				if err != nil {
					return err
				}
				if e, err = tx.Append(inbox, id, 0, nil); err != nil {
					return err
				}
				return fail
			})
		}
		boom := errors.New("boom")
		if err := put(boom); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		w.Write(body[size/2:])
		if err := put(nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(readBody(t, s, inbox, e.UID), body) {
			t.Errorf("a body of %d octets came back as another", size)
		}
	}
}

// TestUpdateThatIgnoresItsErrors: an update too large for one transaction
// leaves nothing, also when its function does not look at the errors.
func TestUpdateThatIgnoresItsErrors(t *testing.T) {
	s := openTest(t, Options{Memory: 256 << 20})
	err := s.Update(func(tx *Tx) error {
		for i := range 20000 {
			tx.PutValue(fmt.Sprint("test/", i), []byte("x"))
		}
		return nil
	})
	if n := count(t, s, keyValue); !errors.Is(err, ErrTooLarge) || n > 0 {
		t.Errorf("%v, and %d records are there", err, n)
	}
}
