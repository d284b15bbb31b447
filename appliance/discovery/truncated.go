package discovery

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// heldLow and heldHigh bound the wait for more known answers after a
	// truncated query (RFC 6762 section 7.2).
	heldLow, heldHigh = 400 * time.Millisecond, 500 * time.Millisecond
	// maxHeld is how many truncated queries are held on a link at a time, and
	// maxKnown how many records each may gather; what comes beyond is answered
	// with what is there.
	maxHeld, maxKnown = 16, 512
)

// heldQuery is a query whose known answers are still coming.
type heldQuery struct {
	from  netip.AddrPort
	first packet
	msg   *dns.Msg // the questions and all known answers so far
	due   time.Time
}

// hold takes a truncated query, or a packet that continues one, and reports
// whether it did.
func (e *engine) hold(now time.Time, l *link, p packet, m *dns.Msg) bool {
	for _, h := range l.held {
		if h.from != p.from {
			continue
		}
		if len(m.Question) > 0 && !m.Truncated {
			break // a new query of its own
		}
		h.msg.Question = append(h.msg.Question, m.Question...)
		h.msg.Answer = append(h.msg.Answer, m.Answer...)
		if m.Truncated && len(h.msg.Answer) < maxKnown {
			h.due = now.Add(e.between(heldLow, heldHigh))
		}
		return true
	}
	if !m.Truncated || len(l.held) >= maxHeld {
		return false
	}
	l.held = append(l.held, &heldQuery{from: p.from, first: p, msg: m, due: now.Add(e.between(heldLow, heldHigh))})
	return true
}

// tickHeld answers the queries that waited long enough.
func (e *engine) tickHeld(now time.Time, l *link) {
	var due []*heldQuery
	l.held = slices.DeleteFunc(l.held, func(h *heldQuery) bool {
		if h.due.After(now) {
			return false
		}
		due = append(due, h)
		return true
	})
	for _, h := range due {
		e.answer(now, l, h.first, h.msg)
	}
}
