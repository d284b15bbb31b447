package page

import "testing"

func TestPlaces(t *testing.T) {
	p := Places{Most: 3, Own: 2}
	for i, want := range []bool{true, true, false} {
		if got := p.Take(1); got != want {
			t.Errorf("the first person's place %d: %v", i+1, got)
		}
	}
	if !p.Take(2) || p.Take(3) {
		t.Error("three places are not for three")
	}
	p.Leave(1)
	if !p.Take(3) || p.Take(1) {
		t.Error("a place that was left is not for the next")
	}
	own := Places{Own: 1}
	if !own.Take(1) || own.Take(1) || !own.Take(2) {
		t.Error("without a limit for everybody each has one's own")
	}
}
