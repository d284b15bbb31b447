package post

import (
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// MaxSchedule is how far ahead a message can be scheduled.
const MaxSchedule = 366 * 24 * time.Hour

// SendTime reads the time that the name of a mailbox below Outbox says, as
// seen from now, in now's zone:
//
//	In 1 hour, In 30 minutes, In 2 days
//	Tonight 20:00, Today 20:00    today, or tomorrow if that has passed
//	Tomorrow 08:00
//	Monday 08:00                  the next one, today if it is still to come
//	2026-12-24 18:00              a date
//
// in any case. The error is ErrSendTime with the reason.
func SendTime(name string, now time.Time) (time.Time, error) {
	words := strings.Fields(strings.ToLower(name))
	if len(words) == 3 && words[0] == "in" {
		return inTime(words[1], words[2], now)
	}
	if len(words) != 2 {
		return time.Time{}, fmt.Errorf("%w: %q is not like \"Tomorrow 08:00\" or \"In 2 hours\"", ErrSendTime, name)
	}
	clock, err := time.Parse("15:04", words[1])
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %q has no time of day like 08:00", ErrSendTime, name)
	}
	on := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	}
	switch words[0] {
	case "tonight", "today":
		if on(0).After(now) {
			return on(0), nil
		}
		return on(1), nil
	case "tomorrow":
		return on(1), nil
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if words[0] == strings.ToLower(day.String()) {
			days := (int(day-now.Weekday()) + 7) % 7
			if days == 0 && !on(0).After(now) {
				days = 7
			}
			return on(days), nil
		}
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", words[0]+" "+words[1], now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %q begins with no day", ErrSendTime, name)
	}
	return checkAhead(at, now)
}

// inTime reads "in N units".
func inTime(count, unit string, now time.Time) (time.Time, error) {
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}
	n, err := strconv.ParseUint(count, 10, 16)
	per, known := units[strings.TrimSuffix(unit, "s")]
	if err != nil || !known {
		return time.Time{}, fmt.Errorf("%w: \"in %s %s\" is no number of minutes, hours, days or weeks", ErrSendTime, count, unit)
	}
	return checkAhead(now.Add(time.Duration(n)*per), now)
}

// checkAhead refuses what is too far ahead to be meant.
func checkAhead(at, now time.Time) (time.Time, error) {
	if at.Sub(now) > MaxSchedule {
		return time.Time{}, fmt.Errorf("%w: %s is more than a year ahead", ErrSendTime, at.Format(time.DateOnly))
	}
	return at, nil
}

// parseSendAt reads the value of X-Send-At or Deferred-Delivery: a date of RFC
// 5322 or of RFC 3339.
func parseSendAt(value string) (time.Time, error) {
	value = strings.TrimSpace(value)
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at, nil
	}
	at, err := mail.ParseDate(value)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: X-Send-At or Deferred-Delivery has no date such as %q", ErrSendTime,
			"Mon, 02 Jan 2006 15:04:05 +0100")
	}
	return at, nil
}

// sendAt is when a submission is to be sent; zero is now, which is also meant
// by a time that has passed.
func (o *Office) sendAt(e *Envelope, edit *editor, now time.Time) (time.Time, error) {
	at := e.HoldUntil
	if edit != nil && len(edit.sendAt) > 0 {
		if len(edit.sendAt) > 1 {
			return time.Time{}, fmt.Errorf("%w: it has %d fields that say when", ErrSendTime, len(edit.sendAt))
		}
		var err error
		if at, err = parseSendAt(string(edit.sendAt[0])); err != nil {
			return time.Time{}, err
		}
	}
	if at.IsZero() {
		return at, nil
	}
	if !o.clockSet() {
		// A time is a time: it is kept, and waits for the clock.
		return at, nil
	}
	if !at.After(now) {
		return time.Time{}, nil
	}
	return checkAhead(at, now)
}

// clockSet tells whether the time of day can be believed.
func (o *Office) clockSet() bool { return o.ClockSet == nil || o.ClockSet() }
