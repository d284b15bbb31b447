package panel

import (
	"time"

	"posthorn/hw"
)

// How long things are seen.
const (
	homeTime    = 10 * time.Second
	pageTime    = 5 * time.Second
	restAfter   = time.Minute     // rotation rests after a press
	nightGlance = time.Minute     // the display is awake at night after a press
	setUpTime   = 2 * time.Minute // a QR code lights two dots of five
)

// What a button does when it is held.
const (
	holdSeen     = time.Second
	holdSetUp    = 5 * time.Second
	holdWarns    = 6 * time.Second // the count-down is seen from here on
	holdShutDown = 10 * time.Second
)

// director decides what is to be seen. All its methods take the time, which
// must not go back.
type director struct {
	size    hw.Size
	choices Choices
	button  bool // there is one
	still   bool // nothing burns in or shines: neither night nor darkness

	alerts  memory
	started time.Time
	unread  int       // last known, to notice new mail
	news    time.Time // last change worth waking for
	pressed time.Time // last press
	rest    time.Time // rotation rests until then
	setUp   time.Time // the set-up page is shown until then
	slot    int       // place in the rotation
	since   time.Time // it is shown since
	dark    bool      // the display was off at the last look

	down       time.Time // the button is held since; zero when it is not
	wokeByDown bool      // this press found the display dark
	didSetUp   bool
	didStop    bool
}

// scenePlan is what the director wants.
type scenePlan struct {
	view     View
	light    hw.Light
	shutDown bool      // the button was held long enough; true once
	next     time.Time // ask again then, at the latest
}

// plan takes the newest facts and says what is to be seen at now.
func (d *director) plan(f *Face, now time.Time) scenePlan {
	if d.started.IsZero() {
		d.started, d.news, d.since = now, now, now
	}
	if d.alerts.update(f.alerts()) {
		d.news, d.slot, d.since = now, 0, now
	}
	if n := f.Unread(); n != d.unread {
		if n > d.unread {
			d.slot, d.since = 0, now
		}
		d.unread, d.news = n, now
	}
	p := d.choose(f, now)
	minutes := int(now.Sub(d.started) / time.Minute)
	if !d.still {
		p.view.Minute = minutes
	}
	p.view.Button = d.button
	minute := d.started.Add(time.Duration(minutes+1) * time.Minute)
	for _, t := range []time.Time{minute, d.heldUntil(now)} {
		if p.next.IsZero() || !t.IsZero() && t.Before(p.next) {
			p.next = t
		}
	}
	d.dark = p.light == hw.Off
	return p
}

// choose goes through what could be seen, the most urgent first.
func (d *director) choose(f *Face, now time.Time) scenePlan {
	if f.Phase != Running {
		light := hw.Full
		if f.Phase == Stopped {
			light = hw.Dim // it may stay for long
		}
		return scenePlan{view: View{Page: Busy}, light: light}
	}
	if p, ok := d.held(now); ok {
		return p
	}
	glance := now.Before(d.pressed.Add(nightGlance)) && !d.pressed.IsZero()
	if now.Before(d.setUp) {
		return scenePlan{view: View{Page: SetUp}, light: hw.Full, next: d.setUp}
	}
	if f.Setup.Needed {
		// Whoever unpacks the box has to find the code, with or without a
		// button, so this page never goes dark.
		light := hw.Full
		if d.idle(now) {
			light = hw.Dim
		}
		return scenePlan{view: View{Page: SetUp}, light: light}
	}
	night := d.night(f)
	if night && !glance && !d.urgent() {
		return scenePlan{view: View{Page: Night}, light: hw.Dim}
	}
	if !night && !glance && d.idle(now) && !d.urgent() {
		return scenePlan{light: hw.Off}
	}
	p := d.rotate(f, now)
	if night {
		p.light = hw.Dim
	}
	return p
}

// urgent says that an error nobody has seen is to be seen at any time.
func (d *director) urgent() bool {
	list := d.alerts.list()
	return len(list) > 0 && list[0].Weight == Error
}

// idle says that nothing has happened for long.
func (d *director) idle(now time.Time) bool {
	after := d.choices.blank()
	return !d.still && after > 0 && now.Sub(d.news) >= after && now.Sub(d.pressed) >= after
}

// night says that it is dark outside; without a clock nobody knows.
func (d *director) night(f *Face) bool {
	return !d.still && f.ClockSet && d.choices.night(f.Now)
}

// rotation lists what takes turns: alerts nobody has seen and home; with no
// alert, all pages that have something to say.
func (d *director) rotation(f *Face) []View {
	var turns []View
	add := func(v View) {
		for v.Part = range Parts(f, v, d.size) {
			turns = append(turns, v)
		}
	}
	if list := d.alerts.list(); len(list) > 0 {
		for i, a := range list {
			add(View{Page: Alerts, Alert: a, Rank: i + 1, Total: len(list)})
		}
		add(View{Page: Home})
		return turns
	}
	add(View{Page: Home})
	if len(f.People) > 1 {
		add(View{Page: People})
	}
	add(View{Page: Health})
	add(View{Page: Address})
	return turns
}

// rotate shows one of the rotation, and moves on when its time is over.
func (d *director) rotate(f *Face, now time.Time) scenePlan {
	turns := d.rotation(f)
	d.slot %= len(turns)
	stay := func() time.Time {
		t := d.since.Add(pageTime)
		if turns[d.slot].Page == Home {
			t = d.since.Add(homeTime)
		}
		if d.rest.After(t) {
			t = d.rest
		}
		return t
	}
	if until := stay(); !now.Before(until) {
		d.slot, d.since = (d.slot+1)%len(turns), now
	}
	return scenePlan{view: turns[d.slot], light: hw.Full, next: stay()}
}

// held says what is to be seen while the button is down.
func (d *director) held(now time.Time) (scenePlan, bool) {
	if d.down.IsZero() {
		return scenePlan{}, false
	}
	t := now.Sub(d.down)
	if t >= holdSetUp && !d.didSetUp {
		d.didSetUp = true
		d.setUp = now.Add(setUpTime)
	}
	switch {
	case t >= holdShutDown:
		once := !d.didStop
		d.didStop = true
		return scenePlan{view: View{Page: Holding}, light: hw.Full, shutDown: once, next: now.Add(time.Second)}, true
	case t >= holdWarns:
		left := holdShutDown - t
		seconds := int((left + time.Second - 1) / time.Second)
		return scenePlan{view: View{Page: Holding, Seconds: seconds}, light: hw.Full,
			next: d.down.Add(holdShutDown - time.Duration(seconds-1)*time.Second)}, true
	case t >= holdSetUp:
		return scenePlan{view: View{Page: SetUp}, light: hw.Full, next: d.down.Add(holdWarns)}, true
	}
	return scenePlan{}, false
}

// press is the button going down.
func (d *director) press(f *Face, now time.Time) {
	d.down, d.didSetUp, d.didStop = now, false, false
	d.wokeByDown = d.dark || d.night(f) && !now.Before(d.pressed.Add(nightGlance))
	d.pressed = now
}

// release is the button let go: a short press turns the page, a longer one
// says that the alerts were seen or goes home. The press that wakes the
// display does nothing else.
func (d *director) release(now time.Time) {
	if d.down.IsZero() {
		return
	}
	t := now.Sub(d.down)
	d.down, d.pressed = time.Time{}, now
	switch {
	case t >= holdSetUp || d.wokeByDown && t < holdSeen:
	case now.Before(d.setUp):
		d.setUp = time.Time{}
		d.home(now)
	case t >= holdSeen:
		d.alerts.acknowledge()
		d.home(now)
	default:
		d.slot++
		d.since, d.rest = now, now.Add(restAfter)
	}
}

func (d *director) home(now time.Time) {
	d.slot, d.since, d.rest = 0, now, now.Add(restAfter)
}

// heldUntil is when the plan changes if the button is held on; zero if it is
// not held.
func (d *director) heldUntil(now time.Time) time.Time {
	if d.down.IsZero() {
		return time.Time{}
	}
	for _, t := range []time.Duration{holdSetUp, holdWarns, holdShutDown} {
		if at := d.down.Add(t); at.After(now) {
			return at
		}
	}
	return time.Time{}
}
