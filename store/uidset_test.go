package store

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestUIDSetNumbersWhileChanging asks for numbers between changes, when only a
// part of what is before each block is known.
func TestUIDSetNumbersWhileChanging(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		set := &UIDSet{}
		var ref []uint32 // sorted
		for range 400 {
			u := math.MaxUint32 - r.Uint32N(8*blockBits) // about the highest there is
			i, there := slices.BinarySearch(ref, u)
			switch {
			case !there:
				set.Add(u)
				ref = slices.Insert(ref, i, u)
			case r.IntN(2) == 0:
				set.Remove(u)
				ref = slices.Delete(ref, i, i+1)
			}
			for len(ref) > 100 { // and a run of expunges from the front
				set.Remove(ref[0])
				ref = ref[1:]
			}
			if len(ref) == 0 {
				continue
			}
			i = r.IntN(len(ref))
			if got := set.Seq(ref[i]); got != i+1 {
				t.Fatalf("Seq is %d, want %d", got, i+1)
			}
			if r.IntN(4) == 0 {
				if got := set.At(i + 1); got != ref[i] {
					t.Fatalf("At is %d, want %d", got, ref[i])
				}
				if set.Min() != ref[0] || set.Max() != ref[len(ref)-1] {
					t.Fatal("Min or Max is wrong")
				}
			}
		}
	}
}
