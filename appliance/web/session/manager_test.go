package session

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"posthorn/store"
)

// visited is one account with a session, and the cookie of its browser.
type visited struct {
	*testing.T
	m       *Manager
	account *store.Account
	cookie  *http.Cookie
	set     bool // the clock
}

func visiting(t *testing.T) *visited {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), Memory: 512 << 20, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	v := &visited{T: t, account: &store.Account{Name: "alice", Password: "some hash"}, set: true}
	v.m = &Manager{Store: s, ClockSet: func() bool { return v.set }}
	if err := s.Update(func(tx *store.Tx) error { return tx.CreateAccount(v.account) }); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *visited) begin() {
	v.Helper()
	w := httptest.NewRecorder()
	if err := v.m.Begin(w, v.request(), v.account); err != nil {
		v.Fatal(err)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-"+sessionCookie {
			v.cookie = c
		}
	}
}

func (v *visited) request() *http.Request {
	r := httptest.NewRequest("GET", "https://mailbox.local/me", nil)
	r.TLS = new(tls.ConnectionState)
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	return r
}

// in tells whether the browser is logged in.
func (v *visited) in() bool {
	v.Helper()
	r, err := v.m.Attach(v.request())
	if err != nil {
		v.Fatal(err)
	}
	return From(r.Context()) != nil
}

// alter changes the only session as it is stored.
func (v *visited) alter(fn func(*record)) {
	v.Helper()
	err := v.m.change(v.account.ID, func(list []record) []record {
		if len(list) != 1 {
			v.Fatalf("%d sessions", len(list))
		}
		fn(&list[0])
		return list
	})
	if err != nil {
		v.Fatal(err)
	}
}

func TestSessionTimes(t *testing.T) {
	v := visiting(t)
	now := time.Now().UTC()
	for _, c := range []struct {
		what       string
		made, seen time.Duration // ago
		set, want  bool
	}{
		{"fresh", 0, 0, true, true},
		{"used now and then", 80 * 24 * time.Hour, 13 * 24 * time.Hour, true, true},
		{"not used", 15 * 24 * time.Hour, 15 * 24 * time.Hour, true, false},
		{"too old", 91 * 24 * time.Hour, time.Minute, true, false},
		{"not used, as far as a clock that is not set tells", 15 * 24 * time.Hour, 15 * 24 * time.Hour, false, true},
	} {
		v.cookie, v.set = nil, true
		v.begin()
		v.alter(func(s *record) { s.Made, s.Seen = now.Add(-c.made), now.Add(-c.seen) })
		v.set = c.set
		if got := v.in(); got != c.want {
			t.Errorf("%s: logged in is %v", c.what, got)
		}
		v.set = true
		r := v.request()
		if err := v.m.end(r); err != nil {
			t.Fatal(err)
		}
	}
}

// A session that began before the time was known gets its time later.
func TestSessionBeforeTheClock(t *testing.T) {
	v := visiting(t)
	v.set = false
	v.begin()
	v.alter(func(s *record) {
		if !s.Made.IsZero() || !s.Seen.IsZero() {
			t.Errorf("made %v, seen %v", s.Made, s.Seen)
		}
	})
	v.set = true
	if !v.in() {
		t.Error("logged out by the clock")
	}
	v.alter(func(s *record) {
		if time.Since(s.Made) > time.Minute || time.Since(s.Seen) > time.Minute {
			t.Errorf("made %v, seen %v", s.Made, s.Seen)
		}
	})
}

// The last use is written once an hour, not with each page.
func TestLastUseSparesTheCard(t *testing.T) {
	v := visiting(t)
	v.begin()
	now := time.Now().UTC().Truncate(time.Second)
	for _, c := range []struct{ ago, want time.Duration }{{59 * time.Minute, 59 * time.Minute}, {2 * time.Hour, 0}} {
		v.alter(func(s *record) { s.Seen = now.Add(-c.ago) })
		if !v.in() {
			t.Fatal("logged out")
		}
		v.alter(func(s *record) {
			if d := now.Add(-c.want).Sub(s.Seen).Abs(); d > time.Minute {
				t.Errorf("used %v ago, written as %v", c.ago, now.Sub(s.Seen))
			}
		})
	}
}

// What a browser sends as its cookie is anything.
func TestOddCookies(t *testing.T) {
	v := visiting(t)
	v.begin()
	good := v.cookie.Value
	_, secret, _ := strings.Cut(good, ".")
	for _, value := range []string{"", ".", "1.", "1.x", "0." + secret, "2." + secret, "-1." + secret, "4294967297." + secret,
		"1." + secret + "A", "1." + secret[1:], strings.Repeat("1", 4000), good + "." + good} {
		v.cookie.Value = value
		if v.in() {
			t.Errorf("logged in with %q", value)
		}
	}
	v.cookie.Value = good
	if !v.in() {
		t.Error("the right cookie")
	}
}

// Who is asked for a second factor waits; the wait is bounded, and one code
// after the other is slowed.
func TestWaiting(t *testing.T) {
	v := visiting(t)
	err := v.m.ChangeFactors(v.account.ID, func(f *Factors) error { f.TOTP = NewTOTP(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	v.m.Await(w, v.request(), v.account, "/mail")
	r := v.request()
	r.AddCookie(w.Result().Cookies()[0])
	if p := v.m.Awaited(r); p == nil || p.To != "/mail" {
		t.Fatalf("awaited: %+v", p)
	}
	if v.m.Awaited(v.request()) != nil {
		t.Error("awaited without the cookie")
	}
	for range maxPending {
		v.m.Await(httptest.NewRecorder(), v.request(), v.account, "/")
	}
	if v.m.Awaited(r) != nil {
		t.Error("the wait is not bounded")
	}
	slowed := false
	for range freeFactors + 2 {
		err := v.m.TryCode(v.account.ID, "000000x")
		slowed = slowed || err != nil && !errors.Is(err, ErrNoFactor)
	}
	if !slowed {
		t.Error("guessing is not slowed")
	}
}
