package store

import (
	"iter"
	"math/bits"
	"slices"
	"sort"
)

// A block is 512 consecutive UIDs, one bit each: large enough that a mailbox
// of 100,000 messages is 200 of them, small enough to rewrite with every
// delivery.
const (
	blockBits  = 512
	blockWords = blockBits / 64
	blockBytes = blockBits / 8
)

type bitmap [blockWords]uint64

func (b *bitmap) has(i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }
func (b *bitmap) put(i uint32, on bool) {
	if on {
		b[i/64] |= 1 << (i % 64)
	} else {
		b[i/64] &^= 1 << (i % 64)
	}
}

func (b *bitmap) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// UIDSet is a set of UIDs that also answers which one is the n-th: a mailbox
// as IMAP numbers it. It takes about one bit for a UID of a dense mailbox. The
// zero value is empty. It is not for use by several goroutines, not even for
// reading: Seq and At keep an index.
type UIDSet struct {
	blocks []uidBlock // ascending by number, none empty
	before []int      // UIDs in the blocks before each, for as many as are known
	n      int
}

type uidBlock struct {
	number uint32 // UID / blockBits
	bits   bitmap
}

// NewUIDSet returns a set of the UIDs given.
func NewUIDSet(uids ...uint32) *UIDSet {
	s := &UIDSet{}
	for _, u := range uids {
		s.Add(u)
	}
	return s
}

// Len is the number of UIDs in the set.
func (s *UIDSet) Len() int { return s.n }

func (s *UIDSet) find(number uint32) (int, bool) {
	// Most questions are about the newest mail.
	if n := len(s.blocks); n > 0 && s.blocks[n-1].number <= number {
		if s.blocks[n-1].number == number {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(s.blocks, number, func(b uidBlock, n uint32) int {
		return int(int64(b.number) - int64(n))
	})
}

// Contains tells whether uid is in the set.
func (s *UIDSet) Contains(uid uint32) bool {
	i, ok := s.find(uid / blockBits)
	return ok && s.blocks[i].bits.has(uid%blockBits)
}

// Add puts uid into the set and tells whether it was not there.
func (s *UIDSet) Add(uid uint32) bool {
	i, ok := s.find(uid / blockBits)
	if !ok {
		s.blocks = slices.Insert(s.blocks, i, uidBlock{number: uid / blockBits})
	} else if s.blocks[i].bits.has(uid % blockBits) {
		return false
	}
	s.blocks[i].bits.put(uid%blockBits, true)
	s.n++
	s.forget(i)
	return true
}

// Remove takes uid out of the set and tells whether it was there.
func (s *UIDSet) Remove(uid uint32) bool {
	i, ok := s.find(uid / blockBits)
	if !ok || !s.blocks[i].bits.has(uid%blockBits) {
		return false
	}
	s.blocks[i].bits.put(uid%blockBits, false)
	if s.blocks[i].bits == (bitmap{}) {
		s.blocks = slices.Delete(s.blocks, i, i+1)
	}
	s.n--
	s.forget(i)
	return true
}

// addBlock puts a whole bitmap in; blocks must come in ascending order.
func (s *UIDSet) addBlock(number uint32, b bitmap) {
	if n := b.count(); n > 0 {
		s.blocks = append(s.blocks, uidBlock{number, b})
		s.n += n
	}
}

// forget drops what is known of the blocks after block i, which changed.
func (s *UIDSet) forget(i int) {
	s.before = s.before[:min(len(s.before), i+1, len(s.blocks))]
}

// index counts what is before the blocks up to block i.
func (s *UIDSet) index(i int) {
	for k := len(s.before); k <= i; k++ {
		n := 0
		if k > 0 {
			n = s.before[k-1] + s.blocks[k-1].bits.count()
		}
		s.before = append(s.before, n)
	}
}

// Seq is the message sequence number of uid: its place in the set, from 1, or
// 0 when it is not in the set.
func (s *UIDSet) Seq(uid uint32) int {
	i, ok := s.find(uid / blockBits)
	if !ok || !s.blocks[i].bits.has(uid%blockBits) {
		return 0
	}
	s.index(i)
	b := uid % blockBits
	n := s.before[i] + 1
	for w := range b / 64 {
		n += bits.OnesCount64(s.blocks[i].bits[w])
	}
	return n + bits.OnesCount64(s.blocks[i].bits[b/64]&(1<<(b%64)-1))
}

// At is the UID with sequence number seq, or 0 when there are not so many.
func (s *UIDSet) At(seq int) uint32 {
	if seq < 1 || seq > s.n {
		return 0
	}
	s.index(len(s.blocks) - 1)
	i := sort.Search(len(s.before), func(i int) bool { return s.before[i] >= seq }) - 1
	left := seq - s.before[i]
	for w, word := range s.blocks[i].bits {
		c := bits.OnesCount64(word)
		if left > c {
			left -= c
			continue
		}
		for ; left > 1; left-- {
			word &= word - 1
		}
		return s.blocks[i].number*blockBits + uint32(w*64+bits.TrailingZeros64(word))
	}
	return 0
}

// Min is the lowest UID, or 0 when the set is empty.
func (s *UIDSet) Min() uint32 { return s.At(1) }

// Max is the highest UID, or 0 when the set is empty.
func (s *UIDSet) Max() uint32 { return s.At(s.n) }

// All yields the UIDs in ascending order. The set must not change meanwhile.
func (s *UIDSet) All() iter.Seq[uint32] { return s.From(0) }

// From yields the UIDs not below first, in ascending order.
func (s *UIDSet) From(first uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		start, _ := s.find(first / blockBits)
		for i := start; i < len(s.blocks); i++ {
			base := s.blocks[i].number * blockBits
			for w, word := range s.blocks[i].bits {
				for ; word != 0; word &= word - 1 {
					uid := base + uint32(w*64+bits.TrailingZeros64(word))
					if uid >= first && !yield(uid) {
						return
					}
				}
			}
		}
	}
}

// Clone returns a copy that shares nothing with the set.
func (s *UIDSet) Clone() *UIDSet {
	return &UIDSet{blocks: slices.Clone(s.blocks), n: s.n}
}

// Ranges yields the set as runs of consecutive UIDs, first and last.
func (s *UIDSet) Ranges() iter.Seq2[uint32, uint32] {
	return func(yield func(first, last uint32) bool) {
		var first, last uint32
		for uid := range s.All() {
			if first != 0 && uid == last+1 {
				last = uid
				continue
			}
			if first != 0 && !yield(first, last) {
				return
			}
			first, last = uid, uid
		}
		if first != 0 {
			yield(first, last)
		}
	}
}
