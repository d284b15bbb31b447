package setup

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Limits of guessing the code. There are a hundred million codes. Who guesses
// from one address is slowed after a few mistakes; all guessers together get
// freeInAll and then one guess each slowInAll, which makes 95 years for half of
// the codes. A code that was guessed at often is replaced as well, lest
// somebody goes through them in order.
const (
	codeDigits  = 8
	freeGuesses = 5                // wrong codes from one network without a pause
	firstPause  = 2 * time.Second  // after the next; doubles with each
	longPause   = 10 * time.Minute // at most
	freeInAll   = 30               // wrong codes from everywhere without a pause
	slowInAll   = time.Minute      // between two guesses after that
	forgetAfter = time.Hour        // without a wrong code all is forgiven
	replaceAt   = 100              // wrong codes after which there is another
	maxSources  = 256              // networks remembered; more than that guess as one
)

// Code is what shows that somebody stands before the box: it is on its screen
// and in its log, and nowhere else. The zero value is ready. A code works once;
// then there is another. Its methods are for any number of goroutines.
type Code struct {
	// Changed is called with each new code, for the log; may be nil.
	Changed func(code string)

	mu      sync.Mutex
	code    string
	wrong   int // since it was made
	all     pacer
	sources map[netip.Prefix]*pacer
}

// pacer says when the next guess may be made.
type pacer struct {
	mistakes int
	last     time.Time
	next     time.Time
}

// ErrWrongCode says that the code is another one.
var ErrWrongCode = errors.New("this is not the code on the screen")

// PauseError says that there were too many wrong codes; this one was not
// looked at.
type PauseError struct{ Wait time.Duration }

func (e *PauseError) Error() string {
	return fmt.Sprintf("too many wrong codes; try again in %d seconds", int64(e.Wait.Seconds()+0.999))
}

// Show returns the code: eight digits.
func (c *Code) Show() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == "" {
		c.renew()
	}
	return c.code
}

func (c *Code) renew() {
	n, _ := rand.Int(rand.Reader, big.NewInt(100_000_000)) // never fails, crypto/rand
	c.code, c.wrong = fmt.Sprintf("%0*d", codeDigits, n), 0
	if c.Changed != nil {
		c.Changed(c.code)
	}
}

// Try uses the code up if it is the right one. Spaces and hyphens don't count.
// from is the address of who typed it. Errors: [ErrWrongCode], [*PauseError].
func (c *Code) Try(typed string, from netip.Addr) error {
	typed = strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(typed)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == "" {
		c.renew()
	}
	source := c.source(from, now)
	if wait := max(source.wait(now), c.all.wait(now)); wait > 0 {
		return &PauseError{wait}
	}
	if subtle.ConstantTimeCompare([]byte(typed), []byte(c.code)) == 1 {
		c.renew()
		c.all, c.sources = pacer{}, nil
		return nil
	}
	source.mistake(now, freeGuesses, firstPause, longPause)
	c.all.mistake(now, freeInAll, slowInAll, slowInAll)
	if c.wrong++; c.wrong >= replaceAt {
		c.renew()
	}
	return ErrWrongCode
}

// source is the pacer of an address: of an IPv6 network a home gets whole.
func (c *Code) source(from netip.Addr, now time.Time) *pacer {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	network, err := from.Prefix(bits)
	if err != nil {
		network = netip.Prefix{}
	}
	if p := c.sources[network]; p != nil {
		return p
	}
	if len(c.sources) >= maxSources {
		for k, p := range c.sources {
			if now.Sub(p.last) > forgetAfter {
				delete(c.sources, k)
			}
		}
	}
	if len(c.sources) >= maxSources {
		network = netip.Prefix{}
		if p := c.sources[network]; p != nil {
			return p
		}
	}
	if c.sources == nil {
		c.sources = make(map[netip.Prefix]*pacer)
	}
	c.sources[network] = new(pacer)
	return c.sources[network]
}

// wait is how long it is until the next guess.
func (p *pacer) wait(now time.Time) time.Duration {
	if now.Sub(p.last) > forgetAfter {
		*p = pacer{}
	}
	return max(p.next.Sub(now), 0)
}

func (p *pacer) mistake(now time.Time, free int, first, most time.Duration) {
	p.mistakes++
	p.last = now
	if over := p.mistakes - free; over > 0 {
		p.next = now.Add(min(first<<min(over-1, 20), most))
	}
}
