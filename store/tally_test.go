package store

import (
	"slices"
	"testing"
)

func TestTally(t *testing.T) {
	c := newTally()
	for id, n := range map[uint64]int{1: 1, 1023: 2, 1024: 70000, 1 << 40: 3} {
		for range n {
			c.add(id)
		}
	}
	if c.has(0) || c.has(2) || c.has(5000) || !c.has(1024) || !c.has(1<<40) {
		t.Error("has is wrong")
	}
	if got := slices.Collect(c.left()); !slices.Equal(got, []uint64{1, 1023, 1024, 1 << 40}) {
		t.Errorf("left: %v", got)
	}
	if a, b, none := c.take(1024), c.take(1023), c.take(7); a != 70000 || b != 2 || none != 0 {
		t.Errorf("took %d, %d, %d", a, b, none)
	}
	if c.take(1024) != 0 || c.has(1023) {
		t.Error("taken twice")
	}
}
