package login

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// slot lets one hash be computed at a time: a second one would double the
// memory and, on one core, not come sooner. Those who wait are served in
// order, trusted addresses before strangers, so that a crowd of guessers
// delays a known device by one hash at most.
type slot struct {
	mu        sync.Mutex
	busy      bool
	trusted   []chan struct{} // each is closed when its owner has the slot
	strangers []chan struct{}
	sweep     *time.Timer

	used  atomic.Bool  // since the last sweep: a matrix lies about
	taken atomic.Int64 // times the slot was given
}

// sweepAfter is how long after the last hash its memory is given back to the
// system.
const sweepAfter = 2 * time.Second

// enter waits for the slot; the caller must call leave.
func (s *slot) enter(ctx context.Context, trusted bool) (leave func(), err error) {
	s.mu.Lock()
	if !s.busy {
		s.busy = true
		s.mu.Unlock()
		return s.claim(), nil
	}
	turn := make(chan struct{})
	queue := s.queue(trusted)
	*queue = append(*queue, turn)
	s.mu.Unlock()

	select {
	case <-turn:
		return s.claim(), nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for i, other := range *queue {
		if other == turn {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			s.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	s.mu.Unlock()
	s.leave() // it became our turn in the same moment
	return nil, ctx.Err()
}

// claim counts the turn. The matrix of a hash just before is collected first,
// or a few logins in a row would pile up a board's spare memory; the second
// in a row waits some milliseconds longer for that.
func (s *slot) claim() (leave func()) {
	s.taken.Add(1)
	if s.used.Swap(true) {
		runtime.GC()
	}
	return s.leave
}

func (s *slot) queue(trusted bool) *[]chan struct{} {
	if trusted {
		return &s.trusted
	}
	return &s.strangers
}

// leave hands the slot to the next in line. After the last one the matrix is
// returned to the system: the collector alone would keep it for minutes.
func (s *slot) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, trusted := range []bool{true, false} {
		if queue := s.queue(trusted); len(*queue) > 0 {
			close((*queue)[0])
			*queue = (*queue)[1:]
			return
		}
	}
	s.busy = false
	if s.sweep == nil {
		s.sweep = time.AfterFunc(sweepAfter, func() {
			s.used.Store(false)
			debug.FreeOSMemory()
		})
		return
	}
	s.sweep.Reset(sweepAfter)
}
