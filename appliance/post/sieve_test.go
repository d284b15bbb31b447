package post

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"io"
)

func sifted(t testing.TB, text string, r io.Reader) (string, *sieve) {
	t.Helper()
	var out bytes.Buffer
	s := &sieve{w: &out, ours: func(id string) bool { return strings.EqualFold(id, "box.local") }}
	if r == nil {
		r = strings.NewReader(text)
	}
	if _, err := io.Copy(s, r); err != nil {
		t.Fatal(err)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	return out.String(), s
}

func TestSieve(t *testing.T) {
	long := strings.Repeat("x", maxHeld)
	for _, c := range []struct{ in, out string }{
		{"A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n"},
		{"", ""},
		{"\r\nAuthentication-Results: box.local; spf=pass\r\n", "\r\nAuthentication-Results: box.local; spf=pass\r\n"},
		{"Authentication-Results: box.local; spf=pass\r\n\tdkim=pass\r\nA: b\r\n\r\n", "A: b\r\n\r\n"},
		{"A: b\r\nauthentication-results : BOX.local\r\n\r\n", "A: b\r\n\r\n"},
		{"Authentication-Results: (a (b) \\)) \r\n \"box.local\" 1; none\r\n\r\n", "\r\n"},
		{"Authentication-Results:box.local(x);none", ""},
		{"Authentication-Results: other.example; spf=pass\r\n\r\n", "Authentication-Results: other.example; spf=pass\r\n\r\n"},
		{"Authentication-Results: other.example; x=box.local\r\n\r\n", "Authentication-Results: other.example; x=box.local\r\n\r\n"},
		{"Authentication-Results: other.example; " + long + "\r\n " + long + "\r\nA: b\r\n\r\n", "A: b\r\n\r\n"},
		{"X: " + long + "\r\n " + long + "\r\nAuthentication-Results: box.local\r\n\r\n", "X: " + long + "\r\n " + long + "\r\n\r\n"},
		{"no field at all\r\n\r\n", "no field at all\r\n\r\n"},
		{" begins with a continuation\r\nA: b", " begins with a continuation\r\nA: b"},
		{"A: b\r\n\r\r\nAuthentication-Results: box.local\r\n\r\n", "A: b\r\n\r\r\n\r\n"},
		{"A: b\n\nAuthentication-Results: box.local\n", "A: b\n\nAuthentication-Results: box.local\n"},
	} {
		if got, _ := sifted(t, c.in, nil); got != c.out {
			t.Errorf("%.80q: %.80q, want %.80q", c.in, got, c.out)
		}
		if got, _ := sifted(t, "", iotest.OneByteReader(strings.NewReader(c.in))); got != c.out {
			t.Errorf("octet by octet, %.80q: %.80q, want %.80q", c.in, got, c.out)
		}
	}
	if _, s := sifted(t, "From: a@b\r\nfrom : c@d,\r\n e@f\r\n\r\nFrom: g@h\r\n", nil); len(s.from) != 2 || string(s.from[1]) != " c@d,\r\n e@f\r\n" {
		t.Errorf("From fields: %q", s.from)
	}
}

// However a message comes in pieces, what goes on is the same, and holds no
// result in the box's name.
func FuzzSieve(f *testing.F) {
	f.Add([]byte("A: b\r\nAuthentication-Results: box.local; x\r\n y\r\n\r\nbody"), uint8(3))
	f.Add([]byte("Authentication-Results: (\\)) \"box.local\"\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		whole, _ := sifted(t, string(text), nil)
		var out bytes.Buffer
		s := &sieve{w: &out, ours: func(id string) bool { return strings.EqualFold(id, "box.local") }}
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if m, err := s.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		s.finish()
		if out.String() != whole {
			t.Errorf("pieces of %d make a difference: %q, %q", int(size)+1, out.String(), whole)
		}
		if again, _ := sifted(t, whole, nil); again != whole {
			t.Errorf("%q is left, and %q of it", whole, again)
		}
	})
}
