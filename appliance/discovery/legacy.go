package discovery

import (
	"time"

	"github.com/miekg/dns"
)

// legacyTTL is the most an ordinary DNS client is told to keep an answer, in
// seconds, because it will not hear of a change (RFC 6762 section 6.7).
const legacyTTL = 10

// legacy answers a client that does not speak from port 5353 (Android's
// resolver, dig) the way a DNS server would: to itself alone, with its ID and
// question, without cache-flush bits, and with an empty answer in place of an
// NSEC record.
func (e *engine) legacy(now time.Time, l *link, p packet, m *dns.Msg) {
	var answers, found []*record
	for _, q := range m.Question {
		found = append(found, l.set.answer(q)...)
	}
	if len(found) == 0 || !e.unicasts.take(now, unicastsPerSecond) {
		return
	}
	for _, r := range found {
		if r.rr.Header().Rrtype != dns.TypeNSEC {
			answers = append(answers, r)
		}
	}
	reply := &dns.Msg{Question: m.Question, Compress: true}
	reply.Id, reply.Response, reply.Authoritative = m.Id, true, true
	for _, r := range unknown(answers, m.Answer) {
		reply.Answer = append(reply.Answer, legacyRecord(r))
	}
	for _, r := range l.set.additional(answers) {
		if r.rr.Header().Rrtype != dns.TypeNSEC {
			reply.Extra = append(reply.Extra, legacyRecord(r))
		}
	}
	size := l.room()
	if reply.Len() > size {
		reply.Extra = nil
	}
	if reply.Len() > size {
		reply.Truncate(size)
	}
	if data, err := reply.Pack(); err == nil {
		e.out(now, datagram{link: &l.Link, to: p.from, data: data})
	}
}

func legacyRecord(r *record) dns.RR {
	rr := dns.Copy(r.rr)
	rr.Header().Ttl = min(rr.Header().Ttl, legacyTTL)
	return rr
}
