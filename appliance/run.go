package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"posthorn/appliance/panel"
)

// StopTime is how long a box takes to stop at most, all stages together.
const StopTime = 10 * time.Second

// retryFirst and retryLast bound the pause before a part that failed, and may
// fail, is run again.
const (
	retryFirst = time.Second
	retryLast  = 5 * time.Minute
)

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// stage is parts that start and stop together.
type stage struct {
	name  string
	parts []part

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Run serves until ctx ends, or a vital part fails, which is its error, or the
// owner asks for a restart, which is [ErrRestart]. Then it stops everything and
// closes the box.
func (b *Box) Run(ctx context.Context) error {
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stopScreen := b.startScreen(context.WithoutCancel(ctx))
	stages := b.stages()
	for _, s := range stages {
		s.start(context.WithoutCancel(ctx), fail)
	}
	b.log.Info("running", "version", b.config.Version, "data", b.config.Data, "clock_set", b.clock.Set())
	var order error
	select {
	case <-running.Done():
	case order = <-b.orders:
	}

	b.log.Info("stopping")
	b.panel.Say(panel.Stopping)
	deadline := time.Now().Add(StopTime)
	for i := len(stages) - 1; i >= 0; i-- {
		if !stages[i].stop(time.Until(deadline)) {
			b.log.Warn("did not stop in time and is left behind", "part", stages[i].name)
		}
	}
	err := b.closeWithin(max(time.Until(deadline), time.Second))
	stopScreen()
	switch {
	case ctx.Err() != nil || order == errOff:
	case order != nil:
		return errors.Join(order, err)
	default:
		return errors.Join(context.Cause(running), err)
	}
	if err == nil {
		b.log.Info("stopped")
	}
	return err
}

// stages are the parts in the order in which they start.
func (b *Box) stages() []*stage {
	upkeep := &stage{name: "upkeep"}
	for _, p := range []part{{"certificates", b.certs.Run}, {"names", b.keepNames}, {"clock", b.clock.run}, {"network", b.keepOnline}, {"expiry", b.keepExpiry}, {"diary", b.diary.Run}} {
		upkeep.parts = append(upkeep.parts, b.retried(p))
	}
	if !b.mute() {
		upkeep.parts = append(upkeep.parts, b.retried(part{"announcement", b.announce}))
	}
	control := &stage{name: "control", parts: []part{{"control", b.serveControl}}}
	queue := &stage{name: "queue", parts: []part{{"queue", b.queue.Run}}}
	web, mail := &stage{name: "web"}, &stage{name: "mail"}
	for _, s := range b.services {
		to := mail
		if s.name == "http" || s.name == "https" {
			to = web
		}
		to.parts = append(to.parts, part{s.name, func(ctx context.Context) error { return s.serve(ctx, s.listener) }})
	}
	return []*stage{upkeep, control, queue, web, mail}
}

// start runs the stage's parts. A part that ends before it is told to is a
// failure of the box.
func (s *stage) start(ctx context.Context, fail context.CancelCauseFunc) {
	ctx, s.cancel = context.WithCancel(ctx)
	for _, p := range s.parts {
		s.done.Go(func() {
			err := p.run(ctx)
			switch {
			case ctx.Err() != nil:
			case err == nil:
				fail(fmt.Errorf("%s ended by itself", p.name))
			default:
				fail(fmt.Errorf("%s failed: %w", p.name, err))
			}
		})
	}
}

// stop ends the stage and tells whether it did within the time.
func (s *stage) stop(within time.Duration) bool {
	s.cancel()
	done := make(chan struct{})
	go func() { s.done.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(within):
		return false
	}
}

// retried is a part that mail can do without: it is logged when it fails, and
// run again.
func (b *Box) retried(p part) part {
	return part{p.name, func(ctx context.Context) error {
		for pause := retryFirst; ; pause = min(2*pause, retryLast) {
			began := time.Now()
			err := p.run(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if time.Since(began) > retryLast {
				pause = retryFirst // it went well for a while
			}
			b.log.Error("part failed", "part", p.name, "error", err, "again_in", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// closeWithin closes the box; a store that hangs on a dying card does not
// keep the process.
func (b *Box) closeWithin(within time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- b.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(within):
		return errors.New("store did not close in time; what was accepted is on disk all the same")
	}
}

// serveControl serves the command line.
func (b *Box) serveControl(ctx context.Context) error {
	server := &http.Server{Handler: b.control.Handler()}
	return serveHTTP(ctx, server, func() error { return server.Serve(b.socket) })
}

// serveHTTP runs an HTTP server until ctx ends; requests get half the stop
// time to finish.
func serveHTTP(ctx context.Context, server *http.Server, serve func() error) error {
	// Requests that wait for something end with the box.
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTime/2)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	err := serve()
	if stop() {
		return err // it was not told to end
	}
	<-stopped
	return nil
}
