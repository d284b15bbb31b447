package listing

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// open returns a store with one mailbox, on disk if dir is not empty.
func open(t testing.TB, dir string) (*store.Store, *store.Mailbox) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Memory: 512 << 20, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var inbox *store.Mailbox
	update(t, s, func(tx *store.Tx) error {
		a := &store.Account{Name: "alice"}
		if err := tx.CreateAccount(a); err != nil {
			return err
		}
		var err error
		inbox, err = tx.MailboxByRole(a.ID, store.RoleInbox)
		return err
	})
	return s, inbox
}

func update(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// put puts a message into a mailbox.
func put(s *store.Store, tx *store.Tx, mb store.MailboxID, flags store.Flags, raw string) error {
	w, scan := s.NewBlob(), message.NewScanner()
	io.WriteString(io.MultiWriter(w, scan), raw)
	meta, err := scan.Finish().Marshal()
	if err != nil {
		return err
	}
	id, err := tx.PutMessage(w, time.Unix(1e9, 0), meta)
	if err != nil {
		return err
	}
	_, err = tx.Append(mb, id, flags, nil)
	return err
}

// letter is the n-th message, in answer to another if root is not n.
func letter(n, root int) string {
	refs := ""
	if root != n {
		refs = fmt.Sprintf("References: <%d@example.org>\r\n", root)
	}
	return fmt.Sprintf("From: Sender %d <s%d@example.org>\r\nTo: alice@example.org\r\nSubject: Letter number %d\r\nMessage-ID: <%d@example.org>\r\n%s\r\nHello, the word is w%dw.\r\n",
		n%100, n%100, n, n, refs, n)
}

func prepare(t testing.TB, x *Index, mb *store.Mailbox) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = x.Prepare(mb); err != nil {
			t.Fatal(err)
		}
	}
}

// Paging through a mailbox shows each conversation once, where its newest
// message is, whatever comes and goes.
func TestConversations(t *testing.T) {
	s, inbox := open(t, "")
	x := &Index{Store: s}
	r := rand.New(rand.NewPCG(1, 2))
	key := map[uint32]int{} // of each UID, the conversation's first letter
	flags := map[uint32]store.Flags{}
	next := uint32(1)
	for round := range 6 {
		update(t, s, func(tx *store.Tx) error {
			for range 150 + r.IntN(200) {
				n := int(next)
				root := n
				if n > 10 && r.IntN(3) == 0 {
					if was, ok := key[uint32(1+r.IntN(n-1))]; ok {
						root = was
					}
				}
				f := store.Flags(r.IntN(2)) * store.Seen
				if r.IntN(20) == 0 {
					f |= store.Flagged
				}
				if err := put(s, tx, inbox.ID, f, letter(n, root)); err != nil {
					return err
				}
				key[next], flags[next] = root, f
				next++
			}
			return nil
		})
		update(t, s, func(tx *store.Tx) error {
			for uid := range key {
				if r.IntN(10) == 0 || round == 3 && uid > 300 && uid < 900 {
					if err := tx.Expunge(inbox.ID, uid); err != nil {
						return err
					}
					delete(key, uid)
				}
			}
			return nil
		})
		prepare(t, x, inbox)
		if got, want := paged(t, x, inbox), conversations(key, flags); !slices.EqualFunc(got, want, same) {
			t.Fatalf("round %d: %d conversations, want %d", round, len(got), len(want))
		}
		for uid := range key {
			uids, err := x.Conversation(inbox, uid)
			if err != nil || !slices.Contains(uids, uid) {
				t.Fatalf("conversation of %d: %v %v", uid, uids, err)
			}
			break
		}
	}
	if r, err := s.Check(t.Context()); err != nil || r.Count > 0 {
		t.Error(err, r)
	}
}

func same(a, b Conversation) bool {
	return a.Newest == b.Newest && a.Count == b.Count && a.Unread == b.Unread && a.Flagged == b.Flagged && slices.Equal(a.UIDs, b.UIDs)
}

// paged goes through all pages.
func paged(t *testing.T, x *Index, mb *store.Mailbox) (all []Conversation) {
	t.Helper()
	for before, first := uint32(0), true; first || before != 0; first = false {
		p, err := x.Conversations(mb, before, 7)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Conversations...)
		before = p.Next
	}
	return all
}

// conversations is what paged should find.
func conversations(key map[uint32]int, flags map[uint32]store.Flags) (all []Conversation) {
	by := map[int][]uint32{}
	for uid, k := range key {
		by[k] = append(by[k], uid)
	}
	for _, uids := range by {
		slices.SortFunc(uids, func(a, b uint32) int { return cmp.Compare(b, a) })
		c := Conversation{Newest: uids[0], Count: len(uids), UIDs: uids[:min(len(uids), MaxMembers)]}
		for _, u := range c.UIDs {
			c.Unread = c.Unread || flags[u]&store.Seen == 0
			c.Flagged = c.Flagged || flags[u]&store.Flagged != 0
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Conversation) int { return cmp.Compare(b.Newest, a.Newest) })
	return all
}

func TestMessages(t *testing.T) {
	s, inbox := open(t, "")
	x := &Index{Store: s}
	if p, err := x.Conversations(inbox, 0, 5); err != nil || len(p.Conversations) != 0 || p.Next != 0 {
		t.Errorf("an empty mailbox: %+v %v", p, err)
	}
	update(t, s, func(tx *store.Tx) error {
		for n := 1; n <= 7; n++ {
			if err := put(s, tx, inbox.ID, 0, letter(n, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.Expunge(inbox.ID, 4) })
	var got []uint32
	for before, first := uint32(0), true; first || before != 0; first = false {
		p, err := x.Messages(inbox, before, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Conversations {
			got = append(got, c.Newest)
		}
		before = p.Next
	}
	if !slices.Equal(got, []uint32{7, 6, 5, 3, 2, 1}) {
		t.Error(got)
	}
	if newer, older, err := x.Neighbours(inbox, 5); newer != 6 || older != 3 || err != nil {
		t.Error(newer, older, err)
	}
	if newer, older, err := x.Neighbours(inbox, 7); newer != 0 || older != 6 || err != nil {
		t.Error(newer, older, err)
	}
	if _, err := x.Conversation(inbox, 4); err == nil {
		t.Error("a conversation of an expunged message")
	}
}

// searched goes on until all was searched.
func searched(t testing.TB, x *Index, mb *store.Mailbox, q Query, n int) (all []uint32) {
	t.Helper()
	for before, first := uint32(0), true; first || before != 0; first = false {
		h, err := x.Search(context.Background(), mb, q, before, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.UIDs) > n {
			t.Fatalf("%d hits, %d were asked for", len(h.UIDs), n)
		}
		all = append(all, h.UIDs...)
		before = h.Next
	}
	return all
}

func TestSearch(t *testing.T) {
	s, inbox := open(t, "")
	x := &Index{Store: s}
	update(t, s, func(tx *store.Tx) error {
		for n := 1; n <= 900; n++ {
			if err := put(s, tx, inbox.ID, 0, letter(n, n)); err != nil {
				return err
			}
		}
		return put(s, tx, inbox.ID, 0, "From: =?utf-8?q?J=C3=BCrgen?= <j@example.net>\r\nTo: bob@example.net\r\nSubject: Gr\xc3\xbc\xc3\x9fe\taus\r\n K\xc3\xb6ln\r\n\r\nx")
	})
	update(t, s, func(tx *store.Tx) error { return tx.Expunge(inbox.ID, 777) })
	for _, c := range []struct {
		query string
		text  bool
		want  []uint32
	}{
		{"number 77", false, []uint32{877, 779, 778, 776, 775, 774, 773, 772, 771, 770, 677, 577, 477, 377, 277, 177, 77}},
		{"LETTER s50@ 8", false, []uint32{850}},
		{"grüße köln", false, []uint32{901}},
		{"JÜRGEN", false, []uint32{901}},
		{"bob@example.net", false, []uint32{901}},
		{"w500w", false, nil},
		{"w500w", true, []uint32{500}},
		{"word letter w500w", true, []uint32{500}},
		{"w777w", true, nil},
		{"   ", true, nil},
	} {
		if got := searched(t, x, inbox, ParseQuery(c.query, c.text), 5); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.query, got, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Search(ctx, inbox, ParseQuery("none", false), 0, 5); err == nil {
		t.Error("a search that nobody waits for went on")
	}
}

// A digest of another version is made again.
func TestStaleDigest(t *testing.T) {
	s, inbox := open(t, "")
	update(t, s, func(tx *store.Tx) error {
		for n := 1; n <= 300; n++ {
			if err := put(s, tx, inbox.ID, 0, letter(n, n)); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.PutDigest(inbox.ID, 1, []byte{version + 1, 5, 6}) })
	if got := searched(t, &Index{Store: s}, inbox, ParseQuery("number 77", false), 5); !slices.Equal(got, []uint32{277, 177, 77}) {
		t.Error(got)
	}
}

// Going around damaged entries finds what going through them does.
func TestAddSingly(t *testing.T) {
	s, inbox := open(t, "")
	update(t, s, func(tx *store.Tx) error {
		for n := 1; n <= 600; n++ {
			if err := put(s, tx, inbox.ID, 0, letter(n, n)); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.Expunge(inbox.ID, 300) })
	err := (&Index{Store: s}).view(inbox, 0, func(v *view) error {
		whole, singly := newBlock(1), newBlock(1)
		if err := v.add(whole, 0); err != nil {
			return err
		}
		if err := v.addSingly(singly, 256); err != nil {
			return err
		}
		if len(whole.threads) != 1+255*threadRow || !bytes.Equal(whole.threads, singly.threads) || !bytes.Equal(whole.text, singly.text) {
			t.Errorf("%d octets, singly %d", len(whole.threads), len(singly.threads))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nothing in a header makes a row longer than its share, or two of it.
func TestRow(t *testing.T) {
	for _, name := range []string{strings.Repeat("é", 5000), "a\tb\nc\x00d", strings.Repeat("Ⱥ", 500)} {
		a := message.Address{Name: name, Mailbox: name, Host: name}
		line := row(&message.Envelope{Subject: name, From: []message.Address{a}, To: []message.Address{a, a}})
		if len(line) > maxRow || strings.ContainsAny(line, "\n\x00") || strings.Count(line, "\t") > 2 {
			t.Errorf("%d octets: %.200q", len(line), line)
		}
	}
	if blockUIDs*(maxRow+2)+1 > store.MaxDigest {
		t.Error("a full block does not fit into a digest")
	}
}

// BenchmarkMailbox is what the page asks of a mailbox of 100,000 messages.
func BenchmarkMailbox(b *testing.B) {
	const n = 100_000
	s, inbox := open(b, b.TempDir())
	for at := 0; at < n; {
		update(b, s, func(tx *store.Tx) error {
			for i := at; i < at+500; i++ {
				root := i
				if i%4 != 0 {
					root = i - i%40
				}
				if err := put(s, tx, inbox.ID, store.Flags(i%3&1), letter(i, root)); err != nil {
					return err
				}
			}
			return nil
		})
		at += 500
	}
	x := &Index{Store: s}
	first := func(b *testing.B) {
		if p, err := x.Conversations(inbox, 0, 50); err != nil || len(p.Conversations) != 50 {
			b.Fatal(len(p.Conversations), err)
		}
	}
	b.Run("first-visit", func(b *testing.B) { // no digest is there yet
		b.ReportAllocs()
		for b.Loop() {
			x = &Index{Store: s}
			first(b)
		}
	})
	start := time.Now()
	prepare(b, x, inbox)
	b.Logf("all digests made in %v", time.Since(start))
	b.Run("first-page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			first(b)
		}
	})
	b.Run("page-in-the-middle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.Conversations(inbox, n/2, 50); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, query := range map[string]string{"frequent": "sender", "rare": "number 4321", "nothing": "zebra"} {
		b.Run("search-"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				// What a page asks for: the first 50.
				if _, err := x.Search(b.Context(), inbox, ParseQuery(query, false), 0, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
