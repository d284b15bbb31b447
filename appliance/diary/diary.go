// Package diary keeps what the box did on each of the last days: how many
// messages came in and went out, how much mail there was, and how much room
// was left. The status page draws it, and tells from it when the card will be
// full.
//
// # Wear
//
// A day is a few octets, all of them together one record of the store, which
// backups therefore carry. Between two writes the counts are in memory: the
// record is written an hour after a count changed, when a day begins, and when
// the box stops. A power cut costs an hour of counts and no mail.
//
// # Days
//
// A day begins at midnight in the household's time zone. While the clock is
// not set nobody knows which day it is; what is counted then belongs to the
// day on which the clock is set.
package diary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"posthorn/store"
)

// Limits.
const (
	// Keep is how many days are remembered, today among them.
	Keep = 30
	// WriteEvery is the least time between two writes on one day.
	WriteEvery = time.Hour
	// lookEvery is how often the counters are looked at.
	lookEvery = time.Minute
)

// valueName is where the days are in the store.
const valueName = "diary/days"

// Day is one day of the box.
type Day struct {
	Date  string `json:"date"`  // "2026-11-22", in the household's time zone
	In    int64  `json:"in"`    // messages delivered into mailboxes here
	Out   int64  `json:"out"`   // messages that left, counted for each recipient
	Bytes int64  `json:"bytes"` // octets of mail in all mailboxes at the day's end
	Free  int64  `json:"free"`  // octets of disk that mail could still take then
}

// Diary keeps the days. Store and Counters must be set; fields must not change
// after first use.
type Diary struct {
	Store *store.Store
	// Counters tells how many messages came in and went out since the start.
	Counters func() (in, out int64)
	// ClockSet tells whether the time of day can be believed; nil: it can.
	ClockSet func() bool
	// Log gets what goes wrong; nil discards.
	Log *slog.Logger

	mu      sync.Mutex // guards what follows
	read    bool
	days    []Day // oldest first, at most Keep; days without the box are missing
	in, out int64 // the counters, as far as they are in days
	changed bool  // days differs from what is in the store
	written time.Time
}

// Run keeps the diary until ctx ends, and writes it down then. The error is
// one of the store's: the caller tries again later, nothing counted is lost
// meanwhile.
func (d *Diary) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := d.look(time.Now(), false); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return d.look(time.Now(), true)
		case <-tick.C:
		}
	}
}

// Days returns the last days, oldest first and today last. Days on which the
// box did not run are missing.
func (d *Diary) Days() ([]Day, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.count(time.Now()); err != nil {
		return nil, err
	}
	return append([]Day(nil), d.days...), nil
}

// look takes the counters into today, and writes the days down if it is time,
// or final.
func (d *Diary) look(now time.Time, final bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh, err := d.count(now)
	if err != nil {
		return err
	}
	// A disk so full that this can't be written is no news here.
	if d.changed && (fresh || final || now.Sub(d.written) >= WriteEvery || now.Before(d.written)) && !d.Store.Full() {
		return d.write(now)
	}
	return nil
}

// count takes the counters into today, and tells whether a day began.
func (d *Diary) count(now time.Time) (fresh bool, err error) {
	if err := d.recall(); err != nil {
		return false, err
	}
	if d.ClockSet != nil && !d.ClockSet() {
		return false, nil
	}
	today, err := d.measure(now)
	if err != nil {
		return false, err
	}
	return d.take(today), nil
}

// recall reads the days once. What can't be understood is begun anew: it is
// about the past of a chart, not about mail.
func (d *Diary) recall() error {
	if d.read {
		return nil
	}
	err := d.Store.View(func(tx *store.Tx) error {
		v, err := tx.Value(valueName)
		if err != nil {
			return err
		}
		d.days = nil
		return json.Unmarshal(v, &d.days)
	})
	var damaged *json.SyntaxError
	switch {
	case errors.As(err, &damaged):
		d.log().Warn("the record of the last days is damaged and begun anew", "error", err)
		d.days = nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("read the last days: %w", err)
	}
	d.read = true
	return nil
}

// measure tells of this moment, with In and Out as they grew since the last.
func (d *Diary) measure(now time.Time) (today Day, err error) {
	err = d.Store.View(func(tx *store.Tx) error {
		today = Day{}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		zone, err := time.LoadLocation(set.TimeZone)
		if err != nil {
			zone = time.UTC
		}
		today.Date = now.In(zone).Format(time.DateOnly)
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			today.Bytes += u.Bytes
		}
		return nil
	})
	h := d.Store.Health()
	today.Free = max(h.Free-h.Reserve, 0)
	in, out := d.Counters()
	today.In, today.Out = in-d.in, out-d.out
	return today, err
}

// take puts a measurement into its day. It tells whether that day is new.
func (d *Diary) take(today Day) (fresh bool) {
	last := len(d.days) - 1
	switch {
	case last < 0 || d.days[last].Date < today.Date:
		d.days = append(d.days, today)
		if len(d.days) > Keep {
			d.days = append(d.days[:0], d.days[len(d.days)-Keep:]...)
		}
		fresh, d.changed = true, true
	default:
		// The same day, or a day before it: the zone changed, or the clock
		// was wrong. What is counted goes into the latest day all the same.
		day := &d.days[last]
		d.changed = d.changed || today.In+today.Out > 0
		day.In += today.In
		day.Out += today.Out
		day.Bytes, day.Free = today.Bytes, today.Free
	}
	d.in += today.In
	d.out += today.Out
	return fresh
}

func (d *Diary) write(now time.Time) error {
	v, err := json.Marshal(d.days)
	if err != nil {
		return err
	}
	if err := d.Store.Update(func(tx *store.Tx) error { return tx.PutValue(valueName, v) }); err != nil {
		return fmt.Errorf("write the last days down: %w", err)
	}
	d.changed, d.written = false, now
	return nil
}

func (d *Diary) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}
