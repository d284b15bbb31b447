package setup

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

// A thousand wrong codes from a thousand addresses within a minute: almost none
// is looked at, and the right one works when the pause is over.
func TestThousandWrongCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Code
		right := c.Show()
		looked := 0
		for n := range 1000 {
			err := c.Try("00000000", addr(n))
			var pause *PauseError
			switch {
			case errors.Is(err, ErrWrongCode):
				looked++
			case !errors.As(err, &pause) || pause.Wait > slowInAll:
				t.Fatalf("code %d: %v", n, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if looked > freeInAll+2 {
			t.Errorf("%d codes were looked at", looked)
		}
		if err := c.Try(right, addr(5000)); err == nil {
			t.Error("the right code in the pause was looked at")
		}
		time.Sleep(slowInAll)
		if err := c.Try(right[:4]+"-"+right[4:], addr(5000)); err != nil {
			t.Errorf("the right code after the pause: %v", err)
		}
		if err := c.Try(right, addr(5000)); !errors.Is(err, ErrWrongCode) || c.Show() == right {
			t.Errorf("the same code again: %v", err)
		}
	})
}

// One address is slowed alone, and another gets in meanwhile.
func TestGuesserIsSlowedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Code
		right := c.Show()
		guesses := 0
		for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(time.Second) {
			if errors.Is(c.Try("00000000", addr(1)), ErrWrongCode) {
				guesses++
			}
		}
		if guesses > 20 {
			t.Errorf("%d guesses in an hour", guesses)
		}
		if err := c.Try(right, addr(2)); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}

// However slowly somebody guesses, the code does not wait for them.
func TestCodeIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shown := 0
		c := Code{Changed: func(string) { shown++ }}
		first := c.Show()
		for n := range replaceAt + 5 {
			if err := c.Try("00000000", addr(n)); err == nil {
				t.Fatal("guessed")
			}
			time.Sleep(2 * time.Hour)
		}
		if c.Show() == first || shown != 2 {
			t.Errorf("%d codes were shown", shown)
		}
	})
}
