package login

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Limits of the guard. Growing delays start after freeMistakes wrong
// passwords and double up to the most an answer is held back.
const (
	freeMistakes    = 5                      // wrong passwords without delay
	firstDelay      = 250 * time.Millisecond // after the next one; doubles with each
	maxSourceDelay  = 10 * time.Second       // between two attempts from one source
	maxAccountDelay = 5 * time.Second        // added for strangers while an account is under attack
	forgetAfter     = 15 * time.Minute       // without a mistake, one half is forgiven
	maxWaiting      = 8                      // attempts from one source at once
	slowPause       = 250 * time.Millisecond // before one too many is told so; else it would be back at once, for ever
	maxStrangers    = 64                     // attempts by strangers at once, all sources together
	maxGates        = 4096                   // sources remembered
	maxTargets      = 1024                   // account names remembered
	maxTrusted      = 1024                   // pairs of address and account remembered
	trustFor        = 30 * 24 * time.Hour    // since the pair's last login
)

// MaxDelay is the longest that an answer is held back for one attempt that
// is alone; each further attempt waiting at the same source adds up to 10
// seconds, and with more than 8 waiting the next gets a [*SlowError] after a
// quarter of a second.
const MaxDelay = maxSourceDelay + maxAccountDelay

// verdict is what an attempt taught the guard.
type verdict int

const (
	unknown  verdict = iota // not looked at
	correct                 // the password is right
	guessed                 // wrong, and not seen before
	repeated                // wrong, and known to be: teaches a guesser nothing
)

// gateKey names who is made to wait. A stranger is a network (an IPv4
// address, an IPv6 /64) and shares one gate for all accounts. An address
// that has logged in to an account has a gate of its own for that account.
type gateKey struct {
	network netip.Prefix
	account string // "" for strangers
}

// pair is an address that has logged in to an account.
type pair struct {
	addr    netip.Addr
	account string
}

// source is where an attempt comes from.
type source struct {
	addr    netip.Addr
	target  string // account name tried
	key     gateKey
	trusted bool
}

// guard slows guessers. It holds nothing but memory: after a restart
// everybody is a stranger with a clean record.
type guard struct {
	trusted memory[pair, time.Time] // until when

	mu        sync.Mutex
	gates     memory[gateKey, *gate] // the gates are guarded by mu
	targets   memory[string, *gate]
	strangers int // attempts by strangers under way
}

// gate counts the mistakes of one source, or against one account.
type gate struct {
	mistakes int
	last     time.Time // of the last mistake, or of the last forgiveness
	next     time.Time // when the next attempt may be looked at
	waiting  int       // attempts under way
}

func (g *guard) init() {
	g.trusted.limit = maxTrusted
	g.gates.limit = maxGates
	g.targets.limit = maxTargets
}

// source classifies an attempt from addr on the account name.
func (g *guard) source(addr netip.Addr, name string) source {
	addr = addr.Unmap().WithZone("")
	s := source{addr: addr, target: name}
	if until, ok := g.trusted.get(pair{addr, name}); ok && time.Now().Before(until) {
		s.trusted = true
		s.key = gateKey{netip.PrefixFrom(addr, addr.BitLen()), name}
		return s
	}
	s.key = gateKey{network: network(addr)}
	return s
}

// network returns what one stranger is taken to control: the address for
// IPv4 and link-local IPv6, else the /64.
func network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLinkLocalUnicast() && !addr.IsLoopback() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: a Unix socket or a caller's mistake
	}
	return p
}

// admit waits until the attempt may be looked at. The caller must call leave
// once with what came of it. The wait is the same for a right and a wrong
// password, so that it tells nothing; an attempt given up keeps its place in
// time, so that hanging up is no way to guess faster.
func (g *guard) admit(ctx context.Context, s source) (leave func(verdict), err error) {
	wait, err := g.reserve(s, time.Now())
	if err != nil {
		pause(ctx, slowPause)
		return nil, err
	}
	if err := pause(ctx, wait); err != nil {
		g.leave(s, unknown)
		return nil, err
	}
	return func(v verdict) { g.leave(s, v) }, nil
}

// pause waits for d, or until ctx ends, whose error it returns then.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve takes a place at the source's gate and returns how long to wait.
func (g *guard) reserve(s source, now time.Time) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.gate(s.key, now)
	if t.waiting >= maxWaiting {
		return 0, &SlowError{RetryAfter: max(t.next.Sub(now), time.Second)}
	}
	if !s.trusted && g.strangers >= maxStrangers {
		return 0, &SlowError{RetryAfter: maxSourceDelay}
	}
	begin := now
	if t.next.After(begin) {
		begin = t.next
	}
	// Attempts under way count as mistakes until they prove otherwise: a
	// burst must not slip through before the first one is judged.
	t.next = begin.Add(delay(t.mistakes+t.waiting, maxSourceDelay))
	t.waiting++
	wait := begin.Sub(now)
	if s.trusted {
		return wait, nil
	}
	g.strangers++
	if t, ok := g.targets.get(s.target); ok {
		t.forgive(now)
		wait += delay(t.mistakes, maxAccountDelay)
	}
	return wait, nil
}

// leave gives the place back and learns from the verdict.
func (g *guard) leave(s source, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	t := g.gate(s.key, now)
	t.waiting = max(t.waiting-1, 0)
	if !s.trusted {
		g.strangers--
	}
	if v == guessed {
		t.blame(now)
		if !s.trusted {
			target, ok := g.targets.get(s.target)
			if !ok {
				target = &gate{last: now}
				g.targets.put(s.target, target)
			}
			target.blame(now)
		}
	}
	if t.mistakes < freeMistakes && t.waiting == 0 {
		t.next = time.Time{} // the burst was innocent
	}
}

// gate returns the gate for key, with old mistakes forgiven.
func (g *guard) gate(key gateKey, now time.Time) *gate {
	t, ok := g.gates.get(key)
	if !ok {
		t = &gate{last: now}
		g.gates.put(key, t)
	}
	t.forgive(now)
	return t
}

// trust remembers that the account was logged in to from the address, and
// tells whether that is news.
func (g *guard) trust(s source) bool {
	g.trusted.put(pair{s.addr, s.target}, time.Now().Add(trustFor))
	return !s.trusted
}

// distrust forgets the addresses that have logged in to the account.
func (g *guard) distrust(account string) {
	g.trusted.drop(func(p pair) bool { return p.account == account })
}

func (t *gate) blame(now time.Time) {
	t.mistakes = min(t.mistakes+1, 64)
	t.last = now
}

// forgive halves the mistakes for each quiet period.
func (t *gate) forgive(now time.Time) {
	for t.mistakes > 0 && now.Sub(t.last) >= forgetAfter {
		t.mistakes /= 2
		t.last = t.last.Add(forgetAfter)
	}
}

// delay is the pause that so many mistakes have earned.
func delay(mistakes int, most time.Duration) time.Duration {
	n := mistakes - freeMistakes
	if n < 0 {
		return 0
	}
	if n > 10 {
		return most
	}
	return min(firstDelay<<n, most)
}
