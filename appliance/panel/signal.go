package panel

import (
	"time"

	"posthorn/hw"
)

// Signal is what the LED says: one thing at a time, the weightiest.
type Signal uint8

// Signals, the weightiest first.
const (
	SignalError    Signal = iota // mail is refused
	SignalBusy                   // updating or shutting down: do not unplug
	SignalWarning                // something needs to be done soon
	SignalOffline                // no network, or no clock
	SignalMail                   // new mail nobody has read
	SignalWell                   // nothing to say
	SignalStarting               // not ready yet
	SignalStopped                // may be unplugged
)

// String names the signal.
func (s Signal) String() string {
	return [...]string{"error", "busy", "warning", "offline", "mail", "well", "starting", "stopped"}[s]
}

// Signals lists every signal.
func Signals() []Signal {
	return []Signal{SignalError, SignalBusy, SignalWarning, SignalOffline, SignalMail, SignalWell, SignalStarting, SignalStopped}
}

// Pattern is how an LED of one colour shows a signal.
func (s Signal) Pattern() hw.Pattern {
	const ms = time.Millisecond
	switch s {
	case SignalError:
		return hw.Flashes(1, 100*ms, 0, 100*ms)
	case SignalBusy:
		return hw.Flashes(1, 500*ms, 0, 500*ms)
	case SignalWarning:
		return hw.Flashes(3, 120*ms, 120*ms, 2400*ms)
	case SignalOffline:
		return hw.Flashes(1, 1000*ms, 0, 1000*ms)
	case SignalMail:
		return hw.Flashes(2, 120*ms, 120*ms, 1640*ms)
	case SignalStarting:
		return hw.Flashes(2, 80*ms, 160*ms, 680*ms)
	}
	return nil
}

// SignalOf says what the LED is to show. At night, and if the owner wants the
// LED off, errors only.
func SignalOf(f *Face, c Choices) Signal {
	switch f.Phase {
	case Booting:
		return SignalStarting
	case Updating, Stopping:
		return SignalBusy
	case Stopped:
		return SignalStopped
	}
	s := SignalWell
	if list := f.alerts(); len(list) > 0 {
		switch list[0].Weight {
		case Error:
			return SignalError
		case Warning:
			s = SignalWarning
		case Offline:
			s = SignalOffline
		}
	}
	if s == SignalWell && f.New() > 0 {
		s = SignalMail
	}
	if c.LEDOff || f.ClockSet && c.night(f.Now) {
		return SignalWell
	}
	return s
}
