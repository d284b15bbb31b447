package post

import (
	"errors"
	"testing"
	"time"
)

func TestSendTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	sunday := time.Date(2026, 11, 22, 21, 30, 0, 0, berlin)
	const layout = "2006-01-02 15:04"
	for name, want := range map[string]string{
		"In 1 hour":        "2026-11-22 22:30",
		"in 90 minutes":    "2026-11-22 23:00",
		"In 2 days":        "2026-11-24 21:30",
		"Tonight 22:00":    "2026-11-22 22:00",
		"Tonight 20:00":    "2026-11-23 20:00",
		"Tomorrow 08:00":   "2026-11-23 08:00",
		"Monday 08:00":     "2026-11-23 08:00",
		"SUNDAY 21:31":     "2026-11-22 21:31",
		"Sunday 21:30":     "2026-11-29 21:30",
		"Saturday 7:05":    "2026-11-28 07:05",
		"2026-12-24 18:00": "2026-12-24 18:00",
		"2026-01-01 00:00": "2026-01-01 00:00",
		"":                 "", "Later": "", "Tomorrow": "", "Tomorrow 25:00": "", "In 1 year": "", "In -1 hours": "",
		"In 400 days": "", "In 99999999999 hours": "", "Someday 08:00": "", "2028-01-01 00:00": "",
	} {
		at, err := SendTime(name, sunday)
		switch {
		case want == "" && !errors.Is(err, ErrSendTime):
			t.Errorf("%q: %v, %v; want ErrSendTime", name, at, err)
		case want != "" && (err != nil || at.Format(layout) != want || at.Location() != berlin):
			t.Errorf("%q: %v, %v; want %s", name, at, err, want)
		}
	}
	// The clocks go back in the night to 2026-10-25: eight in the morning is
	// eight in the morning.
	at, err := SendTime("Tomorrow 08:00", time.Date(2026, 10, 24, 12, 0, 0, 0, berlin))
	if err != nil || at.Sub(time.Date(2026, 10, 24, 12, 0, 0, 0, berlin)) != 21*time.Hour {
		t.Errorf("over the end of summer time: %v, %v", at, err)
	}
}

func TestSendAt(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := &Office{}
	for value, want := range map[string]string{
		" Mon, 23 Nov 2026 08:00:00 +0100\r\n": "2026-11-23T07:00:00Z",
		"2026-11-23T07:00:00Z":                 "2026-11-23T07:00:00Z",
		"Sun, 22 Nov 2026 11:59:00 +0000":      "0001-01-01T00:00:00Z", // has passed: now
		"tomorrow":                             "",
		"Fri, 24 Dec 2027 08:00:00 +0100":      "",
	} {
		at, err := o.sendAt(&Envelope{}, &editor{sendAt: [][]byte{[]byte(value)}}, now)
		if got := at.UTC().Format(time.RFC3339); want == "" && !errors.Is(err, ErrSendTime) || want != "" && (err != nil || got != want) {
			t.Errorf("%q: %s, %v; want %q", value, got, err, want)
		}
	}
	if _, err := o.sendAt(&Envelope{}, &editor{sendAt: make([][]byte, 2)}, now); !errors.Is(err, ErrSendTime) {
		t.Errorf("two fields: %v", err)
	}
	o.ClockSet = func() bool { return false }
	at, err := o.sendAt(&Envelope{HoldUntil: now.Add(-time.Hour)}, nil, now)
	if err != nil || at.IsZero() {
		t.Errorf("without a clock a time is kept: %v, %v", at, err)
	}
}

// FuzzSendTime reads mailbox names and header fields as anybody may write them.
func FuzzSendTime(f *testing.F) {
	for _, seed := range []string{"In 1 hour", "Tonight 20:00", "monday 08:00", "2026-12-24 18:00", "Mon, 23 Nov 2026 08:00:00 +0100", "in 65535 weeks", ""} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := SendTime(text, now); err == nil && at.Sub(now) > MaxSchedule {
			t.Errorf("%q is %v, more than a year ahead", text, at)
		} else if err != nil && !errors.Is(err, ErrSendTime) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := parseSendAt(text); err != nil && !errors.Is(err, ErrSendTime) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
