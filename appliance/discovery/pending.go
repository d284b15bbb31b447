package discovery

import (
	"slices"
	"strings"
	"time"
)

// pending is a record that will be multicast.
type pending struct {
	due   time.Time // when it is sent at the latest
	ready time.Time // from when on it may go along with others
}

// schedule plans a multicast of r after delay, but not within gap of the last
// one. A record that waits already keeps the earlier time: one answer serves
// everybody who asked (RFC 6762 sections 6.4 and 7.3). A record that was just
// sent is put off, not dropped, because who asks now may not have heard it.
func (l *link) schedule(r *record, now time.Time, delay, gap time.Duration) {
	p := pending{due: now.Add(delay), ready: now}
	if last, ok := l.sent[r.key]; ok {
		if free := last.Add(gap); free.After(now) {
			p.ready = free
		}
	}
	if p.due.Before(p.ready) {
		p.due = p.ready
	}
	if old := l.pending[r]; old != nil {
		p.ready = earlier(p.ready, old.ready)
		p.due = earlier(p.due, old.due)
	}
	l.pending[r] = &p
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// tickPending sends what is due, and with it what may go along.
func (e *engine) tickPending(now time.Time, l *link) {
	var send []*record
	due := false
	for r, p := range l.pending {
		if !p.ready.After(now) {
			send = append(send, r)
			due = due || !p.due.After(now)
		}
	}
	if !due {
		return
	}
	slices.SortFunc(send, func(a, b *record) int { return strings.Compare(a.key, b.key) })
	for _, r := range send {
		delete(l.pending, r)
	}
	e.multicast(now, l, send)
}

// multicast sends answers to the group with the additional records that may
// be sent and fit, and notes when.
func (e *engine) multicast(now time.Time, l *link, answers []*record) {
	extra := slices.DeleteFunc(l.set.additional(answers), func(r *record) bool {
		last, ok := l.sent[r.key]
		return ok && now.Sub(last) < recordGap
	})
	for _, r := range slices.Concat(answers, extra) {
		l.sent[r.key] = now
		delete(l.pending, r)
	}
	for _, data := range packResponse(0, answers, extra, l.room()) {
		e.out(now, datagram{link: &l.Link, data: data})
	}
}
