package login

import (
	"context"
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
	taken     atomic.Int64 // times the slot was given
}

// sweepAfter is how long after the last hash its memory is given back to the
// system.
const sweepAfter = 2 * time.Second

// enter waits for the slot; the caller must call leave.
func (s *slot) enter(ctx context.Context, trusted bool) (leave func(), err error) {
	s.mu.Lock()
	if !s.busy {
		s.busy = true
		s.taken.Add(1)
		s.mu.Unlock()
		return s.leave, nil
	}
	turn := make(chan struct{})
	queue := s.queue(trusted)
	*queue = append(*queue, turn)
	s.mu.Unlock()

	select {
	case <-turn:
		return s.leave, nil
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
			s.taken.Add(1)
			close((*queue)[0])
			*queue = (*queue)[1:]
			return
		}
	}
	s.busy = false
	if s.sweep == nil {
		s.sweep = time.AfterFunc(sweepAfter, debug.FreeOSMemory)
		return
	}
	s.sweep.Reset(sweepAfter)
}
