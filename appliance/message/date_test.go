package message

import (
	"net/mail"
	"testing"
	"time"
)

// TestDate shows the forms of dates that are read.
func TestDate(t *testing.T) {
	zone := func(h int) *time.Location { return time.FixedZone("", h*3600) }
	want := time.Date(2026, 11, 22, 20, 15, 30, 0, zone(1))
	tests := []struct {
		text string
		want time.Time
	}{
		{"Sun, 22 Nov 2026 20:15:30 +0100", want},
		{"22 Nov 2026 20:15:30 +0100", want},
		{"Sun, 22 Nov 2026 20:15:30 +0100 (CET)", want},
		{"Sun,22 nov 2026 20:15:30 +01:00", want},
		{"Sun 22 November 2026 20:15:30 +01", want},
		{"Sun, 22 Nov 26 20:15:30 +0100", want},
		{"Sunday, 22-Nov-26 20:15:30 +0100", want},
		{"Nov 22, 2026 8:15:30 PM +0100", want},
		{"Sun, 22 Nov 2026 20:15:30+0100", want},
		{"Sun, 22 Nov 2026 19:15:30 GMT", want},
		{"Sun, 22 Nov 2026 19:15:30 UT", want},
		{"Sun, 22 Nov 2026 14:15:30 EST", want},
		{"Sun, 22 Nov 2026 19:15:30", want},
		{"Sun, 22 Nov 2026 21:15:30 GMT+0200", want},
		{"Sun Nov 22 19:15:30 2026", want},
		{"Sun Nov 22 19:15:30 UTC 2026", want},
		{"2026-11-22T20:15:30+01:00", want},
		{"2026-11-22 19:15:30", want},
		{"Sun, 22 Nov 2026 20:15 +0100", want.Add(-30 * time.Second)},
		{"Fri, 21 Nov 97 09:55:06 -0600", time.Date(1997, 11, 21, 9, 55, 6, 0, zone(-6))},
		{"Thu, 1 Jan 1970 00:00:00 +0000", time.Unix(0, 0)},
		{"", time.Time{}},
		{"yesterday", time.Time{}},
		{"Sun, 22 Nov 2026", time.Time{}},
		{"Sun, 45 Nov 2026 20:15:30 +0100", time.Time{}},
		{"Sun, 22 Foo 2026 20:15:30 +0100", time.Time{}},
		{"Sun, 22 Nov 2026 29:15:30 +0100", time.Time{}},
		{"Sun, 22 Nov 99999 20:15:30 +0100", time.Time{}},
		{"22 Nov 2026 20:", time.Time{}},
		{"- + , ( ) :", time.Time{}},
		{"22 Nov 2026 20+1:00", time.Time{}},
	}
	for _, tt := range tests {
		if got := parseDate(tt.text); !got.Equal(tt.want) {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
		if std, err := mail.ParseDate(tt.text); err == nil {
			if got := parseDate(tt.text); !got.Equal(std) && tt.text != "Sun, 22 Nov 2026 14:15:30 EST" {
				t.Errorf("%q: got %v, net/mail says %v", tt.text, got, std)
			}
		}
	}
	if _, off := parseDate("Sun, 22 Nov 2026 20:15:30 +0100").Zone(); off != 3600 {
		t.Errorf("offset %d", off)
	}
}
