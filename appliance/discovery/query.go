package discovery

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	mdnsPort = 5353

	// sharedLow and sharedHigh bound the random wait before an answer others
	// may give too (RFC 6762 section 6).
	sharedLow, sharedHigh = 20 * time.Millisecond, 120 * time.Millisecond
	// recordGap is the least time between two multicasts of a record on a
	// link; probeGap is that for the defence of a name (section 6).
	recordGap, probeGap = time.Second, 250 * time.Millisecond

	// unicastsPerSecond caps answers to single hosts, which a liar could have
	// us send to another.
	unicastsPerSecond = 100
)

// query answers a query, or holds it if its known answers are not complete.
func (e *engine) query(now time.Time, l *link, p packet, m *dns.Msg) {
	if len(m.Ns) > 0 {
		e.simultaneous(now, l, p.from.Addr(), m)
	}
	if !l.claimed {
		return // nothing may be said for a name that is not ours yet
	}
	if p.from.Port() != mdnsPort {
		if l.onLink(p.from.Addr()) {
			e.legacy(now, l, p, m)
		}
		return
	}
	if e.hold(now, l, p, m) {
		return
	}
	e.answer(now, l, p, m)
}

// answer decides for each question whether the answer goes to the group, to
// the asker, or is left to the base.
func (e *engine) answer(now time.Time, l *link, p packet, m *dns.Msg) {
	probe := len(m.Ns) > 0
	var direct, group []*record
	delay := false
	for _, q := range m.Question {
		recs := unknown(l.set.answer(q), m.Answer)
		unicast := q.Qclass&topBit != 0 || !p.group
		for _, r := range recs {
			delay = delay || !r.unique
			// A unicast answer alone would let others' caches run dry
			// (section 5.4).
			if !unicast || now.Sub(l.sent[r.key]) > time.Duration(r.rr.Header().Ttl)*time.Second/4 {
				group = append(group, r)
			}
		}
		if unicast && !e.base.answers(l, p, m) {
			direct = append(direct, recs...)
		}
	}
	if len(direct) > 0 {
		e.unicast(now, l, p.from, m.Id, direct)
	}
	for _, r := range group {
		switch {
		case probe:
			l.schedule(r, now, 0, probeGap)
		case delay:
			l.schedule(r, now, e.between(sharedLow, sharedHigh), recordGap)
		default:
			l.schedule(r, now, 0, recordGap)
		}
	}
}

// unknown drops the records the asker has already with at least half their
// time to live (section 7.1).
func unknown(recs []*record, known []dns.RR) []*record {
	if len(known) == 0 {
		return recs
	}
	have := map[string]uint32{}
	for _, rr := range known {
		key := recordKey(rr)
		have[key] = max(have[key], rr.Header().Ttl)
	}
	var out []*record
	for _, r := range recs {
		if ttl, ok := have[r.key]; !ok || ttl < r.rr.Header().Ttl/2 {
			out = append(out, r)
		}
	}
	return out
}

// unicast answers one host in the form of section 18: the query's ID, no
// question, cache-flush bits as in a multicast.
func (e *engine) unicast(now time.Time, l *link, to netip.AddrPort, id uint16, answers []*record) {
	if !e.unicasts.take(now, unicastsPerSecond) {
		return
	}
	for _, data := range packResponse(id, answers, l.set.additional(answers), l.room()) {
		e.out(now, datagram{link: &l.Link, to: to, data: data})
	}
}

// budget counts what was done in the present second.
type budget struct {
	second time.Time
	used   int
}

// take reports whether one more may be done.
func (b *budget) take(now time.Time, perSecond int) bool {
	if now.Sub(b.second) >= time.Second || now.Before(b.second) {
		*b = budget{second: now}
	}
	b.used++
	return b.used <= perSecond
}
