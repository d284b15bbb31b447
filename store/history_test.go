package store

import (
	"errors"
	"math"
	"testing"
)

func TestHistoryRecordsAtTheEnds(t *testing.T) {
	high := uint32(math.MaxUint32)
	for _, sets := range [][2]*UIDSet{
		{NewUIDSet(), NewUIDSet()},
		{NewUIDSet(1), NewUIDSet()},
		{NewUIDSet(), NewUIDSet(1, 2, 3)},
		{NewUIDSet(1, 3, 5, 511, 512, 513), NewUIDSet(2, high-1)},
		{NewUIDSet(high-2, high-1, high), NewUIDSet(1, high)},
	} {
		changed, expunged, err := decodeHistory(encodeHistory(sets[0], sets[1]))
		if err != nil {
			t.Fatal(err)
		}
		for i, runs := range [][][2]uint32{changed, expunged} {
			at := 0
			for first, last := range sets[i].Ranges() {
				if at >= len(runs) || runs[at] != [2]uint32{first, last} {
					t.Errorf("%v came back as %v", collectUIDs(sets[i]), runs)
					break
				}
				at++
			}
			if at != len(runs) {
				t.Errorf("%v came back as %v", collectUIDs(sets[i]), runs)
			}
		}
	}
	for _, bad := range [][]byte{
		nil, {1, 1}, {0x80},
		{1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f},             // ends beyond the highest UID
		{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}, // begins there
	} {
		if _, _, err := decodeHistory(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}
