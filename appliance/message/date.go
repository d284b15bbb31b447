package message

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a Date field (RFC 5322 section 3.3) and the many forms it
// takes in the wild: words in any order, obsolete zones, a year of two digits,
// no seconds, no zone (UTC), comments, ISO 8601. It returns the zero time for
// what is no date.
func parseDate(text string) time.Time {
	text = strings.TrimSpace(text)
	if len(text) > 4 && text[4] == '-' {
		for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t
			}
		}
	}
	d := dateReader{day: -1, year: -1, hour: -1, zone: time.UTC}
	for _, w := range strings.FieldsFunc(dropComments(text), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		d.word(w)
	}
	if d.day < 1 || d.day > 31 || d.month == 0 || d.year < 1 || d.hour < 0 {
		return time.Time{}
	}
	return time.Date(d.year, d.month, d.day, d.hour, d.minute, d.second, 0, d.zone)
}

// A dateReader gathers a date from its words.
type dateReader struct {
	day, year, hour, minute, second int // day, year and hour -1 until known
	month                           time.Month
	zone                            *time.Location
}

// word uses a word if it says something.
func (d *dateReader) word(w string) {
	switch {
	case w[0] == '+' || w[0] == '-':
		d.offset(w)
	case '0' <= w[0] && w[0] <= '9' && strings.Contains(w, ":"):
		d.clock(w)
	case '0' <= w[0] && w[0] <= '9':
		for _, n := range strings.Split(w, "-") { // also 22-Nov-26
			d.numberOrMonth(n)
		}
	default:
		d.name(strings.ToUpper(w))
	}
}

func (d *dateReader) numberOrMonth(w string) {
	n, err := strconv.Atoi(w)
	switch {
	case err != nil && w != "":
		d.name(strings.ToUpper(w))
	case err != nil || n > 9999 || n < 0:
	case d.day < 0 && len(w) <= 2:
		d.day = n
	case d.year < 0 && n < 50 && len(w) <= 2: // RFC 5322 section 4.3
		d.year = 2000 + n
	case d.year < 0 && n < 1000:
		d.year = 1900 + n
	case d.year < 0:
		d.year = n
	}
}

// clock reads hh:mm or hh:mm:ss, with a zone right after it forgiven.
func (d *dateReader) clock(w string) {
	if i := strings.IndexAny(w, "+-"); i > 0 {
		d.offset(w[i:])
		w = w[:i]
	}
	p := strings.Split(w, ":")
	if len(p) < 2 {
		return
	}
	h, err1 := strconv.Atoi(p[0])
	m, err2 := strconv.Atoi(p[1])
	s := 0
	if len(p) > 2 {
		whole, _, _ := strings.Cut(p[2], ".")
		s, _ = strconv.Atoi(whole)
	}
	if err1 == nil && err2 == nil && 0 <= h && h < 24 && 0 <= m && m < 60 && 0 <= s && s <= 60 && d.hour < 0 {
		d.hour, d.minute, d.second = h, m, s
	}
}

// offset reads +hhmm, +hh:mm or +hh.
func (d *dateReader) offset(w string) {
	digits := strings.ReplaceAll(w[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 4 || n < 0 {
		return
	}
	if len(digits) <= 2 {
		n *= 100
	}
	seconds := (n/100*60 + n%100) * 60
	if w[0] == '-' {
		seconds = -seconds
	}
	if seconds != 0 && seconds > -24*3600 && seconds < 24*3600 {
		d.zone = time.FixedZone("", seconds)
	}
}

// name reads the name of a month or a zone, in upper case.
func (d *dateReader) name(w string) {
	hours := 0
	switch w {
	case "EDT":
		hours = -4
	case "EST", "CDT":
		hours = -5
	case "CST", "MDT":
		hours = -6
	case "MST", "PDT":
		hours = -7
	case "PST":
		hours = -8
	case "AM", "PM":
		if d.hour >= 0 && d.hour <= 12 {
			d.hour = d.hour % 12
			if w == "PM" {
				d.hour += 12
			}
		}
		return
	default:
		if len(w) > 3 && (strings.HasPrefix(w, "GMT") || strings.HasPrefix(w, "UTC")) && strings.IndexByte("+-", w[3]) >= 0 {
			d.offset(w[3:])
			return
		}
		if i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", w[:min(3, len(w))]); len(w) >= 3 && i >= 0 && i%3 == 0 && d.month == 0 {
			d.month = time.Month(i/3 + 1)
		}
		return
	}
	d.zone = time.FixedZone(w, hours*3600)
}

// dropComments takes out what stands in parentheses (RFC 5322 section 3.2.2).
func dropComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, c := range []byte(s) {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			b.WriteByte(' ')
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
