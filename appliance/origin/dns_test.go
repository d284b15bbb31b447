package origin

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// zone is a DNS server on loopback: names, without the final dot, to the TXT
// records they have. A record "SERVFAIL" fails, and "SILENCE" is not answered.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	asked   int
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	name := strings.ToLower(strings.TrimSuffix(q.Question[0].Name, "."))
	m := new(dns.Msg)
	m.SetReply(q)
	records, known := z.records[name]
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	for _, text := range records {
		switch {
		case text == "SILENCE":
			return
		case text == "SERVFAIL":
			m.Rcode = dns.RcodeServerFailure
		case q.Question[0].Qtype == dns.TypeTXT && !strings.HasPrefix(text, "A "):
			rr := &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}}
			for ; len(text) > 255; text = text[255:] {
				rr.Txt = append(rr.Txt, text[:255])
			}
			rr.Txt = append(rr.Txt, text)
			m.Answer = append(m.Answer, rr)
		case q.Question[0].Qtype == dns.TypeA && strings.HasPrefix(text, "A "):
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA,
				Class: dns.ClassINET}, A: net.ParseIP(text[2:])})
		}
	}
	w.WriteMsg(m)
}

// serve starts the server, by UDP and TCP, and returns a resolver that asks it.
func (z *zone) serve(t testing.TB) *net.Resolver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: z}, {PacketConn: u, Handler: z}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}}
}
