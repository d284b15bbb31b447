package panel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"posthorn/hw"
)

// How a display is looked after.
const (
	aliveEvery = 5 * time.Second        // a question to the chip
	retryFirst = 5 * time.Second        // after a display was lost
	retryMost  = time.Minute            // the gap doubles up to this
	frameGap   = 250 * time.Millisecond // between two pictures
)

// picture is a frame that is still to be drawn, for whatever size the display
// turns out to have.
type picture struct {
	face  *Face
	view  View
	light hw.Light
}

func (p picture) draw(size hw.Size) *hw.Frame { return Draw(p.face, p.view, size) }

// screen owns the display and its bus: one goroutine in run. Everybody else
// only leaves the newest picture with it, which never blocks.
type screen struct {
	log    *slog.Logger
	opened func() // called when the size became known

	mu     sync.Mutex
	newest *picture
	fault  error // why nothing is shown; nil while all is well
	wake   chan struct{}
	size   atomic.Uint32 // hw.Size
}

func newScreen(log *slog.Logger, opened func()) *screen {
	return &screen{log: log, opened: opened, wake: make(chan struct{}, 1), fault: errUntried}
}

// show leaves a picture to be shown; one that was not taken yet is dropped.
func (s *screen) show(p picture) {
	s.mu.Lock()
	s.newest = &p
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // run has not looked yet, and will find the newest
	}
}

// take returns the newest picture, nil before the first.
func (s *screen) take() *picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

// state says why nothing is shown; nil while all is well.
func (s *screen) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// run opens the display and shows pictures until ctx ends, then the last one
// left, and returns. The display stays lit: what it says last is for the person who is about to pull
// the plug.
func (s *screen) run(ctx context.Context, open func() (hw.Display, error)) {
	var d hw.Display
	healthy, gap := false, retryFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for last := false; !last; {
		select {
		case <-s.wake:
			if !healthy {
				continue // the timer says when to try again
			}
		case <-timer.C:
		case <-ctx.Done():
			last = true
		}
		var err error
		if d, err = s.step(d, open); err != nil {
			timer.Reset(gap)
			gap = min(2*gap, retryMost)
		} else {
			timer.Reset(aliveEvery)
			gap = retryFirst
		}
		healthy = err == nil
		s.report(d, err)
		if !last {
			pause(ctx, frameGap)
		}
	}
}

// step opens the display if need be, asks whether it is alive, and shows the
// newest picture.
func (s *screen) step(d hw.Display, open func() (hw.Display, error)) (hw.Display, error) {
	if d == nil {
		var err error
		if d, err = open(); err != nil {
			return nil, err
		}
		if d.Size() != s.Size() {
			s.size.Store(uint32(d.Size()))
			s.opened()
		}
	}
	p := s.take()
	if p == nil {
		return d, nil
	}
	// Whatever Alive says: a display that lost its picture is started anew by
	// Show, and one that is gone makes Show fail.
	_ = d.Alive()
	if err := d.Light(p.light); err != nil {
		return d, err
	}
	return d, d.Show(p.draw(d.Size()))
}

// Size is the display's, once it is known.
func (s *screen) Size() hw.Size { return hw.Size(s.size.Load()) }

// report logs a display lost and a display found, once each.
func (s *screen) report(d hw.Display, err error) {
	s.mu.Lock()
	was := s.fault
	s.fault = err
	s.mu.Unlock()
	switch {
	case err != nil && was == errUntried: // most boards have none
		s.log.Info("no screen; looking for one now and then", "why", err)
	case err != nil && was == nil:
		s.log.Warn("screen was lost; trying again", "error", err)
	case err == nil && was != nil:
		s.log.Info("screen shows", "display", fmt.Sprint(d), "size", d.Size())
	}
}

// errUntried is the state before the first try.
var errUntried = errors.New("not tried yet")

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
