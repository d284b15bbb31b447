package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDamagedTable flips single bits of a table. Whatever record they hit, it
// is not read as another one.
func TestDamagedTable(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Memory: 256 << 20, Reserve: 1 << 20}
	s := openTest(t, opts)
	_, inbox := newAccount(t, s, "alice")
	const mails = 300
	meta := func(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%04x", n*40503&0xffff), 20) }
	update(t, s, func(tx *Tx) error {
		for n := range mails {
			w := s.NewBlob()
			fmt.Fprintf(w, "mail %d", n)
			id, err := tx.PutMessage(w, time.Unix(1e9, 0), meta(n))
			if err != nil {
				return err
			}
			if _, err := tx.Append(inbox, id, 0, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(opts.Dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal("tables:", tables, err)
	}
	whole, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	const rounds = 16
	for round := range rounds {
		bad := bytes.Clone(whole)
		bad[len(bad)/2*round/rounds+100] ^= 0x10 // the second half is index and filter
		opts := opts
		opts.Dir = t.TempDir()
		if err := os.CopyFS(opts.Dir, os.DirFS(filepath.Dir(tables[0]))); err != nil {
			t.Fatal(err)
		}
		table := filepath.Join(opts.Dir, filepath.Base(tables[0]))
		if err := os.WriteFile(table, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(opts)
		if err != nil {
			t.Logf("round %d: refused: %v", round, err)
			continue
		}
		s.View(func(tx *Tx) error {
			for n := range mails {
				m, err := tx.Message(MessageID(n + 1))
				if err != nil {
					missing++
				} else if !bytes.Equal(m.Meta, meta(n)) {
					t.Errorf("round %d: message %d has metadata %.10q, want %.10q", round, n+1, m.Meta, meta(n))
				}
			}
			return nil
		})
		// Numbers that were given out are not given out again.
		var id MessageID
		if err := s.Update(func(tx *Tx) error {
			n, err := tx.next("message")
			id = MessageID(n)
			return err
		}); err == nil && id <= mails {
			t.Errorf("round %d: message %d is given out a second time", round, id)
		}
		// The owner hears of it, and the table is kept for who may repair it.
		for range 400 {
			if s.Health().Corrupt > 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		kept, err := os.ReadFile(table + ".damaged")
		if s.Health().Corrupt == 0 || !bytes.Equal(kept, bad) {
			t.Errorf("round %d: nobody saw the damage, %v", round, err)
		}
		// Not closed: Badger would merge the damaged table with what was
		// written. After the next start that does no more harm.
		next := opts
		next.Dir = t.TempDir()
		if err := os.CopyFS(next.Dir, os.DirFS(opts.Dir)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s, err := Open(next)
			if err != nil {
				t.Logf("round %d: refused: %v", round, err)
				break
			}
			left := 0
			s.View(func(tx *Tx) error {
				for n := range mails {
					m, err := tx.Message(MessageID(n + 1))
					if err == nil && !bytes.Equal(m.Meta, meta(n)) {
						t.Errorf("round %d: message %d came back as another", round, n+1)
					}
					if err == nil {
						left++
					}
				}
				return nil
			})
			if left < mails*3/4 {
				t.Errorf("round %d: one wrong bit, and %d of %d messages are left", round, left, mails)
			}
			if err := s.Update(func(tx *Tx) error { return tx.PutValue("test", []byte("x")) }); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if t.Logf("%d messages damaged", missing); missing == 0 {
		t.Error("no bit hit a message: the test shows nothing")
	}
}

// TestDamagedEntryOfDeletedMailbox: one entry that can't be read keeps neither
// the others of its mailbox nor the next deleted mailbox on the disk.
func TestDamagedEntryOfDeletedMailbox(t *testing.T) {
	s := openTest(t, Options{})
	acct, _ := newAccount(t, s, "alice")
	for _, name := range []string{"Drafts", "Sent"} {
		var box *Mailbox
		update(t, s, func(tx *Tx) (err error) { box, err = tx.MailboxByName(acct, name); return err })
		for range 3 {
			deliver(t, s, box.ID, []byte("x"))
		}
		if name == "Drafts" {
			// Of the second nothing can be told, of the third whose message
			// is not there no more than it says.
			update(t, s, func(tx *Tx) error {
				e, err := tx.Entry(box.ID, 2)
				if err != nil {
					return err
				}
				if err := tx.dropRef(e.Message); err != nil {
					return err
				}
				if err := tx.set(keyIn(keyEntry, uint64(box.ID), 2), []byte{9}); err != nil {
					return err
				}
				if e, err = tx.Entry(box.ID, 3); err != nil {
					return err
				}
				return tx.dropRef(e.Message)
			})
		}
		update(t, s, func(tx *Tx) error { return tx.DeleteMailbox(acct, name) })
	}
	settle(t, s)
	if n := count(t, s, keyEntry) + count(t, s, keyMessage) + count(t, s, keyChunk); n > 0 {
		t.Errorf("%d records are left", n)
	}
}
