package discovery

import (
	"time"

	"github.com/miekg/dns"
)

// announceCount announcements are made, after 0, 1 and 3 seconds (RFC 6762
// section 8.3).
const announceCount = 3

func (e *engine) startAnnounce(l *link, at time.Time) {
	l.announced, l.announce = 0, at
}

// tickAnnounce multicasts all records unasked.
func (e *engine) tickAnnounce(now time.Time, l *link) {
	if l.announce.IsZero() || l.announce.After(now) {
		return
	}
	l.announced++
	l.announce = time.Time{}
	if l.announced < announceCount {
		l.announce = now.Add(time.Second << (l.announced - 1))
	}
	for _, r := range l.set.all {
		l.schedule(r, now, 0, recordGap)
	}
}

// goodbye takes back everything on all links (section 10.1) and answers
// nothing from then on.
func (e *engine) goodbye(now time.Time) {
	for _, l := range e.sorted() {
		if l.claimed {
			e.withdraw(now, l, l.set.all)
		}
	}
	clear(e.links)
}

// retract takes back the records of old that the link has no more.
func (e *engine) retract(now time.Time, l *link, old *recordSet) {
	var gone []*record
	for _, r := range old.all {
		if l.set.find(r.rr) == nil {
			gone = append(gone, r)
		}
	}
	e.withdraw(now, l, gone)
}

func (e *engine) withdraw(now time.Time, l *link, recs []*record) {
	var ended []*record
	for _, r := range recs {
		rr := dns.Copy(r.rr)
		rr.Header().Ttl = 0
		// Without the cache-flush bit: it would throw out the fellows of the
		// record as well, such as the address that stays.
		ended = append(ended, &record{rr: rr, name: r.name, key: r.key})
	}
	for _, data := range packResponse(0, ended, nil, l.room()) {
		e.out(now, datagram{link: &l.Link, data: data})
	}
}
