package listing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Limits of a search.
const (
	// MaxQuery is the longest query in octets, and maxWords how many words of
	// it count.
	MaxQuery = 200
	maxWords = 10
	// maxSearchText is how many octets of a message's text are looked at.
	maxSearchText = 8 << 20
	// searchStep is how many blocks are looked at in one snapshot of the store.
	searchStep = 100
)

// Query is what is searched for: messages that have all the words, in any
// order, in subject, sender or recipients, and with Text in their text.
type Query struct {
	words []string
	Text  bool
}

// ParseQuery reads a query as it was typed.
func ParseQuery(s string, text bool) Query {
	s = message.Fold(cut(s, MaxQuery))
	words := strings.Fields(s)
	slices.Sort(words)
	words = slices.Compact(words)
	return Query{words: words[:min(len(words), maxWords)], Text: text}
}

// Empty tells of a query without words, which finds nothing.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Hits is what a search found in one go.
type Hits struct {
	UIDs []uint32 // newest first
	// Next is the UID below which to go on, 0 if all was searched.
	Next uint32
}

// Search looks for up to n messages with UIDs below before, or all if that is
// 0, newest first. It ends early after SearchTime, so that a page can show what
// is found by then and ask on.
func (x *Index) Search(ctx context.Context, mb *store.Mailbox, q Query, before uint32, n int) (h Hits, err error) {
	if q.Empty() {
		return h, nil
	}
	s := &search{query: q, want: n, until: time.Now().Add(SearchTime)}
	for s.before = before; ; {
		err := x.view(mb, 1, func(v *view) error {
			if s.before == 0 {
				s.before = v.mb.UIDNext
			}
			return s.step(ctx, v)
		})
		switch {
		case err != nil:
			return h, fmt.Errorf("search mailbox: %w", err)
		case s.done:
			return Hits{UIDs: s.found}, nil
		case len(s.found) >= n, !time.Now().Before(s.until):
			return Hits{UIDs: s.found, Next: s.before}, nil
		}
	}
}

// search is a search under way.
type search struct {
	query  Query
	want   int
	until  time.Time
	before uint32 // all from here up was looked at
	found  []uint32
	done   bool
}

// step looks at some blocks, and at one whose digest is to be made.
func (s *search) step(ctx context.Context, v *view) error {
	looked := 0
	for number := range v.blocks((s.before - 1) / blockUIDs) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if looked++; looked > searchStep || looked > 1 && (len(v.made) > 0 || !time.Now().Before(s.until)) {
			return nil
		}
		full, err := s.block(ctx, v, number)
		if errors.Is(err, errNotMade) {
			return nil
		}
		if err != nil || full {
			return err
		}
		s.before = number * blockUIDs
		if s.before == 0 {
			break
		}
	}
	s.done = true
	return nil
}

// block looks at one block, newest message first, and tells whether it had to
// stop in it.
func (s *search) block(ctx context.Context, v *view, number uint32) (full bool, err error) {
	var in [blockUIDs]bool
	var may []uint32
	err = v.lines(number, func(uid uint32, text []byte) {
		if uid >= s.before {
			return
		}
		in[uid%blockUIDs] = hasAll(text, s.query.words)
		if in[uid%blockUIDs] || s.query.Text {
			may = append(may, uid)
		}
	})
	if err != nil {
		return false, err
	}
	for _, uid := range slices.Backward(may) {
		ok := in[uid%blockUIDs]
		if !ok {
			if ok, err = v.inText(ctx, uid, s.query.words); err != nil {
				return false, err
			}
		}
		s.before = uid
		if ok {
			s.found = append(s.found, uid)
		}
		if len(s.found) >= s.want || s.query.Text && !time.Now().Before(s.until) {
			return true, nil
		}
	}
	return false, nil
}

func hasAll(text []byte, words []string) bool {
	for _, w := range words {
		if !bytes.Contains(text, []byte(w)) {
			return false
		}
	}
	return true
}

// inText tells whether a message has each word in its text or its header.
func (v *view) inText(ctx context.Context, uid uint32, words []string) (bool, error) {
	e, err := v.tx.Entry(v.mb.ID, uid)
	if err != nil {
		return false, passing(err)
	}
	m, err := v.tx.Message(e.Message)
	if err != nil {
		return false, passing(err)
	}
	info, err := message.Unmarshal(m.Meta)
	if err != nil {
		return false, nil
	}
	head := []byte(row(&info.Envelope))
	body, err := v.index.Store.OpenBlob(m.Blob)
	if err != nil {
		return false, passing(err)
	}
	defer body.Close()
	for _, w := range words {
		if bytes.Contains(head, []byte(w)) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if ok, err := message.Contains(message.Text(body, info, maxSearchText), w); !ok || err != nil {
			return false, passing(err)
		}
	}
	return true, nil
}

// passing lets a search go on past a message that is gone or damaged, which
// opening it will say.
func passing(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	return err
}

// Prepare makes some of the digests that a mailbox lacks, newest first, and
// tells whether there may be more to make.
func (x *Index) Prepare(mb *store.Mailbox) (more bool, err error) {
	err = x.view(mb, maxPrepared, func(v *view) error {
		for number := range v.blocks(v.last()) {
			err := v.digest(number, 0, func([]byte) {})
			if errors.Is(err, errNotMade) {
				more = true
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}
