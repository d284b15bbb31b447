package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A board without a battery starts in 1970, or at whatever time its image was
// made, and learns the time from the network a while later, or never. The
// clock counts as set when the kernel says that somebody keeps it (adjtimex),
// or when it shows a time after the last one known, which is kept in the file
// DIR/clock as "2026-11-22 20:45:24" in UTC, so that an init script can begin
// from there: date -u -s "$(cat DIR/clock)".
//
// Once set it stays so: a clock that was right does not become wrong while
// the board runs.

const (
	clockFile = "clock"
	// clockSaved is how often the time is written: seldom, for the card's
	// sake, and no closer is needed to know that time has passed.
	clockSaved = time.Hour
	// clockLook is how often a clock that is not set is looked at.
	clockLook = 10 * time.Second
)

// clockFloor is a day that had passed when this was written.
var clockFloor = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

type clock struct {
	path string
	log  *slog.Logger
	last time.Time // when the box was last known to run; zero: never
	set  atomic.Bool
}

func openClock(data string, log *slog.Logger) *clock {
	c := &clock{path: filepath.Join(data, clockFile), log: log, last: clockFloor}
	b, err := os.ReadFile(c.path)
	if err == nil {
		var t time.Time
		if t, err = time.Parse(time.DateTime, strings.TrimSpace(string(b))); err == nil && t.After(c.last) {
			c.last = t
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("last known time can't be read", "file", c.path, "error", err)
	}
	c.look()
	return c
}

// Set tells whether the time of day can be believed.
func (c *clock) Set() bool { return c.set.Load() }

// look finds out whether the clock is set.
func (c *clock) look() {
	if !c.Set() && (kernelSynchronized() || time.Now().After(c.last)) {
		c.set.Store(true)
	}
}

// kernelSynchronized tells whether a time daemon keeps the kernel's clock.
func kernelSynchronized() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR
}

// run watches for the clock to be set and keeps the last known time.
func (c *clock) run(ctx context.Context) error {
	if !c.Set() {
		c.log.Warn("clock is not set", "shows", time.Now().UTC(), "last_known", c.last)
	}
	for !c.Set() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(clockLook):
		}
		if c.look(); c.Set() {
			c.log.Info("clock is set")
		}
	}
	for {
		if err := c.save(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(clockSaved):
		}
	}
}

// save writes the time down, if it is to be believed.
func (c *clock) save() error {
	if !c.Set() {
		return nil
	}
	tmp := c.path + ".new"
	text := time.Now().UTC().Format(time.DateTime) + "\n"
	if err := writeSynced(tmp, text); err != nil {
		return fmt.Errorf("keep the time: %w", err)
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return fmt.Errorf("keep the time: %w", err)
	}
	return nil
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
