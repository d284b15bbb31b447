package store

import (
	"bytes"
	"errors"
	"testing"
)

func TestDigest(t *testing.T) {
	s := openTest(t, Options{})
	acct, inbox := newAccount(t, s, "alice")
	var folder MailboxID
	update(t, s, func(tx *Tx) error {
		m, err := tx.CreateMailbox(acct, "folder", "")
		if err == nil {
			folder = m.ID
		}
		return err
	})
	long := bytes.Repeat([]byte("x"), MaxDigest)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutDigest(folder, 0, []byte("first")), tx.PutDigest(folder, 7, long), tx.PutDigest(inbox, 7, []byte("other")))
	})
	update(t, s, func(tx *Tx) error { return tx.PutDigest(folder, 0, []byte("second")) })
	read := func(mb MailboxID, n uint32) (v []byte, err error) {
		err = s.View(func(tx *Tx) error {
			return tx.Digest(mb, n, func(b []byte) error { v = bytes.Clone(b); return nil })
		})
		return v, err
	}
	if v, err := read(folder, 0); err != nil || string(v) != "second" {
		t.Errorf("%q %v", v, err)
	}
	if v, err := read(folder, 7); err != nil || !bytes.Equal(v, long) {
		t.Errorf("%d octets %v", len(v), err)
	}
	if _, err := read(folder, 1); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for want, put := range map[error]func(*Tx) error{
		ErrTooLarge: func(tx *Tx) error { return tx.PutDigest(folder, 1, append(long, 'x')) },
		ErrNotFound: func(tx *Tx) error { return tx.PutDigest(9999, 1, []byte("x")) },
	} {
		if err := s.Update(put); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	update(t, s, func(tx *Tx) error { return tx.DeleteMailbox(acct, "folder") })
	settle(t, s)
	if n := count(t, s, keyDigest); n != 1 {
		t.Errorf("%d digests left, want that of INBOX", n)
	}
	verify(t, s)
}
