package discovery

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

const (
	// hostTTL and otherTTL are the times to live RFC 6762 section 10
	// recommends, in seconds: records that hold a host name or address, and
	// the others.
	hostTTL  = 120
	otherTTL = 4500

	// topBit is the cache-flush bit in a record's class and the QU bit in a
	// question's (RFC 6762 sections 10.2 and 5.4).
	topBit = 1 << 15
)

// claim says which of the two names a unique record hangs on.
type claim int

const (
	claimNone claim = iota // shared, or not probed
	claimHost
	claimInstance
)

// record is one resource record of the box. Its rr has a plain class; the
// cache-flush bit is put on when it is sent.
type record struct {
	rr     dns.RR
	name   string // nameKey of its owner
	key    string // identity: name, type and rdata
	unique bool
	claim  claim
}

// recordSet is all the box publishes on one link.
type recordSet struct {
	all    []*record
	byName map[string][]*record
	nsec   map[string]*record // what else a unique name has not
	claims map[string]claim   // names that are probed and defended
}

func newRecord(rr dns.RR, unique bool, c claim) *record {
	return &record{rr: rr, name: nameKey(rr.Header().Name), key: recordKey(rr), unique: unique, claim: c}
}

// recordKey is equal for records that differ in no more than TTL, cache-flush
// bit and the case of their owner's name.
func recordKey(rr dns.RR) string {
	return nameKey(rr.Header().Name) + string(rdataForm(rr))
}

// rdataForm is class (without its top bit), type and uncompressed rdata, the
// order in which RFC 6762 section 8.2 compares records; nil for a record that
// cannot be packed.
func rdataForm(rr dns.RR) []byte {
	rr = dns.Copy(rr)
	h := rr.Header()
	h.Name, h.Ttl = ".", 0
	h.Class &^= topBit
	buf := make([]byte, dns.Len(rr)+16)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil || n < 11 {
		return nil
	}
	// root name (1), type (2), class (2), TTL (4), length (2), rdata
	return append([]byte{buf[3], buf[4], buf[1], buf[2]}, buf[11:n]...)
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// buildRecords makes the records of a link with these addresses, of which the
// named ones get a reverse PTR record.
func buildRecords(host, instance string, services []Service, addrs, named []netip.Addr) *recordSet {
	s := &recordSet{byName: map[string][]*record{}, nsec: map[string]*record{}, claims: map[string]claim{}}
	target := host + ".local."
	for _, name := range []string{target, "autoconfig." + target} {
		for _, ip := range addrs {
			s.add(addressRecord(name, ip), true, claimHost)
		}
	}
	for _, ip := range named {
		// Not claimed: see engine.company.
		if arpa, err := dns.ReverseAddr(ip.String()); err == nil {
			s.add(&dns.PTR{Hdr: header(arpa, dns.TypePTR, hostTTL), Ptr: target}, true, claimNone)
		}
	}
	for _, svc := range services {
		kind := svc.Type + ".local."
		full := escapeLabel(instance) + "." + kind
		text := svc.Text
		if len(text) == 0 {
			text = []string{""}
		}
		s.add(&dns.PTR{Hdr: header("_services._dns-sd._udp.local.", dns.TypePTR, otherTTL), Ptr: kind}, false, claimNone)
		s.add(&dns.PTR{Hdr: header(kind, dns.TypePTR, otherTTL), Ptr: full}, false, claimNone)
		s.add(&dns.SRV{Hdr: header(full, dns.TypeSRV, hostTTL), Port: svc.Port, Target: target}, true, claimInstance)
		s.add(&dns.TXT{Hdr: header(full, dns.TypeTXT, otherTTL), Txt: text}, true, claimInstance)
	}
	for name, recs := range s.byName {
		if recs[0].unique {
			s.nsec[name] = negative(recs)
		}
	}
	return s
}

func addressRecord(name string, ip netip.Addr) dns.RR {
	if ip.Is4() {
		return &dns.A{Hdr: header(name, dns.TypeA, hostTTL), A: ip.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(name, dns.TypeAAAA, hostTTL), AAAA: ip.AsSlice()}
}

// negative is the NSEC record that lists the types a name has (RFC 6762
// section 6.1).
func negative(recs []*record) *record {
	var types []uint16
	ttl := uint32(otherTTL)
	for _, r := range recs {
		types = append(types, r.rr.Header().Rrtype)
		ttl = min(ttl, r.rr.Header().Ttl)
	}
	slices.Sort(types)
	owner := recs[0].rr.Header().Name
	nsec := &dns.NSEC{Hdr: header(owner, dns.TypeNSEC, ttl), NextDomain: owner, TypeBitMap: slices.Compact(types)}
	return newRecord(nsec, true, claimNone)
}

func (s *recordSet) add(rr dns.RR, unique bool, c claim) {
	r := newRecord(rr, unique, c)
	s.all = append(s.all, r)
	s.byName[r.name] = append(s.byName[r.name], r)
	if c != claimNone {
		s.claims[r.name] = c
	}
}

// find returns the record that is the same as rr, or nil.
func (s *recordSet) find(rr dns.RR) *record {
	name, key := nameKey(rr.Header().Name), recordKey(rr)
	for _, r := range s.byName[name] {
		if r.key == key {
			return r
		}
	}
	if r := s.nsec[name]; r != nil && r.key == key {
		return r
	}
	return nil
}

// answer returns the records for a question: an NSEC if the name is ours
// alone and has no such type, nothing if it is not ours.
func (s *recordSet) answer(q dns.Question) []*record {
	if class := q.Qclass &^ topBit; class != dns.ClassINET && class != dns.ClassANY {
		return nil
	}
	name := nameKey(q.Name)
	var out []*record
	for _, r := range s.byName[name] {
		if q.Qtype == dns.TypeANY || q.Qtype == r.rr.Header().Rrtype {
			out = append(out, r)
		}
	}
	if r := s.nsec[name]; r != nil && len(out) == 0 {
		out = append(out, r)
	}
	return out
}

// additional returns what whoever gets the answers will ask for next (RFC
// 6763 section 12): SRV and TXT for a PTR, addresses for an SRV, and what a
// host has not.
func (s *recordSet) additional(answers []*record) []*record {
	given := slices.Clone(answers)
	var extra []*record
	give := func(recs ...*record) {
		for _, r := range recs {
			if r != nil && !slices.Contains(given, r) {
				given, extra = append(given, r), append(extra, r)
			}
		}
	}
	for i := 0; i < len(given); i++ { // given grows: PTR to SRV to address
		switch rr := given[i].rr.(type) {
		case *dns.PTR:
			// An instance; a type or a host behind a PTR needs no company.
			if name := nameKey(rr.Ptr); s.claims[name] == claimInstance {
				give(s.byName[name]...)
			}
		case *dns.SRV:
			name := nameKey(rr.Target)
			give(s.byName[name]...)
			give(s.nsec[name])
		case *dns.A, *dns.AAAA:
			// The other family, or that there is none.
			give(s.byName[given[i].name]...)
			give(s.nsec[given[i].name])
		}
	}
	return extra
}

// proposed returns the records a probe claims for a name, in the order of
// rdataForm.
func (s *recordSet) proposed(name string) []*record {
	recs := slices.Clone(s.byName[name])
	slices.SortFunc(recs, func(a, b *record) int { return bytes.Compare(rdataForm(a.rr), rdataForm(b.rr)) })
	return recs
}
