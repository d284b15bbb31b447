package store

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// largeMailbox is an INBOX of n small messages, a third of them seen, in a
// store on disk whose tables are merged as they are after some hours.
func largeMailbox(b *testing.B, n int) (*Store, MailboxID) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir(), Memory: 512 << 20, Reserve: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	_, inbox := newAccount(b, s, "alice")
	meta := make([]byte, 400)
	for at := 0; at < n; {
		update(b, s, func(tx *Tx) error {
			for i := range min(500, n-at) {
				w := s.NewBlob()
				fmt.Fprintf(w, "mail %d", at+i)
				id, err := tx.PutMessage(w, time.Unix(1e9+int64(at+i), 0), meta)
				if err != nil {
					return err
				}
				var f Flags
				if (at+i)%3 == 0 {
					f = Seen
				}
				if _, err := tx.Append(inbox, id, f, nil); err != nil {
					return err
				}
			}
			return nil
		})
		at += min(500, n-at)
	}
	if err := s.compact(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s, inbox
}

// BenchmarkLargeMailbox is what programs ask of a mailbox of 100,000 messages.
func BenchmarkLargeMailbox(b *testing.B) {
	const n = 100_000
	s, inbox := largeMailbox(b, n)
	view := func(b *testing.B, fn func(tx *Tx) error) {
		if err := s.View(fn); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("select", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			view(b, func(tx *Tx) error {
				m, err := tx.Mailbox(inbox)
				if err != nil {
					return err
				}
				uids, err := tx.UIDs(inbox)
				if err == nil && (uids.Len() != n || m.Messages != n) {
					b.Fatal("the mailbox has", uids.Len())
				}
				return err
			})
		}
	})
	b.Run("unseen", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			view(b, func(tx *Tx) error { _, err := tx.Unseen(inbox); return err })
		}
	})
	b.Run("entries", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			view(b, func(tx *Tx) error {
				seen := 0
				for _, err := range tx.Entries(inbox, 0, 0) {
					if err != nil {
						return err
					}
					seen++
				}
				if seen != n {
					b.Fatal("the scan met", seen)
				}
				return nil
			})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/message")
	})
	b.Run("entry", func(b *testing.B) {
		b.ReportAllocs()
		uid := uint32(0)
		for b.Loop() {
			uid = (uid+7919)%n + 1
			view(b, func(tx *Tx) error {
				e, err := tx.Entry(inbox, uid)
				if err != nil {
					return err
				}
				_, err = tx.Message(e.Message)
				return err
			})
		}
	})
	b.Run("changes", func(b *testing.B) { // after one delivery
		var before *Mailbox
		view(b, func(tx *Tx) (err error) { before, err = tx.Mailbox(inbox); return err })
		deliver(b, s, inbox, []byte("new"))
		b.ReportAllocs()
		for b.Loop() {
			view(b, func(tx *Tx) error {
				c, err := tx.Changes(inbox, before.ModSeq)
				if err == nil && c.Changed.Len() != 1 {
					b.Fatal(c.Changed.Len(), "changes")
				}
				return err
			})
		}
	})
}

// BenchmarkSequenceNumbers is what a session does with the set of a mailbox of
// 100,000: name each message, and take out one after the other.
func BenchmarkSequenceNumbers(b *testing.B) {
	all := &UIDSet{}
	for uid := range uint32(100_000) {
		all.Add(uid + 1)
	}
	b.Run("seq", func(b *testing.B) {
		uid := uint32(0)
		for b.Loop() {
			uid = (uid+7919)%100_000 + 1
			all.Seq(uid)
		}
	})
	b.Run("expunge-all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			set := all.Clone()
			for uid := range all.All() {
				set.Seq(uid)
				set.Remove(uid)
			}
		}
	})
}

// BenchmarkMailboxes is a list of 200 mailboxes with their counts.
func BenchmarkMailboxes(b *testing.B) {
	s := openTest(b, Options{})
	acct, _ := newAccount(b, s, "alice")
	update(b, s, func(tx *Tx) error {
		for i := range 194 {
			if _, err := tx.CreateMailbox(acct, fmt.Sprintf("Folder %d", i), ""); err != nil {
				return err
			}
		}
		return nil
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.View(func(tx *Tx) error { _, err := tx.Mailboxes(acct); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by-role", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.View(func(tx *Tx) error { _, err := tx.MailboxByRole(acct, RoleTrash); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBody writes and reads bodies of 4 MiB, of octets that compress and
// of such that don't.
func BenchmarkBody(b *testing.B) {
	text := make([]byte, 0, 4<<20)
	for n := 0; len(text) < 4<<20; n++ {
		text = append(text, mail4K(n)...)
	}
	for name, body := range map[string][]byte{"text": text, "noise": noise(4 << 20)} {
		s := openTest(b, Options{})
		_, inbox := newAccount(b, s, "alice")
		b.Run("write/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				e := deliver(b, s, inbox, body)
				update(b, s, func(tx *Tx) error { return tx.Expunge(inbox, e.UID) })
			}
		})
		e := deliver(b, s, inbox, body)
		var m *Message
		if err := s.View(func(tx *Tx) (err error) { m, err = tx.Message(e.Message); return err }); err != nil {
			b.Fatal(err)
		}
		b.Run("read/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.OpenBlob(m.Blob)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
	}
}
