package appliance

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// putClock writes the last known time.
func putClock(t *testing.T, dir, text string) {
	if err := os.WriteFile(filepath.Join(dir, clockFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestClockIsSetAfterTheLastKnownTime(t *testing.T) {
	if kernelSynchronized() {
		t.Log("a time daemon keeps this machine's clock, so it counts as set whatever it shows")
	}
	log := NewLog(io.Discard, false, 0, nil)
	for text, want := range map[string]bool{
		"":                      true, // a machine's clock today
		"2026-11-01 12:00:00\n": true,
		"9999-01-01 00:00:00\n": kernelSynchronized(),
		"rubbish":               true,
	} {
		dir := t.TempDir()
		if text != "" {
			putClock(t, dir, text)
		}
		if got := openClock(dir, log).Set(); got != want {
			t.Errorf("with %q last known the clock is set: %v, want %v", text, got, want)
		}
	}
}

func TestUnsetClockIsNotWrittenDown(t *testing.T) {
	dir := t.TempDir()
	c := &clock{path: filepath.Join(dir, clockFile), log: NewLog(io.Discard, false, 0, nil), last: time.Now().Add(time.Hour)}
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.path); err == nil {
		t.Fatal("a time nobody believes was written down")
	}
	c.set.Store(true)
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.DateTime+"\n", string(b)); err != nil {
		t.Errorf("last known time is %q: %v", b, err)
	}
}

// The bubble's clock begins in the year 2000, as a board's without a battery
// might, and then passes the last known time.
func TestClockBecomesSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{path: filepath.Join(t.TempDir(), clockFile), log: NewLog(io.Discard, false, 0, nil),
			last: time.Now().Add(time.Minute)}
		if c.look(); c.Set() != kernelSynchronized() {
			t.Fatalf("clock set: %v before the last known time", c.Set())
		}
		go c.run(t.Context())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !c.Set() {
			t.Error("clock is not set a minute after the last known time")
		}
		if _, err := os.Stat(c.path); err != nil {
			t.Errorf("the time was not kept: %v", err)
		}
	})
}
