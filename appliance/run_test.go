package appliance

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A part that fails is run again, ever more seldom, and soon again after it
// went well for a while.
func TestFailedPartIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Box{log: NewLog(io.Discard, false, 0, nil)}
		var pauses []time.Duration
		last := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		p := b.retried(part{"test", func(ctx context.Context) error {
			pauses = append(pauses, time.Since(last))
			if len(pauses) == 11 {
				time.Sleep(time.Hour)
			}
			if len(pauses) == 13 {
				cancel()
			}
			last = time.Now()
			return errors.New("no hardware")
		}})
		if err := p.run(ctx); err != nil {
			t.Errorf("ended with %v", err)
		}
		want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 1, 2}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(pauses, want) {
			t.Errorf("pauses are %v, want %v", pauses, want)
		}
	})
}

// A stage that does not end in time is left behind.
func TestStopHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &stage{parts: []part{{"deaf", func(context.Context) error { <-release; return nil }}}}
		s.start(t.Context(), func(err error) { t.Errorf("failed: %v", err) })
		began := time.Now()
		if s.stop(StopTime) {
			t.Error("a deaf part is said to have stopped")
		}
		if took := time.Since(began); took != StopTime {
			t.Errorf("stop took %v", took)
		}
		close(release)
	})
}
