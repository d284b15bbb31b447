package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// openTest opens a store in a directory of the test's and verifies it when the
// test ends.
func openTest(t testing.TB, opts Options) *Store {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	if opts.Reserve == 0 {
		opts.Reserve = 1 << 20
	}
	if opts.Memory == 0 {
		opts.Memory = 512 << 20
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.View(func(*Tx) error { return nil }); errors.Is(err, ErrClosed) {
			return
		}
		verify(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func verify(t testing.TB, s *Store) *Report {
	t.Helper()
	r, err := s.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("check: %s", p)
	}
	return r
}

func update(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func newAccount(t testing.TB, s *Store, name string) (acct AccountID, inbox MailboxID) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		a := &Account{Name: name}
		if err := tx.CreateAccount(a); err != nil {
			return err
		}
		m, err := tx.MailboxByName(a.ID, "inbox")
		acct, inbox = a.ID, m.ID
		return err
	})
	return acct, inbox
}

func deliver(t testing.TB, s *Store, mb MailboxID, body []byte) Entry {
	t.Helper()
	e, err := tryDeliver(s, mb, body)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tryDeliver(s *Store, mb MailboxID, body []byte) (e Entry, err error) {
	w := s.NewBlob()
	defer w.Abort()
	if _, err := w.Write(body); err != nil {
		return e, err
	}
	err = s.Update(func(tx *Tx) error {
		id, err := tx.PutMessage(w, time.Unix(1e9, 0), []byte("meta"))
		if err != nil {
			return err
		}
		e, err = tx.Append(mb, id, 0, nil)
		return err
	})
	return e, err
}

func readBody(t testing.TB, s *Store, mb MailboxID, uid uint32) []byte {
	t.Helper()
	var m *Message
	err := s.View(func(tx *Tx) error {
		e, err := tx.Entry(mb, uid)
		if err != nil {
			return err
		}
		m, err = tx.Message(e.Message)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.OpenBlob(m.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// settle waits until the sweeper has nothing left to do.
func settle(t testing.TB, s *Store) {
	t.Helper()
	for range 2000 {
		left := 0
		err := s.View(func(tx *Tx) error {
			for _, kind := range []byte{keyDoomed, keyGarbage} {
				keys, err := tx.collectKeys([]byte{kind}, 0)
				if err != nil {
					return err
				}
				left += len(keys)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the sweeper did not finish")
}

func count(t testing.TB, s *Store, kind byte) int {
	t.Helper()
	n := 0
	if err := s.View(func(tx *Tx) error {
		keys, err := tx.collectKeys([]byte{kind}, 0)
		n = len(keys)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBodiesOfAllSizes(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 100, chunkSize - 1, chunkSize, chunkSize + 1, tailSize, 3*chunkSize + 7, 2 << 20} {
		for _, kind := range []string{"text", "noise"} {
			body := bytes.Repeat([]byte("Received: from somewhere; some text\r\n"), size/37+1)[:size]
			if kind == "noise" {
				for i := range body {
					body[i] = byte(rnd.Uint32())
				}
			}
			e := deliver(t, s, inbox, body)
			if e.Size != int64(size) {
				t.Errorf("%s of %d octets: size %d", kind, size, e.Size)
			}
			if got := readBody(t, s, inbox, e.UID); !bytes.Equal(got, body) {
				t.Errorf("%s of %d octets came back as %d others", kind, size, len(got))
			}
			if size > 10 {
				var m *Message
				update(t, s, func(tx *Tx) (err error) { m, err = tx.Message(e.Message); return err })
				r, _ := s.OpenBlob(m.Blob)
				for range 20 {
					at := rnd.IntN(size)
					part := make([]byte, rnd.IntN(size-at)+1)
					if n, err := r.ReadAt(part, int64(at)); n != len(part) || err != nil || !bytes.Equal(part, body[at:at+n]) {
						t.Errorf("%s: part of %d at %d: %d, %v", kind, len(part), at, n, err)
					}
				}
				r.Close()
			}
		}
	}
	if n := count(t, s, keyPending); n != 0 {
		t.Errorf("%d bodies are marked as being written", n)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := openTest(t, Options{})
	w := s.NewBlob()
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	if _, err := w.Write(noise); err != nil {
		t.Fatal(err)
	}
	if count(t, s, keyChunk) == 0 || count(t, s, keyPending) != 1 {
		t.Fatal("a megabyte should have reached the disk by now")
	}
	s.sweeper.wake()
	time.Sleep(20 * time.Millisecond)
	if count(t, s, keyPending) != 1 {
		t.Fatal("the sweeper took a body that is being written")
	}
	w.Abort()
	for range 400 {
		if count(t, s, keyPending)+count(t, s, keyGarbage)+count(t, s, keyChunk) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("left behind: %d chunks", count(t, s, keyChunk))
}

func TestFailedUpdateLeavesNeighboursAlone(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	boom := errors.New("boom")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			switch i % 4 {
			case 0:
				if err := s.Update(func(tx *Tx) error {
					if err := tx.PutValue(fmt.Sprintf("bad/%d", i), []byte("x")); err != nil {
						return err
					}
					return boom
				}); !errors.Is(err, boom) {
					t.Errorf("update %d: %v", i, err)
				}
			case 1:
				func() {
					defer func() {
						if recover() != "panic" {
							t.Errorf("update %d: the panic did not reach its caller", i)
						}
					}()
					s.Update(func(tx *Tx) error { tx.PutValue("panic", []byte("x")); panic("panic") })
				}()
			default:
				if _, err := tryDeliver(s, inbox, []byte(fmt.Sprintf("mail %d", i))); err != nil {
					t.Errorf("delivery %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, s, keyValue); n != 0 {
		t.Errorf("failed updates left %d records", n)
	}
	if r := verify(t, s); r.Entries != 100 {
		t.Errorf("%d messages, want 100", r.Entries)
	}
}

func TestCommitsAreAnnouncedInOrder(t *testing.T) {
	var mu sync.Mutex
	var seqs []uint64
	var s *Store
	var inbox MailboxID
	s = openTest(t, Options{OnCommit: func(c Commit) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range c.Mailboxes {
			if id == inbox {
				seqs = append(seqs, uint64(len(seqs)))
			}
		}
	}})
	_, inbox = newAccount(t, s, "alice")
	e := deliver(t, s, inbox, []byte("x"))
	update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(inbox, e.UID, Seen, nil); return err })
	update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(inbox, e.UID, Seen, nil); return err }) // changes nothing
	update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, e.UID) })
	if len(seqs) != 3 {
		t.Errorf("%d announcements, want 3", len(seqs))
	}
}

func TestChangesSinceAnyPoint(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	at := func() uint64 {
		var seq uint64
		s.View(func(tx *Tx) error { m, _ := tx.Mailbox(inbox); seq = m.ModSeq; return nil })
		return seq
	}
	changes := func(after uint64) Changes {
		var c Changes
		if err := s.View(func(tx *Tx) (err error) { c, err = tx.Changes(inbox, after); return err }); err != nil {
			t.Fatal(err)
		}
		return c
	}
	start := at()
	for i := range 3 {
		deliver(t, s, inbox, []byte{byte(i)})
	}
	mid := at()
	update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(inbox, 1, Seen|Flagged, []string{"b", "a", "B"}); return err })
	update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, 2) })
	list := func(u *UIDSet) string { return fmt.Sprint(collectUIDs(u)) }
	if c := changes(start); list(c.Changed) != "[1 3]" || list(c.Expunged) != "[2]" || c.UIDNext != 4 {
		t.Errorf("from the start: %v, %v", list(c.Changed), list(c.Expunged))
	}
	if c := changes(mid); list(c.Changed) != "[1]" || list(c.Expunged) != "[2]" {
		t.Errorf("from the middle: %v, %v", list(c.Changed), list(c.Expunged))
	}
	if c := changes(at()); c.Changed.Len()+c.Expunged.Len() != 0 || c.Lost {
		t.Error("something changed since now")
	}
	s.View(func(tx *Tx) error {
		e, _ := tx.Entry(inbox, 1)
		if strings.Join(e.Keywords, " ") != "a b" {
			t.Errorf("keywords %q", e.Keywords)
		}
		return nil
	})
}

func collectUIDs(u *UIDSet) (out []uint32) {
	for uid := range u.All() {
		out = append(out, uid)
	}
	return out
}

func TestHistoryIsPruned(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	e := deliver(t, s, inbox, []byte("x"))
	for i := range maxHistory + 50 {
		if i%64 == 0 { // many in one commit, or the test takes long
			var wg sync.WaitGroup
			for j := range 64 {
				wg.Go(func() {
					s.Update(func(tx *Tx) error {
						_, err := tx.SetFlags(inbox, e.UID, Flags(j%2), []string{fmt.Sprint(i, j)})
						return err
					})
				})
			}
			wg.Wait()
		}
	}
	var c Changes
	var n int
	for range 400 {
		s.View(func(tx *Tx) (err error) { c, err = tx.Changes(inbox, 1); return err })
		if n = count(t, s, keyHistory); c.Lost && n <= maxHistory {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if !c.Lost || n > maxHistory {
		t.Errorf("lost %v with %d records", c.Lost, n)
	}
}

func TestQuota(t *testing.T) {
	s := openTest(t, Options{})
	acct, inbox := newAccount(t, s, "alice")
	update(t, s, func(tx *Tx) error {
		a, err := tx.Account(acct)
		if err != nil {
			return err
		}
		a.Quota = 1000
		return tx.PutAccount(a)
	})
	e := deliver(t, s, inbox, make([]byte, 900))
	if _, err := tryDeliver(s, inbox, make([]byte, 200)); !errors.Is(err, ErrQuota) {
		t.Fatalf("over quota: %v", err)
	}
	update(t, s, func(tx *Tx) error {
		trash, err := tx.MailboxByRole(acct, RoleTrash)
		if err != nil {
			return err
		}
		_, err = tx.Move(inbox, e.UID, trash.ID) // making room begins with this
		return err
	})
	if _, err := tryDeliver(s, inbox, make([]byte, 100)); err != nil {
		t.Error(err)
	}
}

func TestReadingWhileExpunged(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	e := deliver(t, s, inbox, body)
	var m *Message
	update(t, s, func(tx *Tx) (err error) { m, err = tx.Message(e.Message); return err })
	r, _ := s.OpenBlob(m.Blob)
	head := make([]byte, 1000)
	io.ReadFull(r, head)
	update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, e.UID) })
	s.sweeper.wake()
	time.Sleep(20 * time.Millisecond)
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(head, rest...), body) {
		t.Errorf("read %d octets, %v", len(rest), err)
	}
	r.Close()
	settle(t, s)
	if n := count(t, s, keyChunk); n != 0 {
		t.Errorf("%d chunks left", n)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	_, inbox := newAccount(t, s, "alice")
	for i := range 100 {
		deliver(t, s, inbox, []byte(fmt.Sprint("mail ", i)))
	}
	if _, err := Open(Options{Dir: dir, Reserve: 1}); !errors.Is(err, ErrInUse) {
		t.Errorf("second opening: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("update after close: %v", err)
	}
	s = openTest(t, Options{Dir: dir})
	if got := readBody(t, s, inbox, 57); string(got) != "mail 56" {
		t.Errorf("UID 57 is %q", got)
	}
}

func TestExpiry(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	now := time.Unix(2e9, 0)
	for i := range 4 {
		e := deliver(t, s, inbox, []byte("x"))
		update(t, s, func(tx *Tx) error { return tx.SetExpiry(inbox, e.UID, now.Add(time.Duration(i-2)*time.Hour)) })
	}
	update(t, s, func(tx *Tx) error { return tx.SetExpiry(inbox, 1, time.Time{}) })
	// One damaged entry must not keep the others from leaving.
	bad := deliver(t, s, inbox, []byte("x"))
	update(t, s, func(tx *Tx) error { return tx.SetExpiry(inbox, bad.UID, now.Add(-3*time.Hour)) })
	var whole []byte
	update(t, s, func(tx *Tx) (err error) {
		k := keyIn(keyEntry, uint64(inbox), bad.UID)
		if whole, err = tx.get(k); err != nil {
			return err
		}
		return tx.set(k, []byte{9})
	})
	n, err := s.ExpireBefore(now, 100)
	update(t, s, func(tx *Tx) error { return tx.set(keyIn(keyEntry, uint64(inbox), bad.UID), whole) })
	update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, bad.UID) })
	if n != 3 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	var left []uint32
	s.View(func(tx *Tx) error { u, _ := tx.UIDs(inbox); left = collectUIDs(u); return nil })
	if fmt.Sprint(left) != "[1 4]" {
		t.Errorf("left: %v", left)
	}
}

func TestInMemory(t *testing.T) {
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, inbox := newAccount(t, s, "alice")
	body := noise(3 * chunkSize)
	e := deliver(t, s, inbox, body)
	if !bytes.Equal(readBody(t, s, inbox, e.UID), body) {
		t.Error("the body differs")
	}
	verify(t, s)
}

// A body that compresses well must not be held in the room it had before.
func TestWriterMemory(t *testing.T) {
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	for name, line := range map[string][]byte{
		"zeroes": make([]byte, 64<<10), "noise": noise(64 << 10),
		"text": bytes.Repeat([]byte("the same line again and again\r\n"), 2000),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := s.NewBlob()
		for range 48 << 20 / len(line) {
			if _, err := w.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 2<<20 {
			t.Errorf("a writer of 48 MB of %s holds %d KB", name, held>>10)
		}
		update(t, s, func(tx *Tx) error {
			id, err := tx.PutMessage(w, time.Now(), []byte("meta"))
			if err != nil {
				return err
			}
			_, err = tx.Append(inbox, id, 0, nil)
			return err
		})
	}
}
