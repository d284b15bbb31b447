package store

import "testing"

// BenchmarkCheck verifies a store of 100,000 small messages.
func BenchmarkCheck(b *testing.B) {
	s, _ := largeMailbox(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if r, err := s.Check(b.Context()); err != nil || r.Count > 0 || r.Messages != 100_000 {
			b.Fatal(r, err)
		}
	}
}
