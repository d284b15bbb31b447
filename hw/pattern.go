package hw

import "time"

// MaxSteps bounds a pattern, so that it fits the one page (4 KiB) the kernel
// hands an LED attribute in.
const MaxSteps = 32

// Pattern is what an LED does over and over. No step means off; one step means
// that it stays as it is.
type Pattern []Step

// Step is one part of a pattern.
type Step struct {
	On  bool
	For time.Duration // at least a millisecond, the kernel's unit
}

// Flashes returns a pattern of n flashes, on and off for so long, and a rest.
func Flashes(n int, on, off, rest time.Duration) Pattern {
	var p Pattern
	for i := range n {
		p = append(p, Step{true, on}, Step{false, off})
		if i == n-1 {
			p[len(p)-1].For = rest
		}
	}
	return p
}

// Steady reports whether nothing blinks, and whether the LED is on.
func (p Pattern) Steady() (on, steady bool) {
	switch len(p) {
	case 0:
		return false, true
	case 1:
		return p[0].On, true
	}
	return false, false
}

// Period is how long the pattern takes before it starts again.
func (p Pattern) Period() time.Duration {
	var sum time.Duration
	for _, s := range p {
		sum += s.For
	}
	return sum
}
