package panel

import (
	"fmt"
	"strings"
	"time"
)

// span writes a duration with one unit: "40 s", "3 min", "6 h", "23 d".
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// ago writes how long t is past; "" if that is not known.
func (f *Face) ago(t time.Time) string {
	if t.IsZero() || !f.ClockSet {
		return ""
	}
	if d := f.Now.Sub(t); d >= time.Minute {
		return span(d) + " ago"
	}
	return "just now"
}

// count writes a number in at most four characters.
func count(n int) string {
	if n > 9999 {
		return fmt.Sprintf("%dk", min(n/1000, 999))
	}
	return fmt.Sprint(max(n, 0))
}

// newWords says how much of the unread mail is new.
func (f *Face) newWords() string {
	switch n := f.New(); {
	case f.Unread() == 0:
		return ""
	case n == 0:
		return "none new"
	default:
		return count(n) + " new"
	}
}

// footer is the line below the count: who wrote, or whom the mail is for, or
// how the box is.
func (f *Face) footer() string {
	l := f.Latest
	switch {
	case l == nil && len(f.alerts()) > 0:
		return f.alerts()[0].Title
	case l == nil:
		return f.health()
	case l.Sender != "" && l.Subject != "":
		return l.Sender + " · " + l.Subject
	case l.Sender != "":
		return l.Sender
	case len(f.People) > 1 && l.For != "":
		return "for " + l.For
	}
	return f.health()
}

// health is the heading of the health page.
func (f *Face) health() string {
	switch n := len(f.alerts()); n {
	case 0:
		return "All well"
	case 1:
		return "1 problem"
	default:
		return fmt.Sprintf("%d problems", n)
	}
}

// backup says when the last one was made.
func (f *Face) backup() string {
	if f.Backup.IsZero() || !f.ClockSet {
		return ""
	}
	return "Backup " + f.ago(f.Backup)
}

// shortly drops the word that goes without saying.
func shortly(s string) string { return strings.TrimSuffix(s, " ago") }

// certificate says for how long it is good.
func (f *Face) certificate() string {
	if f.Certificate.IsZero() || !f.ClockSet {
		return ""
	}
	if !f.Certificate.After(f.Now) {
		return "Certificate ended"
	}
	return "Certificate " + span(f.Certificate.Sub(f.Now))
}

// temperature is in °C; "" where the board has no sensor.
func (f *Face) temperature() string {
	if f.Temperature == 0 {
		return ""
	}
	return fmt.Sprintf("%d°C", f.Temperature)
}

// speed writes Mbit/s as people do.
func (l Link) speed() string {
	switch {
	case l.Speed <= 0:
		return ""
	case l.Speed%1000 == 0:
		return fmt.Sprintf("%d Gbit/s", l.Speed/1000)
	}
	return fmt.Sprintf("%d Mbit/s", l.Speed)
}

// code groups the set-up code so that it can be read aloud.
func (s Setup) code() string {
	half := (len(s.Code) + 1) / 2
	if half < 3 {
		return s.Code
	}
	return s.Code[:half] + " " + s.Code[half:]
}

// join puts the parts together that say something.
func join(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}
