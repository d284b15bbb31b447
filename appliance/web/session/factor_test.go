package session

import (
	"errors"
	"testing"
	"time"
)

// The vectors of RFC 6238 appendix B, with the six digits in use.
func TestTOTP(t *testing.T) {
	secret := []byte("12345678901234567890")
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := totpCode(secret, unix/totpPeriod); got != want {
			t.Errorf("at %d: %s, want %s", unix, got, want)
		}
	}
}

// A code is taken once, a little early or late, and in any grouping.
func TestCodesWorkOnce(t *testing.T) {
	f := &Factors{TOTP: NewTOTP()}
	codes := f.NewRecovery()
	now := time.Unix(1_800_000_000, 0)
	at := func(step int64) string { return totpCode(f.TOTP, now.Unix()/totpPeriod+step) }
	for _, c := range []struct {
		typed string
		want  error
	}{
		{at(-2), ErrNoFactor}, {at(-1), nil}, {at(-1), ErrNoFactor}, {at(0)[:3] + " " + at(0)[3:], nil}, {at(-1), ErrNoFactor},
		{at(1), nil}, {at(0), ErrNoFactor}, {at(2), ErrNoFactor}, {"", ErrNoFactor}, {"0000000", ErrNoFactor},
		{codes[0], nil}, {codes[0], ErrNoFactor}, {"  " + codes[9], nil},
	} {
		if err := f.Take(c.typed, now); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.typed, err, c.want)
		}
	}
	if len(f.Recovery) != RecoveryCodes-2 {
		t.Errorf("%d recovery codes are left", len(f.Recovery))
	}
}
