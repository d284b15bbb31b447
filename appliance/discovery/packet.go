package discovery

import (
	"github.com/miekg/dns"
)

const (
	// ipOverhead is the IPv6 and UDP header, the larger of the two families.
	ipOverhead = 40 + 8
	// maxRoom and minRoom bound a packet's content: what fits an Ethernet
	// frame, and what every IPv6 link takes.
	maxRoom, minRoom = 1500 - ipOverhead, 1280 - ipOverhead
)

// packResponse packs answers into as many packets of at most room bytes as it
// takes; additional records go only where they fit. A record that is too
// large for a packet goes alone (RFC 6762 section 17).
func packResponse(id uint16, answers, extra []*record, room int) [][]byte {
	var out [][]byte
	m := newResponse(id)
	flush := func() {
		if data, err := m.Pack(); err == nil && len(m.Answer) > 0 {
			out = append(out, data)
		}
		m = newResponse(id)
	}
	for _, r := range answers {
		m.Answer = append(m.Answer, wire(r))
		if m.Len() > room && len(m.Answer) > 1 {
			m.Answer = m.Answer[:len(m.Answer)-1]
			flush()
			m.Answer = append(m.Answer, wire(r))
		}
	}
	for _, r := range extra {
		m.Extra = append(m.Extra, wire(r))
		if m.Len() > room {
			m.Extra = m.Extra[:len(m.Extra)-1]
		}
	}
	flush()
	return out
}

func newResponse(id uint16) *dns.Msg {
	m := &dns.Msg{Compress: true}
	m.Id, m.Response, m.Authoritative = id, true, true
	return m
}

// wire is the record as it is sent: unique ones with the cache-flush bit.
func wire(r *record) dns.RR {
	rr := dns.Copy(r.rr)
	if r.unique {
		rr.Header().Class |= topBit
	}
	return rr
}

// packProbes packs a question for each name that is claimed, with the records
// proposed for it in the authority section of the same packet (section 8.2).
// An address's reverse name is asked for only to hear who else on this machine
// names it (see engine.company). The questions are not QU: a unicast reply to a port that several sockets
// share may reach the wrong one (section 15.1).
func packProbes(s *recordSet, room int) [][]byte {
	var out [][]byte
	m := &dns.Msg{Compress: true}
	flush := func() {
		if data, err := m.Pack(); err == nil && len(m.Question) > 0 {
			out = append(out, data)
		}
		m = &dns.Msg{Compress: true}
	}
	done := map[string]bool{}
	for _, r := range s.all {
		if !r.unique || done[r.name] {
			continue
		}
		done[r.name] = true
		before := *m
		ask := func() {
			m.Question = append(m.Question, dns.Question{Name: r.rr.Header().Name, Qtype: dns.TypeANY, Qclass: dns.ClassINET})
			if r.claim == claimNone {
				return
			}
			for _, p := range s.proposed(r.name) {
				m.Ns = append(m.Ns, p.rr)
			}
		}
		ask()
		if m.Len() > room && len(before.Question) > 0 {
			*m = before
			flush()
			ask()
		}
	}
	flush()
	return out
}
