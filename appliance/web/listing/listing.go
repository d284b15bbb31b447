// Package listing answers what a page of mail asks of a mailbox: the newest
// conversations, the rows of a list, and the messages that words are in. It
// does so for a mailbox of 100,000 messages about as fast as for one of 100,
// and in the memory of a page.
//
// # Digests
//
// What a message says never changes and neither does its UID. So of each block
// of 256 UIDs that have all been given out, what lists and searches need is
// kept in the store as two digests: which conversation each message belongs to
// (nine octets a message), and who wrote it to whom about what, folded for
// comparing (some hundred). The store's own bitmaps say which of the messages
// are still there and which of them are unread. The newest block, which still
// grows, is kept in memory for the mailboxes looked at last.
//
// Digests are made when they are first needed, and each answer makes a bounded
// number: a list groups what it knows, a search says where to go on. While a
// page is open [Index.Prepare] makes the rest.
//
// # Conversations
//
// A message belongs to the conversation of the first message that it refers to
// (RFC 5322 section 3.6.4): the first of References, else In-Reply-To, else
// itself. Programs that leave References out put an answer beside its
// conversation; subjects are not compared, for "Hello" is no conversation.
package listing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Limits.
const (
	// blockUIDs is how many UIDs share a digest.
	blockUIDs = 256
	// maxMade is how many digests one list makes, and maxPrepared one step of
	// Prepare: each reads the records of up to 256 messages.
	maxMade     = 4
	maxPrepared = 8
	// maxGrouped is how many blocks below the end of a page are looked through
	// for older messages of its conversations: some 20,000 messages.
	maxGrouped = 80
	// MaxMembers is how many messages of one conversation are named, newest
	// first; all are counted.
	MaxMembers = 100
	// maxTails is how many mailboxes' newest blocks are kept in memory: at most
	// 128 KB each, some 30 KB for common mail.
	maxTails = 16
	// SearchTime is how long one answer to a search looks.
	SearchTime = 100 * time.Millisecond
)

// Index reads mailboxes for lists. It is safe for use by several goroutines.
type Index struct {
	Store *store.Store

	mu    sync.Mutex
	tails []*tail // newest blocks, most recently used last
}

// tail is the newest block of a mailbox, up to the UIDNEXT it was made at.
type tail struct {
	mailbox store.MailboxID
	next    uint32
	block   *block
}

// block is the digests of up to 256 messages, as they are made.
type block struct {
	number  uint32
	threads []byte
	text    []byte
}

// Conversation is a row of a list: a conversation, or a single message.
type Conversation struct {
	Key     uint64   // same for all of its messages
	Newest  uint32   // UID of the newest message
	Count   int      // messages
	UIDs    []uint32 // newest first, at most MaxMembers
	Unread  bool     // one of them is
	Flagged bool     // one of them is
}

// Page is a part of a list.
type Page struct {
	Conversations []Conversation // newest first
	// Next is what the next page begins below, 0 if this is the last.
	Next uint32
}

// Conversations returns up to n conversations whose newest message has a UID
// below before; 0 is all.
func (x *Index) Conversations(mb *store.Mailbox, before uint32, n int) (page Page, err error) {
	return page, x.view(mb, maxMade, func(v *view) error {
		picked, next, err := v.newest(before, n)
		if err != nil {
			return err
		}
		page = Page{Conversations: picked, Next: next}
		if err := v.members(page.Conversations); err != nil {
			return err
		}
		return v.marks(page.Conversations)
	})
}

// Messages is Conversations of single messages.
func (x *Index) Messages(mb *store.Mailbox, before uint32, n int) (page Page, err error) {
	return page, x.view(mb, 0, func(v *view) error {
		for uid := range v.below(before) {
			if len(page.Conversations) == n {
				page.Next = page.Conversations[n-1].Newest
				break
			}
			page.Conversations = append(page.Conversations, single(uint64(uid), uid))
		}
		return v.marks(page.Conversations)
	})
}

func single(key uint64, uid uint32) Conversation {
	return Conversation{Key: key, Newest: uid, Count: 1, UIDs: []uint32{uid}}
}

// Conversation returns the UIDs of the conversation that a message is in, newest
// first, at most MaxMembers.
func (x *Index) Conversation(mb *store.Mailbox, uid uint32) (uids []uint32, err error) {
	err = x.view(mb, maxMade, func(v *view) error {
		if !v.uids.Contains(uid) {
			return fmt.Errorf("UID %d: %w", uid, store.ErrNotFound)
		}
		var key uint64
		if err := v.threads(uid/blockUIDs, func(u uint32, k uint64) {
			if u == uid {
				key = k
			}
		}); err != nil {
			return err
		}
		list := []Conversation{{Key: key, Newest: uid}}
		err := v.members(list)
		uids = list[0].UIDs
		return err
	})
	return uids, err
}

// Neighbours returns the UIDs next to a message in a mailbox: the newer and the
// older one, 0 where there is none.
func (x *Index) Neighbours(mb *store.Mailbox, uid uint32) (newer, older uint32, err error) {
	return newer, older, x.view(mb, 0, func(v *view) error {
		for u := range v.uids.From(uid + 1) {
			newer = u
			break
		}
		for u := range v.below(uid) {
			older = u
			break
		}
		return nil
	})
}

// view is one look at a mailbox.
type view struct {
	index *Index
	tx    *store.Tx
	mb    *store.Mailbox
	uids  *store.UIDSet
	left  int      // digests that may still be made
	made  []*block // to be kept
}

// view calls fn with a snapshot of a mailbox, and keeps what digests it made.
func (x *Index) view(mb *store.Mailbox, most int, fn func(*view) error) error {
	v := &view{index: x, left: most}
	err := x.Store.View(func(tx *store.Tx) (err error) {
		v.tx = tx
		if v.mb, err = tx.Mailbox(mb.ID); err != nil {
			return err
		}
		if v.uids, err = tx.UIDs(mb.ID); err != nil {
			return err
		}
		return fn(v)
	})
	if err != nil {
		return err
	}
	return x.keep(mb.ID, v.made)
}

// keep stores digests. That the disk is full, or the mailbox gone, is no
// trouble: they are made again.
func (x *Index) keep(mb store.MailboxID, made []*block) error {
	if len(made) == 0 {
		return nil
	}
	err := x.Store.Update(func(tx *store.Tx) error {
		for _, b := range made {
			if err := tx.PutDigest(mb, b.number<<1, b.threads); err != nil {
				return err
			}
			if err := tx.PutDigest(mb, b.number<<1|1, b.text); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// below yields the UIDs below before, or all if it is 0, newest first.
func (v *view) below(before uint32) func(yield func(uint32) bool) {
	at := v.uids.Len()
	if before != 0 {
		at = v.rank(before)
	}
	return func(yield func(uint32) bool) {
		for ; at > 0; at-- {
			if !yield(v.uids.At(at)) {
				return
			}
		}
	}
}

// rank is how many UIDs are below uid.
func (v *view) rank(uid uint32) int {
	for u := range v.uids.From(uid) {
		return v.uids.Seq(u) - 1
	}
	return v.uids.Len()
}

// blocks yields the numbers of the blocks that hold messages, from one down.
func (v *view) blocks(from uint32) func(yield func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for before := (from + 1) * blockUIDs; ; {
			n := v.rank(before)
			if n == 0 {
				return
			}
			number := v.uids.At(n) / blockUIDs
			if !yield(number) || number == 0 {
				return
			}
			before = number * blockUIDs
		}
	}
}

// last is the number of the newest block.
func (v *view) last() uint32 { return (v.mb.UIDNext - 1) / blockUIDs }

// newest walks down from before and returns the first n conversations that
// begin there, each with its newest message only.
func (v *view) newest(before uint32, n int) (picked []Conversation, next uint32, err error) {
	if before == 0 {
		before = v.mb.UIDNext
	}
	known := make(map[uint64]bool, n)
	from := before
	for from > 0 && len(picked) <= n {
		// One more than needed tells whether there is a next page.
		var some []Conversation
		if some, from, err = v.gather(from, n+1-len(picked), known); err != nil {
			return nil, 0, err
		}
		if some, err = v.dropNewer(some, before); err != nil {
			return nil, 0, err
		}
		picked = append(picked, some...)
	}
	if len(picked) > n {
		picked = picked[:n]
		next = picked[n-1].Newest
	}
	return picked, next, nil
}

// gather returns up to n conversations that are not known yet, going down from
// before, and where it came to; 0 is the end.
func (v *view) gather(before uint32, n int, known map[uint64]bool) (some []Conversation, came uint32, err error) {
	var rows [blockUIDs]struct {
		uid uint32
		key uint64
	}
	for number := range v.blocks((before - 1) / blockUIDs) {
		count := 0
		err := v.threadsAlways(number, func(uid uint32, key uint64) {
			if uid < before {
				rows[count].uid, rows[count].key = uid, key
				count++
			}
		})
		if err != nil {
			return nil, 0, err
		}
		for i := count - 1; i >= 0; i-- {
			if known[rows[i].key] {
				continue
			}
			known[rows[i].key] = true
			some = append(some, single(rows[i].key, rows[i].uid))
			if len(some) == n {
				return some, rows[i].uid, nil
			}
		}
	}
	return some, 0, nil
}

// dropNewer leaves out conversations that have a message at or above a UID:
// they are on an earlier page.
func (v *view) dropNewer(some []Conversation, from uint32) ([]Conversation, error) {
	if from >= v.mb.UIDNext || len(some) == 0 {
		return some, nil
	}
	newer := make(map[uint64]bool, len(some))
	for _, c := range some {
		newer[c.Key] = false
	}
	for number := range v.blocks(v.last()) {
		if number < from/blockUIDs {
			break
		}
		err := v.threads(number, func(uid uint32, key uint64) {
			if _, ok := newer[key]; ok && uid >= from {
				newer[key] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(some, func(c Conversation) bool { return newer[c.Key] }), nil
}

// members finds all messages of conversations, as far as digests are known and
// maxGrouped goes.
func (v *view) members(list []Conversation) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[uint64]*Conversation, len(list))
	lowest := v.mb.UIDNext
	for i := range list {
		c := &list[i]
		lowest = min(lowest, c.Newest)
		c.Count, c.UIDs = 0, c.UIDs[:0]
		at[c.Key] = c
	}
	end := lowest / blockUIDs
	for number := range v.blocks(v.last()) {
		if number+maxGrouped < end {
			break
		}
		err := v.threads(number, func(uid uint32, key uint64) {
			if c := at[key]; c != nil {
				c.Count++
				c.UIDs = append(c.UIDs, uid)
			}
		})
		if err != nil {
			return err
		}
	}
	for _, c := range at {
		slices.SortFunc(c.UIDs, func(a, b uint32) int { return cmp.Compare(b, a) })
		c.UIDs = c.UIDs[:min(len(c.UIDs), MaxMembers)]
		c.Newest = c.UIDs[0]
	}
	return nil
}

// marks says which conversations have something unread or flagged.
func (v *view) marks(list []Conversation) error {
	unread, err := v.tx.Unseen(v.mb.ID)
	if err != nil {
		return err
	}
	flagged, err := v.tx.Marked(v.mb.ID, store.Flagged)
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		c.Unread = slices.ContainsFunc(c.UIDs, unread.Contains)
		c.Flagged = slices.ContainsFunc(c.UIDs, flagged.Contains)
	}
	return nil
}

// threadKey names the conversation of a message.
func threadKey(info *message.Info, id store.MessageID) uint64 {
	switch e := &info.Envelope; {
	case len(info.References) > 0:
		return xxhash.Sum64String(info.References[0])
	case len(e.InReplyTo) > 0:
		return xxhash.Sum64String(e.InReplyTo[0])
	case e.MessageID != "":
		return xxhash.Sum64String(e.MessageID)
	}
	return xxhash.Sum64String(fmt.Sprintf("message %d", id))
}
