package diary

import (
	"context"
	"testing"
	"time"

	"posthorn/store"
)

// open returns an empty store in memory that is checked in the end.
func open(t *testing.T) *store.Store {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// kept is what the store has of the days.
func kept(t *testing.T, s *store.Store) []Day {
	d := &Diary{Store: s, Counters: func() (int64, int64) { return 0, 0 }, ClockSet: func() bool { return false }}
	days, err := d.Days()
	if err != nil {
		t.Fatal(err)
	}
	return days
}

var evening = time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC)

func TestDays(t *testing.T) {
	s := open(t)
	var in, out int64
	d := &Diary{Store: s, Counters: func() (int64, int64) { return in, out }}
	look := func(now time.Time) {
		t.Helper()
		if err := d.look(now, false); err != nil {
			t.Fatal(err)
		}
	}
	look(evening) // a new day is written at once
	if got := kept(t, s); len(got) != 1 || got[0].Date != "2026-11-22" || got[0].In != 0 {
		t.Fatalf("at the start: %+v", got)
	}
	in, out = 3, 1
	look(evening.Add(time.Minute))
	if got := kept(t, s); got[0].In != 0 {
		t.Errorf("written within the hour: %+v", got)
	}
	look(evening.Add(20 * time.Minute)) // the next day: what was counted is of the day it was found on
	in = 4
	look(evening.Add(2 * time.Hour))
	got := kept(t, s)
	if len(got) != 2 || got[0].In != 3 || got[0].Out != 1 || got[1].Date != "2026-11-23" || got[1].In != 1 {
		t.Errorf("after two hours: %+v", got)
	}
	// A clock that goes back does not lose counts.
	in = 9
	look(evening.Add(-48 * time.Hour))
	if got := kept(t, s); len(got) != 2 || got[1].In != 6 {
		t.Errorf("after the clock went back: %+v", got)
	}
	for i := range 3 * Keep {
		look(evening.AddDate(0, 0, i))
	}
	if got := kept(t, s); len(got) != Keep {
		t.Errorf("%d days are kept, want %d", len(got), Keep)
	}
}

func TestZone(t *testing.T) {
	s := open(t)
	if err := s.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		set.TimeZone = "Asia/Jakarta"
		if err != nil {
			return err
		}
		return tx.PutSettings(set)
	}); err != nil {
		t.Fatal(err)
	}
	d := &Diary{Store: s, Counters: func() (int64, int64) { return 0, 0 }}
	if err := d.look(evening, false); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s); got[0].Date != "2026-11-23" {
		t.Errorf("in Jakarta it is %s", got[0].Date)
	}
}

// Without a clock counts wait for it.
func TestClockNotSet(t *testing.T) {
	s := open(t)
	in, set := int64(0), false
	d := &Diary{Store: s, Counters: func() (int64, int64) { return in, 0 }, ClockSet: func() bool { return set }}
	in = 5
	if err := d.look(time.Unix(1000, 0), true); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s); len(got) != 0 {
		t.Fatalf("a day in 1970: %+v", got)
	}
	set = true
	if err := d.look(evening, false); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s); len(got) != 1 || got[0].In != 5 {
		t.Errorf("once the clock is set: %+v", got)
	}
}

// An idle box writes once a day, a busy one once an hour, and both at the end.
func TestWrites(t *testing.T) {
	for name, c := range map[string]struct {
		busy  bool
		least int
		most  int
	}{"idle": {false, 2, 2}, "busy": {true, 24, 26}} {
		t.Run(name, func(t *testing.T) {
			var commits int
			s, err := store.Open(store.Options{OnCommit: func(store.Commit) { commits++ }})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			commits = 0
			var in int64
			d := &Diary{Store: s, Counters: func() (int64, int64) {
				if c.busy {
					in++
				}
				return in, 0
			}}
			now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			for range 24 * 60 {
				if err := d.look(now, false); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Minute)
			}
			if err := d.look(now, true); err != nil {
				t.Fatal(err)
			}
			if commits < c.least || commits > c.most {
				t.Errorf("%d commits in a day, want %d to %d", commits, c.least, c.most)
			}
		})
	}
}

func TestRunWritesAtTheEnd(t *testing.T) {
	s := open(t)
	in := int64(0)
	d := &Diary{Store: s, Counters: func() (int64, int64) { return in, 0 }}
	if _, err := d.Days(); err != nil {
		t.Fatal(err)
	}
	in = 7
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s); len(got) != 1 || got[0].In != 7 {
		t.Errorf("after the end: %+v", got)
	}
}

func TestDamaged(t *testing.T) {
	s := open(t)
	if err := s.Update(func(tx *store.Tx) error { return tx.PutValue(valueName, []byte("[{")) }); err != nil {
		t.Fatal(err)
	}
	d := &Diary{Store: s, Counters: func() (int64, int64) { return 1, 0 }}
	if days, err := d.Days(); err != nil || len(days) != 1 || days[0].In != 1 {
		t.Errorf("%+v, %v", days, err)
	}
}

func TestForecast(t *testing.T) {
	const mb = 1 << 20
	day := func(n int, free int64) Day {
		return Day{Date: time.Date(2026, 11, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Free: free * mb}
	}
	for _, c := range []struct {
		name string
		days []Day
		left int
		ok   bool
	}{
		{"nothing", nil, 0, false},
		{"one day", []Day{day(0, 100)}, 0, false},
		{"two days", []Day{day(0, 100), day(1, 90)}, 0, false},
		{"steady", []Day{day(0, 100), day(1, 90), day(2, 80), day(3, 70)}, 7, true},
		{"gaps", []Day{day(0, 100), day(5, 50)}, 5, true},
		{"one large mail", []Day{day(0, 100), day(1, 100), day(2, 100), day(3, 100), day(4, 90)}, 45, true},
		{"emptier", []Day{day(0, 50), day(3, 60)}, 0, false},
		{"as it was", []Day{day(0, 50), day(9, 50)}, 0, false},
		{"in ages", []Day{day(0, 50_000), day(9, 49_999)}, 0, false},
		{"full", []Day{day(0, 30), day(3, 0)}, 0, true},
		{"no date", []Day{{Date: "x"}, day(0, 20), day(4, 10)}, 4, true},
	} {
		if left, ok := Forecast(c.days); left != c.left || ok != c.ok {
			t.Errorf("%s: %d %v, want %d %v", c.name, left, ok, c.left, c.ok)
		}
	}
}
