package page

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/web/words"
)

// formats write times and sizes as a reader's language and zone have them.
type formats struct {
	words *words.Catalogue
	zone  *time.Location
}

func (f formats) funcs() template.FuncMap {
	return template.FuncMap{"t": f.words.Text, "n": f.words.Count, "date": f.date, "day": f.day, "clock": f.clock,
		"when": f.when, "ago": f.ago, "stamp": stamp, "size": f.size}
}

// day is "22 November 2026".
func (f formats) day(at time.Time) string {
	if at.IsZero() {
		return f.words.Text("frame.never")
	}
	at = at.In(f.zone)
	return strconv.Itoa(at.Day()) + " " + f.month(at) + " " + strconv.Itoa(at.Year())
}

func (f formats) month(at time.Time) string {
	if months := strings.Fields(f.words.Text("frame.months")); len(months) == 12 {
		return months[at.Month()-1]
	}
	return at.Month().String()
}

// date is "22 November 2026, 15:04".
func (f formats) date(at time.Time) string {
	if at.IsZero() {
		return f.day(at)
	}
	return f.day(at) + ", " + f.clock(at)
}

// Date is "22 November 2026, 15:04" in a language and time zone: for texts that
// are no template.
func (s *Site) Date(c *words.Catalogue, zone *time.Location, at time.Time) string {
	return formats{c, zone}.date(at)
}

// clock is "15:04".
func (f formats) clock(at time.Time) string { return at.In(f.zone).Format("15:04") }

// when is as short as can be: the time of today, a weekday of this week, a day
// of this year, or a date.
func (f formats) when(at time.Time) string {
	at, now := at.In(f.zone), time.Now().In(f.zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, f.zone)
	weekdays := strings.Fields(f.words.Text("frame.weekdays"))
	month := []rune(f.month(at))
	day := strconv.Itoa(at.Day()) + " " + string(month[:min(3, len(month))])
	switch {
	case at.IsZero():
		return f.day(at)
	case !at.Before(midnight) && at.Before(midnight.AddDate(0, 0, 1)):
		return f.clock(at)
	case len(weekdays) == 7 && at.Before(midnight) && !at.Before(midnight.AddDate(0, 0, -6)):
		return weekdays[at.Weekday()]
	case at.Year() == now.Year():
		return day
	}
	return day + " " + strconv.Itoa(at.Year())
}

// ago is how long it is since a time.
func (f formats) ago(at time.Time) string {
	d := time.Since(at)
	switch {
	case at.IsZero():
		return f.words.Text("frame.never")
	case d < time.Minute:
		return f.words.Text("frame.ago.now")
	case d < time.Hour:
		return f.words.Count("frame.ago.minutes", int(d.Minutes()))
	case d < 24*time.Hour:
		return f.words.Count("frame.ago.hours", int(d.Hours()))
	case d < 14*24*time.Hour:
		return f.words.Count("frame.ago.days", int(d.Hours()/24))
	}
	return f.day(at)
}

// stamp is a time for the datetime attribute of HTML.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// size writes octets with three figures at most, in steps of 1,000.
func (f formats) size(octets any) string {
	var n float64
	switch v := octets.(type) {
	case int64:
		n = float64(v)
	case int:
		n = float64(v)
	case uint32:
		n = float64(v)
	case uint64:
		n = float64(v)
	}
	for _, unit := range []string{"frame.size.octets", "frame.size.kb", "frame.size.mb"} {
		if n < 1000 {
			return f.number(n, unit == "frame.size.octets", unit)
		}
		n /= 1000
	}
	return f.number(n, false, "frame.size.gb")
}

func (f formats) number(n float64, whole bool, unit string) string {
	digits := 0
	if n < 10 && !whole {
		digits = 1
	}
	text := strconv.FormatFloat(n, 'f', digits, 64)
	return f.words.Text(unit, strings.Replace(text, ".", f.words.Text("frame.decimal"), 1))
}
