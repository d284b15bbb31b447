package discovery

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// probeCount probes are sent probeGap apart, and the name is ours probeGap
	// after the last (RFC 6762 section 8.1).
	probeCount = 3
	// tieWait is how long the loser of a tie-break waits before it probes
	// again (section 8.2).
	tieWait = time.Second
)

func (e *engine) startProbe(l *link, at time.Time) {
	l.claimed = false
	l.probes, l.probeAt = 0, at
	l.announced, l.announce = 0, time.Time{}
	l.pending, l.held = map[*record]*pending{}, nil
}

// tickProbe sends the next probe, or claims the names after the last.
func (e *engine) tickProbe(now time.Time, l *link) {
	if l.probeAt.IsZero() || l.probeAt.After(now) {
		return
	}
	if l.probes == probeCount {
		l.probeAt, l.claimed = time.Time{}, true
		e.log.Info("mdns: name claimed", "name", e.host.String()+".local", "services", e.instance.String(), "interface", l.Name)
		e.startAnnounce(l, now)
		return
	}
	l.probes++
	l.probeAt = now.Add(probeGap)
	for _, data := range packProbes(l.set, l.room()) {
		e.out(now, datagram{link: &l.Link, data: data})
	}
}

// simultaneous looks at the records another host proposes in its probe. If it
// proposes, for a name we are probing, a set that sorts later than ours, it
// goes first (section 8.2).
func (e *engine) simultaneous(now time.Time, l *link, from netip.Addr, m *dns.Msg) {
	if l.claimed || l.probes == 0 {
		return
	}
	theirs := map[string][][]byte{}
	for _, rr := range m.Ns {
		name := nameKey(rr.Header().Name)
		if form := rdataForm(rr); form != nil && l.set.claims[name] != claimNone {
			theirs[name] = append(theirs[name], form)
		}
	}
	for name, forms := range theirs {
		var ours [][]byte
		for _, r := range l.set.proposed(name) {
			ours = append(ours, rdataForm(r.rr))
		}
		slices.SortFunc(forms, bytes.Compare)
		if slices.CompareFunc(ours, forms, bytes.Compare) < 0 {
			e.log.Info("mdns: another host probes for the same name and goes first", "name", e.host.String(), "from", from)
			e.startProbe(l, now.Add(tieWait))
			return
		}
	}
}
