package button

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// line behaves as periph's gpioioctl does: a negative timeout does not wait,
// and an edge does not say which one it was.
type line struct {
	edges chan struct{}
	mu    sync.Mutex
	level gpio.Level
	pull  gpio.Pull
	// plain is true for a chip that has no pull resistors.
	plain bool
}

func (l *line) Name() string { return "GPIO5" }
func (l *line) Halt() error  { return nil }

func (l *line) In(p gpio.Pull, e gpio.Edge) error {
	if e != gpio.BothEdges {
		return errors.New("not both edges")
	}
	if l.plain && p != gpio.PullNoChange {
		return errors.New("operation not supported")
	}
	l.pull = p
	return nil
}

func (l *line) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		return false
	}
	select {
	case <-l.edges:
		return true
	case <-time.After(timeout):
		return false
	}
}

func (l *line) Read() gpio.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}

// set changes the level; edge says whether the kernel reports it.
func (l *line) set(level gpio.Level, edge bool) {
	l.mu.Lock()
	l.level = level
	l.mu.Unlock()
	if edge {
		l.edges <- struct{}{}
	}
}

func newLine(level gpio.Level) *line {
	return &line{level: level, edges: make(chan struct{}, 64)}
}

func TestBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(gpio.High)
		b, err := OnPin(l, true)
		if err != nil {
			t.Fatal(err)
		}
		if l.pull != gpio.PullUp {
			t.Error("a button to ground needs a pull-up")
		}
		go func() {
			for _, down := range []gpio.Level{gpio.Low, gpio.High} {
				time.Sleep(3 * time.Second)
				for range 5 { // the contact bounces for 10 ms
					l.set(down, true)
					time.Sleep(time.Millisecond)
					l.set(!down, true)
					time.Sleep(time.Millisecond)
				}
				l.set(down, true)
			}
		}()
		start := time.Now()
		for i, want := range []bool{true, false} {
			down, err := b.Wait(t.Context())
			if err != nil || down != want {
				t.Fatalf("change %d: down %v, %v", i, down, err)
			}
			at := time.Since(start) - time.Duration(i+1)*3*time.Second
			if at > 200*time.Millisecond {
				t.Errorf("change %d was seen %v late", i, at)
			}
		}
	})
}

func TestGlitchIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(gpio.Low)
		b, err := OnPin(l, false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go func() {
			l.set(gpio.High, true)
			time.Sleep(time.Millisecond)
			l.set(gpio.Low, true)
		}()
		if down, err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a glitch of a millisecond: down %v, %v", down, err)
		}
	})
}

// TestLostEdge changes the level without an edge, as happens when the kernel's
// queue of events was full.
func TestLostEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(gpio.Low)
		b, err := OnPin(l, false)
		if err != nil {
			t.Fatal(err)
		}
		l.set(gpio.High, false)
		if down, err := b.Wait(t.Context()); err != nil || !down {
			t.Errorf("down %v, %v", down, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutPullResistors(t *testing.T) {
	l := newLine(gpio.High)
	l.plain = true
	if _, err := OnPin(l, true); err != nil || l.pull != gpio.PullNoChange {
		t.Errorf("pull %v, %v", l.pull, err)
	}
}
