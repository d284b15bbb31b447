package discovery

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// After maxConflicts renames within conflictWindow each further probe
	// waits conflictPause (RFC 6762 section 8.1).
	maxConflicts   = 15
	conflictWindow = 10 * time.Second
	conflictPause  = 5 * time.Second

	// A host that does not probe and does not give way contradicts us again
	// after each claim; the maxChallenges-th time within challengeWindow we
	// give way, or the name would resolve to both for ever.
	maxChallenges   = 3
	challengeWindow = time.Minute
)

// response looks at what another host says: whether it contradicts us, says
// what we were about to say, or takes back what we still offer.
func (e *engine) response(now time.Time, l *link, p packet, m *dns.Msg) {
	if p.from.Port() != mdnsPort {
		return // section 6: not from a responder
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		if rr.Header().Class&^topBit != dns.ClassINET {
			continue
		}
		if c := e.contradicts(l, rr); c != claimNone {
			e.conflict(now, l, c, p.from.Addr())
			return // the records this packet was compared with are history
		}
	}
	if !l.claimed {
		return
	}
	for _, rr := range m.Answer {
		r := l.set.find(rr)
		switch {
		case r == nil:
		case rr.Header().Ttl == 0:
			// Another host that has the same record goes (section 10.1).
			l.schedule(r, now, e.between(sharedLow, sharedHigh), recordGap)
		case p.group && rr.Header().Ttl >= r.rr.Header().Ttl:
			// It was said for us (section 7.4).
			delete(l.pending, r)
			l.sent[r.key] = now
		}
	}
}

// contradicts reports which of our names rr claims for another host. While we
// probe any record of the name does; once it is ours, one of the types that
// tell where the name leads (section 9). A goodbye never does, nor do records
// that are the same as ours or lead to this machine, as those of a second
// responder on it.
func (e *engine) contradicts(l *link, rr dns.RR) claim {
	c := l.set.claims[nameKey(rr.Header().Name)]
	if c == claimNone || rr.Header().Ttl == 0 || l.set.find(rr) != nil {
		return claimNone
	}
	switch rr := rr.(type) {
	case *dns.A:
		if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok && e.local[ip] {
			return claimNone
		}
		return c
	case *dns.AAAA:
		if ip, ok := netip.AddrFromSlice(rr.AAAA); ok && e.local[ip] {
			return claimNone
		}
		return c
	case *dns.SRV, *dns.TXT:
		return c
	case *dns.NSEC:
		// It goes with records that are judged themselves, and a second
		// responder on this machine lists other types.
		return claimNone
	}
	if l.claimed {
		return claimNone
	}
	return c
}

// conflict gives a name up or fights for it: while probing the holder keeps
// it; after the claim both probe again, and whoever then finds the other
// takes another name (section 9).
func (e *engine) conflict(now time.Time, l *link, c claim, from netip.Addr) {
	n := &e.host
	if c == claimInstance {
		n = &e.instance
	} else {
		e.lastConflict = &Conflict{Name: n.String(), Holder: from, At: now}
	}
	if l.claimed {
		e.challenges = recent(e.challenges, now, challengeWindow)
		if len(e.challenges) < maxChallenges {
			e.log.Warn("mdns: another host uses the name; asking for it again", "name", n.String(), "from", from)
			e.startProbe(l, now)
			return
		}
		e.challenges = nil
	}
	e.conflicts = recent(e.conflicts, now, conflictWindow)
	var pause time.Duration
	if len(e.conflicts) >= maxConflicts {
		pause = conflictPause
	}
	old := n.String()
	n.number++
	e.log.Warn("mdns: another host holds the name; taking the next", "name", old, "from", from, "next", n.String())
	e.restart(now, pause)
}

// recent adds now to times and drops those older than window.
func recent(times []time.Time, now time.Time, window time.Duration) []time.Time {
	times = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) > window })
	return append(times, now)
}
