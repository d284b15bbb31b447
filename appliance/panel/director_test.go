package panel

import (
	"testing"
	"time"

	"posthorn/hw"
)

// stage is a director with a clock that is moved by hand.
type stage struct {
	t    *testing.T
	d    director
	f    *Face
	at   time.Time
	plan scenePlan
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, f: household(), at: household().Now}
	s.d = director{button: true, choices: DefaultChoices()}
	s.look()
	return s
}

// look asks for the plan at the present time.
func (s *stage) look() scenePlan {
	s.f.Now = s.at
	s.plan = s.d.plan(s.f, s.at)
	return s.plan
}

// pass lets time go by, looking whenever the director wants to be asked.
func (s *stage) pass(d time.Duration) scenePlan {
	s.t.Helper()
	end := s.at.Add(d)
	for i := 0; s.plan.next.Before(end); i++ {
		if !s.plan.next.After(s.at) || i > 10_000 {
			s.t.Fatalf("wants to be asked at %v, it is %v", s.plan.next, s.at)
		}
		s.at = s.plan.next
		if s.look().shutDown {
			s.t.Log("shut down")
		}
	}
	s.at = end
	return s.look()
}

// push holds the button for so long.
func (s *stage) push(d time.Duration) scenePlan {
	s.d.press(s.f, s.at)
	s.look()
	s.pass(d)
	s.d.release(s.at)
	return s.look()
}

func (s *stage) want(page Page, light hw.Light) {
	s.t.Helper()
	if p := s.look(); p.light != light || light != hw.Off && p.view.Page != page {
		s.t.Fatalf("at %s it is %v %v, want %v %v", s.at.Format("15:04:05"), p.view.Page, p.light, page, light)
	}
}

func TestRotation(t *testing.T) {
	s := newStage(t)
	var seen []Page
	for range 6 {
		seen = append(seen, s.look().view.Page)
		s.pass(map[bool]time.Duration{true: homeTime, false: pageTime}[s.plan.view.Page == Home])
	}
	want := []Page{Home, People, People, Health, Address, Home}
	for i := range want {
		if seen[i] != want[i] {
			t.Fatalf("saw %v, want %v", seen, want)
		}
	}
}

func TestBlankAndWake(t *testing.T) {
	s := newStage(t)
	s.pass(9 * time.Minute)
	if s.plan.light != hw.Full {
		t.Fatal("dark too early")
	}
	s.pass(2 * time.Minute)
	s.want(Home, hw.Off)
	s.f.People[0].Unread++ // mail
	s.want(Home, hw.Full)
	s.pass(11 * time.Minute)
	s.want(Home, hw.Off)
	page := s.push(100 * time.Millisecond).view.Page // wakes, and nothing else
	s.want(page, hw.Full)
	next := s.push(100 * time.Millisecond).view
	if next.Page == page && next.Part == 0 {
		t.Error("the second press did not turn the page")
	}
	s.pass(12 * time.Minute)
	s.want(Home, hw.Off)
	s.f.Disk.Full = true // an error
	s.want(Alerts, hw.Full)
	s.pass(time.Hour)
	if s.plan.light != hw.Full {
		t.Error("an error nobody has seen went dark")
	}
}

func TestNeverBlank(t *testing.T) {
	s := newStage(t)
	s.d.choices.BlankMinutes = 0
	s.pass(6 * time.Hour) // to 20:32
	if s.plan.light != hw.Full {
		t.Error("dark, though 0 is never")
	}
}

func TestNight(t *testing.T) {
	s := newStage(t)
	s.pass(7*time.Hour + 28*time.Minute) // 22:00
	s.want(Night, hw.Dim)
	s.f.People[0].Unread++
	s.want(Night, hw.Dim) // mail wakes nobody
	s.push(100 * time.Millisecond)
	s.want(Home, hw.Dim)
	s.pass(nightGlance + time.Second)
	s.want(Night, hw.Dim)
	s.f.Disk.Full = true
	s.want(Alerts, hw.Dim)
	s.push(2 * time.Second) // seen
	s.pass(nightGlance + time.Second)
	s.want(Night, hw.Dim)
	s.f.ClockSet = false // then nobody knows that it is night
	s.pass(time.Second)
	if s.plan.view.Page == Night {
		t.Error("night without a clock")
	}
}

func TestPictureStaysStill(t *testing.T) {
	s := newStage(t)
	s.d.still = true
	for range 24 {
		s.pass(time.Hour)
		if s.plan.light != hw.Full || s.plan.view.Page == Night || s.plan.view.Minute != 0 {
			t.Fatalf("at %s it is %v %v, moved by %d", s.f.Clock(), s.plan.view.Page, s.plan.light, s.plan.view.Minute)
		}
	}
}

func TestNightMoves(t *testing.T) {
	f := household()
	for _, size := range []hw.Size{hw.Dots128x64, hw.Dots128x32} {
		places := map[string]bool{}
		for minute := range 60 {
			places[onGlass(t, Draw(f, View{Page: Night, Minute: minute}, size)).String()] = true
		}
		if len(places) < 50 {
			t.Errorf("%v: only %d places in an hour", size, len(places))
		}
	}
}

func TestAlertsAreStickyAndSorted(t *testing.T) {
	s := newStage(t)
	s.f.Links = nil
	s.f.Disk.Used = 95
	s.want(Alerts, hw.Full)
	if a := s.plan.view; a.Alert.ID != "disk" || a.Total != 2 || a.Rank != 1 {
		t.Errorf("first is %q, %d of %d", a.Alert.ID, a.Rank, a.Total)
	}
	pages := map[string]bool{}
	for range 40 {
		s.pass(5 * time.Second)
		pages[s.plan.view.Page.String()+s.plan.view.Alert.ID] = true
	}
	if !pages["alertdisk"] || !pages["alertnetwork"] || !pages["home"] || len(pages) != 3 {
		t.Errorf("saw %v", pages)
	}
	s.f.Links = household().Links // it came back before anybody saw it
	s.look()
	list := s.d.alerts.list()
	if len(list) != 2 || !list[1].Over {
		t.Fatalf("alerts %+v", list)
	}
	s.push(2 * time.Second)
	s.want(Home, hw.Full)
	s.pass(5 * time.Minute)
	if len(s.d.alerts.list()) != 0 {
		t.Error("an alert that was seen came back")
	}
	s.f.Disk.Full = true // it got worse
	s.want(Alerts, hw.Full)
	s.push(2 * time.Second)
	s.f.Disk = Disk{}
	s.look()
	s.f.Disk.Used = 95 // it came again
	s.want(Alerts, hw.Full)
}

func TestHoldForSetUp(t *testing.T) {
	s := newStage(t)
	s.push(5500 * time.Millisecond)
	s.want(SetUp, hw.Full)
	s.pass(setUpTime - time.Second)
	s.want(SetUp, hw.Full)
	s.pass(2 * time.Second)
	if s.plan.view.Page == SetUp {
		t.Error("the QR code stayed lit")
	}
	s.push(5500 * time.Millisecond)
	s.push(100 * time.Millisecond)
	s.want(Home, hw.Full)
}

func TestHoldToShutDown(t *testing.T) {
	s := newStage(t)
	s.d.press(s.f, s.at)
	s.look()
	var seconds []int
	stops := 0
	for range 24 {
		s.at = s.at.Add(500 * time.Millisecond)
		p := s.look()
		if p.view.Page == Holding && p.view.Seconds > 0 {
			seconds = append(seconds, p.view.Seconds)
		}
		if p.shutDown {
			stops++
			if held := s.at.Sub(s.d.down); held != holdShutDown {
				t.Errorf("after %v", held)
			}
		}
	}
	if stops != 1 || len(seconds) != 8 || seconds[0] != 4 || seconds[7] != 1 {
		t.Errorf("%d times, counting %v", stops, seconds)
	}
	s = newStage(t)
	s.d.press(s.f, s.at)
	s.pass(9900 * time.Millisecond)
	s.d.release(s.at)
	s.at = s.at.Add(time.Minute)
	if s.look().shutDown {
		t.Error("shut down though the button was let go")
	}
}

// TestAskedInTime makes sure that the count-down is on time when the director
// is asked only when it wants to be.
func TestAskedInTime(t *testing.T) {
	s := newStage(t)
	s.d.press(s.f, s.at)
	s.look()
	start := s.at
	for !s.plan.shutDown {
		if s.plan.next.Sub(start) > holdShutDown {
			t.Fatalf("next look is %v after the press", s.plan.next.Sub(start))
		}
		s.at = s.plan.next
		s.look()
	}
}

func TestFirstSetUp(t *testing.T) {
	s := newStage(t)
	s.f.People, s.f.Setup.Needed = nil, true
	s.want(SetUp, hw.Full)
	s.pass(20 * time.Minute)
	s.want(SetUp, hw.Dim)
	s.f.Setup.Needed = false
	s.f.People = household().People
	s.want(Home, hw.Full)
}

func TestPhases(t *testing.T) {
	s := newStage(t)
	for phase, light := range map[Phase]hw.Light{Booting: hw.Full, Updating: hw.Full, Stopping: hw.Full, Stopped: hw.Dim} {
		s.f.Phase = phase
		s.want(Busy, light)
	}
}

func TestSignal(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Face, *Choices)
		want   Signal
	}{
		{"new mail", func(*Face, *Choices) {}, SignalMail},
		{"nothing new", func(f *Face, _ *Choices) { f.People = nil }, SignalWell},
		{"no network", func(f *Face, _ *Choices) { f.Links = nil }, SignalOffline},
		{"no clock", func(f *Face, _ *Choices) { f.ClockSet = false }, SignalOffline},
		{"almost full", func(f *Face, _ *Choices) { f.Disk.Used, f.Links = 91, nil }, SignalWarning},
		{"full", func(f *Face, _ *Choices) { f.Disk.Full, f.Disk.Used = true, 100 }, SignalError},
		{"night", func(f *Face, _ *Choices) { f.Now = f.Now.Add(9 * time.Hour) }, SignalWell},
		{"full at night", func(f *Face, _ *Choices) { f.Now = f.Now.Add(9 * time.Hour); f.Disk.Full = true }, SignalError},
		{"not wanted", func(_ *Face, c *Choices) { c.LEDOff = true }, SignalWell},
		{"updating", func(f *Face, _ *Choices) { f.Phase = Updating }, SignalBusy},
		{"starting", func(f *Face, _ *Choices) { f.Phase = Booting }, SignalStarting},
		{"stopped", func(f *Face, _ *Choices) { f.Phase = Stopped }, SignalStopped},
	} {
		f, c := household(), DefaultChoices()
		test.change(f, &c)
		if got := SignalOf(f, c); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	seen := map[string]Signal{}
	for _, s := range Signals() {
		key := ""
		for _, step := range s.Pattern() {
			key += step.For.String()
		}
		if other, ok := seen[key]; ok && key != "" {
			t.Errorf("%v and %v blink alike", s, other)
		}
		seen[key] = s
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	var many []Alert
	for i := range 100 {
		many = append(many, Alert{ID: string(rune('a' + i)), Weight: Warning})
	}
	m.update(many)
	if n := len(m.list()); n != maxAlerts {
		t.Errorf("%d alerts are kept, want %d", n, maxAlerts)
	}
}
