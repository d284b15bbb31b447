package login

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func newGuard() *guard {
	g := &guard{}
	g.init()
	return g
}

// guessOnce sends one wrong password through the guard and returns the wait.
func guessOnce(t *testing.T, g *guard, from netip.Addr, account string) time.Duration {
	t.Helper()
	begun := time.Now()
	leave, err := g.admit(context.Background(), g.source(from, account))
	if err != nil {
		t.Fatal(err)
	}
	leave(guessed)
	return time.Since(begun)
}

func TestDelayGrowsAndIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var last time.Duration
		for i := range 1000 {
			wait := guessOnce(t, g, thief, "alice")
			switch {
			case i < freeMistakes && wait != 0:
				t.Fatalf("guess %d waited %v, want none", i+1, wait)
			case i > freeMistakes && i < 20 && wait < last:
				t.Fatalf("guess %d waited %v, less than the %v before", i+1, wait, last)
			case wait > MaxDelay:
				t.Fatalf("guess %d waited %v, more than %v", i+1, wait, MaxDelay)
			case i > 20 && wait < maxSourceDelay:
				t.Fatalf("guess %d waited only %v", i+1, wait)
			}
			last = wait
		}
		time.Sleep(5 * forgetAfter)
		if wait := guessOnce(t, g, thief, "alice"); wait != 0 {
			t.Errorf("after a quiet hour a guess waited %v", wait)
		}
	})
}

func TestBurstIsNoWayRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for range freeMistakes {
			guessOnce(t, g, thief, "alice")
		}
		done := make(chan time.Duration, maxWaiting+1)
		begun := time.Now()
		for range maxWaiting + 1 { // the first is looked at right away
			go func() {
				leave, err := g.admit(context.Background(), g.source(thief, "bob"))
				if err != nil {
					t.Error(err)
					return
				}
				done <- time.Since(begun)
				leave(guessed)
			}()
		}
		synctest.Wait()
		if _, err := g.admit(context.Background(), g.source(thief, "bob")); !isSlow(err) {
			t.Errorf("one more: %v, want a SlowError", err)
		}
		var last time.Duration
		for range maxWaiting + 1 {
			last = <-done
		}
		if last < 5*time.Second {
			t.Errorf("%d guesses at once were through after %v", maxWaiting, last)
		}
	})
}

func TestHangingUpIsNoWayRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for range 20 {
			guessOnce(t, g, thief, "alice")
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			if _, err := g.admit(ctx, g.source(thief, "alice")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("hanging up: %v", err)
			}
			cancel()
		}
		if wait := guessOnce(t, g, thief, "alice"); wait < 3*maxSourceDelay {
			t.Errorf("after hanging up three times the wait is %v", wait)
		}
	})
}

func isSlow(err error) bool {
	var slow *SlowError
	return errors.As(err, &slow) && slow.RetryAfter > 0 && slow.Error() != ""
}

func TestCrowdOfStrangersLeavesRoomForTheKnown(t *testing.T) {
	g := newGuard()
	g.trust(g.source(home, "alice"))
	for i := range maxStrangers {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		if _, err := g.admit(context.Background(), g.source(from, "alice")); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := g.admit(context.Background(), g.source(away, "alice")); !isSlow(err) {
		t.Errorf("stranger %d: %v, want a SlowError", maxStrangers+1, err)
	}
	leave, err := g.admit(context.Background(), g.source(home, "alice"))
	if err != nil {
		t.Fatalf("known device: %v", err)
	}
	leave(correct)
}

func TestTrustIsForOneAccountAtOneAddress(t *testing.T) {
	g := newGuard()
	six := netip.MustParseAddr("2001:db8::1")
	if !g.trust(g.source(six, "alice")) {
		t.Error("the first login is no news")
	}
	if g.trust(g.source(six, "alice")) {
		t.Error("the second login is news")
	}
	for _, test := range []struct {
		addr, account string
		trusted       bool
	}{
		{"2001:db8::1", "alice", true},
		{"2001:db8::1", "bob", false},
		{"2001:db8::2", "alice", false},
	} {
		if s := g.source(netip.MustParseAddr(test.addr), test.account); s.trusted != test.trusted {
			t.Errorf("%s at %s: trusted %v", test.account, test.addr, s.trusted)
		}
	}
	g.distrust("alice")
	if g.source(six, "alice").trusted {
		t.Error("still trusted after the password was changed")
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":          "192.0.2.7/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1":            "fe80::1/128",
		"::1":                "::1/128",
		"fd00:1:2:3:4:5:6:7": "fd00:1:2:3::/64",
	} {
		if got := network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("network(%s) = %s, want %s", addr, got, want)
		}
	}
	g := newGuard()
	if a, b := g.source(netip.MustParseAddr("::ffff:192.0.2.7"), ""), g.source(netip.MustParseAddr("192.0.2.7"), ""); a != b {
		t.Errorf("mapped address is another source: %v, %v", a, b)
	}
	if s := g.source(netip.Addr{}, "alice"); s.trusted {
		t.Error("no address is trusted")
	}
}

func TestTablesAreBounded(t *testing.T) {
	g := newGuard()
	for i := range 2 * maxGates {
		from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		g.leave(g.source(from, fmt.Sprint("user", i)), guessed)
		g.trust(g.source(from, fmt.Sprint("user", i)))
	}
	for name, size := range map[string][2]int{
		"sources":  {g.gates.len(), maxGates},
		"accounts": {g.targets.len(), maxTargets},
		"trusted":  {g.trusted.len(), maxTrusted},
	} {
		if size[0] != size[1] {
			t.Errorf("%d %s remembered, want %d", size[0], name, size[1])
		}
	}
}

func TestSlotServesTheKnownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slot
		leave, err := s.enter(context.Background(), false)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 4)
		queue := func(name string, trusted bool) {
			go func() {
				leave, err := s.enter(context.Background(), trusted)
				if err != nil {
					t.Error(err)
				}
				order <- name
				leave()
			}()
			synctest.Wait()
		}
		queue("stranger 1", false)
		gone, hangUp := context.WithCancel(context.Background())
		go s.enter(gone, false)
		synctest.Wait()
		queue("stranger 2", false)
		queue("known", true)
		hangUp()
		synctest.Wait()
		leave()
		for _, want := range []string{"known", "stranger 1", "stranger 2"} {
			if got := <-order; got != want {
				t.Errorf("%s had its turn, want %s", got, want)
			}
		}
		synctest.Wait()
		if s.busy || s.taken.Load() != 4 {
			t.Errorf("busy %v after %d turns", s.busy, s.taken.Load())
		}
	})
}
