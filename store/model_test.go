package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is a mailbox as a map: what the store should hold.
type model struct {
	next    uint32
	entries map[uint32]modelEntry
}

type modelEntry struct {
	body  string
	flags Flags
}

// TestAgainstModel does thousands of random operations on the store and on
// maps, compares them, reopens the store now and then, and follows each
// mailbox by its changes alone, as an IMAP session does.
func TestAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	acct, inbox := newAccount(t, s, "alice")
	boxes := map[MailboxID]*model{inbox: {next: 1, entries: map[uint32]modelEntry{}}}
	update(t, s, func(tx *Tx) error {
		for _, name := range []string{"a", "a/b", "c"} {
			m, err := tx.CreateMailbox(acct, name, "")
			if err != nil {
				return err
			}
			boxes[m.ID] = &model{next: 1, entries: map[uint32]modelEntry{}}
		}
		return nil
	})
	followers := make(map[MailboxID]*follower)
	for id := range boxes {
		followers[id] = &follower{seq: 1, uids: &UIDSet{}}
	}
	ids := slices.Sorted(maps.Keys(boxes))
	pick := func() MailboxID { return ids[r.IntN(len(ids))] }
	pickUID := func(m *model) uint32 {
		if len(m.entries) == 0 {
			return 0
		}
		all := slices.Sorted(maps.Keys(m.entries))
		return all[r.IntN(len(all))]
	}
	for step := range 1200 {
		id := pick()
		m := boxes[id]
		uid := pickUID(m)
		switch op := r.IntN(20); {
		case op < 7 || uid == 0:
			body := fmt.Sprintf("%d:%0*d", step, r.IntN(300)*r.IntN(20), step)
			if e := deliver(t, s, id, []byte(body)); e.UID != m.next {
				t.Fatalf("step %d: UID %d, want %d", step, e.UID, m.next)
			}
			m.entries[m.next] = modelEntry{body: body}
			m.next++
		case op < 12:
			f := Flags(r.IntN(allFlags + 1))
			update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(id, uid, f, nil); return err })
			m.entries[uid] = modelEntry{m.entries[uid].body, f}
		case op < 15:
			update(t, s, func(tx *Tx) error { return tx.Expunge(id, uid) })
			delete(m.entries, uid)
		case op < 18:
			to := pick()
			move := r.IntN(2) == 0
			update(t, s, func(tx *Tx) (err error) {
				if move {
					_, err = tx.Move(id, uid, to)
				} else {
					_, err = tx.Copy(id, uid, to)
				}
				return err
			})
			boxes[to].entries[boxes[to].next] = m.entries[uid]
			boxes[to].next++
			if move {
				delete(m.entries, uid)
			}
		case op == 18:
			followers[id].follow(t, s, id, m)
		case op == 19 && r.IntN(20) == 0:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, Options{Dir: dir})
		}
		if step%300 == 299 {
			verify(t, s)
		}
	}
	for id, m := range boxes {
		followers[id].follow(t, s, id, m)
		for uid, e := range m.entries {
			if got := readBody(t, s, id, uid); string(got) != e.body {
				t.Fatalf("UID %d of %d is %.40q, want %.40q", uid, id, got, e.body)
			}
		}
	}
}

// follower knows a mailbox only by its changes.
type follower struct {
	seq  uint64
	uids *UIDSet
}

func (f *follower) follow(t *testing.T, s *Store, id MailboxID, m *model) {
	t.Helper()
	if err := s.View(func(tx *Tx) error {
		c, err := tx.Changes(id, f.seq)
		if err != nil {
			return err
		}
		if c.Lost {
			t.Fatal("history was lost too soon")
		}
		for uid := range c.Changed.All() {
			f.uids.Add(uid)
		}
		for uid := range c.Expunged.All() {
			f.uids.Remove(uid)
		}
		f.seq = c.ModSeq
		want := slices.Sorted(maps.Keys(m.entries))
		if got := collectUIDs(f.uids); !slices.Equal(got, want) {
			t.Errorf("followed changes to %v, want %v", got, want)
		}
		now, err := tx.UIDs(id)
		if err != nil {
			return err
		}
		if got := collectUIDs(now); !slices.Equal(got, want) {
			t.Errorf("UIDs are %v, want %v", got, want)
		}
		for n := range flagCount {
			marked, err := tx.Marked(id, 1<<n)
			if err != nil {
				return err
			}
			for uid, e := range m.entries {
				if marked.Contains(uid) != (e.flags>>n&1 != 0) {
					t.Errorf("UID %d: flag %d is wrong in the bitmap", uid, n)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestUIDSetAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, span := range []uint32{300, 5000, 1 << 31} {
		set, ref := &UIDSet{}, map[uint32]bool{}
		for range 3000 {
			u := r.Uint32N(span) + 1
			if r.IntN(3) == 0 {
				if set.Remove(u) != ref[u] {
					t.Fatal("Remove is wrong")
				}
				delete(ref, u)
			} else {
				if set.Add(u) == ref[u] {
					t.Fatal("Add is wrong")
				}
				ref[u] = true
			}
		}
		want := slices.Sorted(maps.Keys(ref))
		if !slices.Equal(collectUIDs(set), want) || set.Len() != len(want) {
			t.Fatal("All differs")
		}
		for i, u := range want {
			if set.Seq(u) != i+1 || set.At(i+1) != u {
				t.Fatalf("UID %d: Seq %d, At %d, want %d", u, set.Seq(u), set.At(i+1), i+1)
			}
		}
		if set.Min() != want[0] || set.Max() != want[len(want)-1] || set.At(0) != 0 || set.At(len(want)+1) != 0 {
			t.Fatal("Min, Max or At is wrong")
		}
		back := &UIDSet{}
		for first, last := range set.Ranges() {
			for u := first; u <= last; u++ {
				back.Add(u)
			}
		}
		if !slices.Equal(collectUIDs(back), want) {
			t.Fatal("Ranges differ")
		}
	}
}

func TestHistoryRecords(t *testing.T) {
	for _, c := range [][2][]uint32{{{1}, nil}, {nil, {1}}, {{1, 2, 3, 9}, {4, 5, 4000000000}}, {nil, nil}} {
		v := encodeHistory(NewUIDSet(c[0]...), NewUIDSet(c[1]...))
		changed, expunged, err := decodeHistory(v)
		expand := func(runs [][2]uint32) (out []uint32) {
			for _, r := range runs {
				for u := uint64(r[0]); u <= uint64(r[1]); u++ {
					out = append(out, uint32(u))
				}
			}
			return out
		}
		if err != nil || !slices.Equal(expand(changed), c[0]) || !slices.Equal(expand(expunged), c[1]) {
			t.Errorf("%v came back as %v, %v, %v", c, changed, expunged, err)
		}
	}
}
