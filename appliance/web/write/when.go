package write

import (
	"time"

	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
)

// The times a person can pick, as the form says them, and what the post office
// calls them.
var readyTimes = []struct{ value, name string }{
	{"hour", "In 1 hour"},
	{"tonight", "Tonight 20:00"},
	{"tomorrow", "Tomorrow 08:00"},
	{"monday", "Monday 08:00"},
}

// atLayout is what a browser sends for a date and time.
const atLayout = "2006-01-02T15:04"

// sendTime reads when a letter is to be sent, in the zone of now: zero is now.
// The error is a *compose.Problem.
func sendTime(when, at string, now time.Time) (time.Time, error) {
	if when == "" {
		return time.Time{}, nil
	}
	for _, ready := range readyTimes {
		if ready.value == when {
			return post.SendTime(ready.name, now)
		}
	}
	t, err := time.ParseInLocation(atLayout, at, now.Location())
	switch {
	case err != nil:
		return time.Time{}, &compose.Problem{Word: "when", About: at}
	case t.Sub(now) > post.MaxSchedule:
		return time.Time{}, &compose.Problem{Word: "far", About: at}
	case !t.After(now):
		return time.Time{}, &compose.Problem{Word: "past", About: at}
	}
	return t, nil
}
