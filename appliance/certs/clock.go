package certs

import (
	"runtime/debug"
	"time"
)

// written is a day that had passed when this was written: the least a clock
// can show, if the program does not know when it was built.
var written = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// builtAt is the time of the commit the program was built from.
func builtAt() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key != "vcs.time" {
				continue
			}
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil && t.After(written) {
				return t
			}
		}
	}
	return written
}

// now returns the latest time known to have passed, and whether it is true
// time: the clock's if that is set; else the latest of the clock, the day of
// the build, and the issue of the leaves at hand.
func (a *Authority) now() (now time.Time, sure bool) {
	now, floor := time.Now(), builtAt()
	sure = now.After(floor)
	if a.opts.ClockSet != nil {
		sure = a.opts.ClockSet()
	}
	if sure {
		return now, true
	}
	for _, l := range []*leaf{a.home, a.dom} {
		if l == nil {
			continue
		}
		if t := l.cert.NotBefore.Add(backDate); t.After(floor) {
			floor = t
		}
	}
	if now.Before(floor) {
		now = floor
	}
	return now, false
}
