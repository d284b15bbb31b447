package panel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"posthorn/appliance/events"
	"posthorn/hw"
	"posthorn/hw/softpanel"
	"posthorn/store"
)

// How often facts are read.
const (
	gatherGap   = 250 * time.Millisecond // at least between two readings
	gatherEvery = 10 * time.Second       // for what nobody announces: links, disk, heat
	stopWait    = 2 * time.Second        // for the last picture on a slow bus
)

// Runner keeps screen, LED and button going. Fill in the fields before Run;
// Store and Hub are needed, all else may be left out.
type Runner struct {
	Store *store.Store
	Hub   *events.Hub
	Log   *slog.Logger // nil = discard
	// Open opens the display; it is called again until it succeeds. nil = none.
	Open func() (hw.Display, error)
	// Glows says that the display is a thing in a room: it burns in, and it
	// shines at night, so it is dimmed, moved and switched off. A picture that
	// is only looked at when somebody wants to see it stays as it is.
	Glows  bool
	LED    hw.LED
	Button hw.Button
	// Facts adds what the panel cannot know by itself: Host, Version, Queue,
	// Setup, Clients, Backup, Certificate, and whether the clock is set. It is
	// called several times a second and must not block.
	Facts func(*Face)
	// ShutDown is called once when the button is held for ten seconds. nil =
	// the button does not shut down.
	ShutDown func()

	once   sync.Once
	wake   chan struct{}
	screen *screen

	mu       sync.Mutex // guards what follows
	phase    Phase
	progress int
	version  string  // being installed
	last     picture // what is to be seen
	signal   Signal
	seen     bool // somebody has seen the alerts
}

func (r *Runner) init() {
	r.once.Do(func() {
		if r.Log == nil {
			r.Log = slog.New(slog.DiscardHandler)
		}
		r.wake = make(chan struct{}, 1)
		r.screen = newScreen(r.Log, r.nudge)
		r.last.face = &Face{Phase: Booting}
		r.signal = SignalStarting
	})
}

// nudge makes Run look again.
func (r *Runner) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Say tells what the box is doing as a whole.
func (r *Runner) Say(p Phase) {
	r.init()
	r.mu.Lock()
	r.phase = p
	r.mu.Unlock()
	r.nudge()
}

// Update says how far an update to a version is, in percent; with version ""
// that it is over.
func (r *Runner) Update(version string, percent int) {
	r.init()
	r.mu.Lock()
	switch {
	case version != "":
		r.phase, r.version, r.progress = Updating, version, percent
	case r.phase == Updating:
		r.phase = Running
	}
	r.mu.Unlock()
	r.nudge()
}

// Acknowledge says that somebody has seen the alerts, as a held button does.
func (r *Runner) Acknowledge() {
	r.init()
	r.mu.Lock()
	r.seen = true
	r.mu.Unlock()
	r.nudge()
}

// Glass returns what the display shows, or what it would where there is none.
func (r *Runner) Glass() softpanel.Glass {
	r.init()
	r.mu.Lock()
	p := r.last
	r.mu.Unlock()
	size := r.screen.Size()
	switch p.light {
	case hw.Off:
		return softpanel.Glass{Frame: hw.NewFrame(size)}
	case hw.Dim:
		return softpanel.Glass{Frame: p.draw(size), Brightness: 1}
	}
	return softpanel.Glass{Frame: p.draw(size), Brightness: 0x7f}
}

// Fault says why the display shows nothing; nil while it does, or where none
// is wanted.
func (r *Runner) Fault() error {
	r.init()
	if r.Open == nil {
		return nil
	}
	return r.screen.state()
}

// Signal returns what the LED shows, or would.
func (r *Runner) Signal() Signal {
	r.init()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signal
}

// Run keeps going until ctx ends. It returns nil: without display, LED or
// button, and when any of them fails, a mail box is a mail box all the same.
func (r *Runner) Run(ctx context.Context) error {
	r.init()
	var parts sync.WaitGroup
	presses := make(chan bool)
	if r.Button != nil {
		parts.Go(func() { r.listen(ctx, presses) })
	}
	// The screen outlives ctx by the last picture.
	screenCtx, stopScreen := context.WithCancel(context.WithoutCancel(ctx))
	defer stopScreen()
	shown := make(chan struct{})
	if r.Open == nil {
		close(shown)
	} else {
		go func() {
			defer close(shown)
			r.screen.run(screenCtx, r.Open)
		}()
	}
	r.loop(ctx, presses)
	stopScreen()
	select {
	case <-shown:
	case <-time.After(stopWait):
		r.Log.Warn("screen did not take its last picture in time", "waited", stopWait)
	}
	if r.LED != nil {
		if err := r.LED.Close(); err != nil {
			r.Log.Warn("LED was not put back", "error", err)
		}
	}
	parts.Wait()
	return nil
}

// loop gathers, plans, and hands out, until ctx ends; the last it hands out
// says that the box has stopped.
func (r *Runner) loop(ctx context.Context, presses <-chan bool) {
	watch := r.Hub.Watch(events.All)
	defer watch.Close()
	s := &session{Runner: r, gatherer: gatherer{store: r.Store, facts: r.Facts, sys: "/sys", proc: "/proc"}}
	s.director.button, s.director.still = r.Button != nil, !r.Glows
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.act(time.Now())
		timer.Reset(time.Until(s.next))
		select {
		case <-ctx.Done():
			r.Say(Stopped)
			s.act(time.Now())
			return
		case <-watch.C():
			s.dirty = true
		case <-r.wake:
		case down := <-presses:
			if down {
				s.director.press(s.face, time.Now())
			} else {
				s.director.release(time.Now())
			}
		case <-timer.C:
		}
	}
}

// session is what loop remembers.
type session struct {
	*Runner
	gatherer gatherer
	director director
	face     *Face
	choices  Choices
	read     time.Time // when face was read
	dirty    bool      // it has changed since
	failed   bool      // the last reading did
	next     time.Time // when something is due
	blinking Signal
	blinks   bool // the LED shows the signal blinking
	ledFault bool // the last pattern was refused
}

// act does everything that is due.
func (s *session) act(now time.Time) {
	// A flood of changes is read a few times a second.
	every := gatherEvery
	if s.dirty {
		every = gatherGap
	}
	if now.Sub(s.read) >= every {
		s.gather(now)
		every = gatherEvery
	}
	s.mu.Lock()
	s.face.Phase, s.face.Progress, s.face.NextVersion = s.phase, s.progress, s.version
	seen := s.seen
	s.seen = false
	s.mu.Unlock()
	if seen {
		s.director.alerts.acknowledge()
	}
	s.director.size, s.director.choices = s.screen.Size(), s.choices
	plan := s.director.plan(s.face, now)
	s.hand(plan)
	s.next = plan.next
	if due := s.read.Add(every); due.Before(s.next) {
		s.next = due
	}
	if plan.shutDown && s.ShutDown != nil {
		s.Log.Info("button held: shutting down")
		s.ShutDown()
	}
}

// gather reads the facts anew. Where the store can't be read, what was known
// before stays; of several such readings in a row the first is logged.
func (s *session) gather(now time.Time) {
	face, choices, err := s.gatherer.gather(now)
	if err != nil {
		if !s.failed && !errors.Is(err, store.ErrClosed) {
			s.Log.Warn("screen shows what it knew before", "error", err)
		}
		if s.face != nil {
			face.People, face.Latest, face.Junk = s.face.People, s.face.Latest, s.face.Junk
			face.Household, face.Setup = s.face.Household, s.face.Setup
			choices = s.choices
		}
	}
	s.failed = err != nil
	s.face, s.choices, s.read, s.dirty = face, choices, now, false
}

// hand gives the picture to the screen and the pattern to the LED.
func (s *session) hand(plan scenePlan) {
	face := *s.face
	p := picture{&face, plan.view, plan.light}
	signal := SignalOf(s.face, s.choices)
	s.mu.Lock()
	s.last, s.signal = p, signal
	s.mu.Unlock()
	if s.Open != nil {
		s.screen.show(p)
	}
	if s.LED == nil || s.blinks && signal == s.blinking {
		return
	}
	err := s.LED.Blink(signal.Pattern())
	if err != nil && !s.ledFault {
		s.Log.Warn("LED does not blink; trying again", "signal", signal, "error", err)
	}
	s.blinking, s.blinks, s.ledFault = signal, err == nil, err != nil
}

// listen passes presses on until ctx ends or the button fails.
func (r *Runner) listen(ctx context.Context, presses chan<- bool) {
	for {
		down, err := r.Button.Wait(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.Log.Warn("button is out of order", "error", err)
			return
		}
		select {
		case presses <- down:
		case <-ctx.Done():
			return
		}
	}
}
