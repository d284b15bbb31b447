package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestUIDSetOperations(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		a, b := &UIDSet{}, &UIDSet{}
		for range random.IntN(400) {
			a.Add(random.Uint32N(6000) + 1)
			b.Add(random.Uint32N(12000) + 1)
		}
		var and, not, or []uint32
		for uid := uint32(1); uid <= 12000; uid++ {
			inA, inB := a.Contains(uid), b.Contains(uid)
			if inA && inB {
				and = append(and, uid)
			}
			if inA && !inB {
				not = append(not, uid)
			}
			if inA || inB {
				or = append(or, uid)
			}
		}
		for _, c := range []struct {
			name string
			got  *UIDSet
			want []uint32
		}{{"and", a.And(b), and}, {"and not", a.AndNot(b), not}, {"or", a.Or(b), or}} {
			if got := slices.Collect(c.got.All()); !slices.Equal(got, c.want) {
				t.Fatalf("%s: got %v, want %v", c.name, got, c.want)
			}
			if c.got.Len() != len(c.want) || len(c.want) > 0 && c.got.Seq(c.want[0]) != 1 {
				t.Fatalf("%s: wrong count", c.name)
			}
		}
	}
}
