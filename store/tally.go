package store

import (
	"iter"
	"maps"
	"math"
	"slices"
)

// tally counts by ID for Check. IDs come from counters and stand close
// together: it takes two octets for each, so that a store of 500,000 messages
// is checked in some megabytes of memory.
type tally struct {
	pages map[uint64]*tallyPage
	above map[uint64]uint64 // counts beyond what a page holds
}

type tallyPage [1024]uint16

func newTally() *tally {
	return &tally{pages: make(map[uint64]*tallyPage), above: make(map[uint64]uint64)}
}

func (t *tally) add(id uint64) {
	p := t.pages[id/1024]
	if p == nil {
		p = new(tallyPage)
		t.pages[id/1024] = p
	}
	if p[id%1024] == math.MaxUint16 {
		t.above[id]++
		return
	}
	p[id%1024]++
}

func (t *tally) has(id uint64) bool {
	p := t.pages[id/1024]
	return p != nil && p[id%1024] > 0
}

// take returns the count of an ID and sets it to zero.
func (t *tally) take(id uint64) uint64 {
	p := t.pages[id/1024]
	if p == nil {
		return 0
	}
	n := uint64(p[id%1024]) + t.above[id]
	p[id%1024] = 0
	delete(t.above, id)
	return n
}

// left yields the IDs that still have a count, in order.
func (t *tally) left() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, number := range slices.Sorted(maps.Keys(t.pages)) {
			for i, n := range t.pages[number] {
				if n > 0 && !yield(number*1024+uint64(i)) {
					return
				}
			}
		}
	}
}
