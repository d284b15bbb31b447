package certs

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Time in the bubble begins in 2000, long before the program was built: a
// board that has just booted without a battery.
func TestClockBecomesSet(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := open(t, dir, Options{})
		unset := served(t, a, "localhost")
		if now := builtAt(); now.Before(unset.NotBefore) || now.After(unset.NotAfter) {
			t.Errorf("leaf of an unset clock runs %v to %v", unset.NotBefore, unset.NotAfter)
		}
		if err := a.Refresh(); err != nil || !served(t, a, "localhost").Equal(unset) {
			t.Errorf("re-issued though the clock is still unset (%v)", err)
		}
		// SNTP answers: three years after the build.
		time.Sleep(time.Until(builtAt().AddDate(3, 0, 0)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		time.Sleep(CheckEvery)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		set := served(t, a, "localhost")
		if err := verify(set, "localhost", time.Now(), a.CADER()); err != nil {
			t.Error(err)
		}
		// A month before its end, not sooner.
		time.Sleep(time.Until(set.NotAfter.Add(-renewBefore - time.Minute)))
		if err := a.Refresh(); err != nil || !served(t, a, "localhost").Equal(set) {
			t.Errorf("re-issued too early (%v)", err)
		}
		time.Sleep(2 * time.Minute)
		if err := a.Refresh(); err != nil || served(t, a, "localhost").Equal(set) {
			t.Errorf("not re-issued 30 days before its end (%v)", err)
		}
	})
	// The next boot is in 2000 again: the leaf at hand tells of later times.
	synctest.Test(t, func(t *testing.T) {
		a := open(t, dir, Options{})
		old := served(t, a, "localhost")
		if err := a.SetNames([]string{"mailbox.local"}, nil); err != nil {
			t.Fatal(err)
		}
		if fresh := served(t, a, "mailbox.local"); fresh.NotBefore.Before(old.NotBefore) {
			t.Errorf("leaf begins %v, the former one %v", fresh.NotBefore, old.NotBefore)
		}
	})
}

func TestClockOnceAhead(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)))
		open(t, dir, Options{})
	})
	a := open(t, dir, Options{ClockSet: func() bool { return true }})
	if err := verify(served(t, a, "localhost"), "localhost", time.Now(), a.CADER()); err != nil {
		t.Error(err)
	}
}

func TestAuthorityNearsItsEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(builtAt().Add(time.Hour)))
		a := open(t, dir, Options{})
		first, key := a.CADER(), a.ca.key
		time.Sleep(10*365*24*time.Hour - renewBefore)
		if err := a.Refresh(); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(a.CADER(), first) || !a.ca.key.Equal(key) {
			t.Error("the authority did not renew its certificate with its key")
		}
		leaf := served(t, a, "localhost")
		if err := verify(leaf, "localhost", time.Now().AddDate(1, 0, 0), a.CADER()); err != nil {
			t.Error(err)
		}
	})
}
