package relay

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"posthorn/store"
)

// zoneFile is what the DNS server of the tests knows.
const zoneFile = `
two.example.      60 IN MX 20 second.example.
two.example.      60 IN MX 10 first.example.
first.example.    60 IN A 127.0.0.9
second.example.   60 IN A 127.0.0.1
plain.example.    60 IN A 127.0.0.1
null.example.     60 IN MX 0 .
nulls.example.    60 IN MX 0 .
nulls.example.    60 IN MX 10 .
ours.example.     60 IN MX 10 mailbox.local.
backup.example.   60 IN MX 10 second.example.
backup.example.   60 IN MX 20 us.example.
backup.example.   60 IN MX 30 third.example.
us.example.       60 IN A 127.0.0.7
third.example.    60 IN A 127.0.0.1
xn--bcher-kva.example. 60 IN MX 10 second.example.
sts.example.      60 IN MX 10 first.example.
sts.example.      60 IN MX 20 second.example.
mta-sts.sts.example. 60 IN A 127.0.0.1
`

// zone is a DNS server on a socket of the test's own.
type zone struct {
	t       *testing.T
	addr    string
	records atomic.Pointer[[]dns.RR]
}

// set gives it other records.
func (z *zone) set(file string) {
	z.t.Helper()
	var records []dns.RR
	p := dns.NewZoneParser(strings.NewReader(file), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records = append(records, rr)
	}
	if err := p.Err(); err != nil {
		z.t.Fatal(err)
	}
	z.records.Store(&records)
}

// resolver asks it.
func (z *zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", z.addr)
	}}
}

func newZone(t *testing.T, file string) *zone {
	t.Helper()
	z := &zone{t: t}
	z.set(file)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		name := strings.ToLower(q.Question[0].Name)
		known := false
		for _, rr := range *z.records.Load() {
			if rr.Header().Name == name {
				known = true
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		}
		switch {
		case name == "broken.example.":
			m.Rcode = dns.RcodeServerFailure
		case !known:
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	z.addr = conn.LocalAddr().String()
	return z
}

// resolver asks for what is in zoneFile.
func resolver(t *testing.T) *net.Resolver { return newZone(t, zoneFile).resolver() }

func TestDirect(t *testing.T) {
	o := newOther(t)
	r := newRelay()
	r.Resolver, r.MXPort = resolver(t), int(o.addr.Port())
	r.Own = func(a netip.Addr) bool { return a.String() == "127.0.0.7" }
	for domain, host := range map[string]string{
		"two.example": "second.example", "plain.example": "plain.example", "backup.example": "second.example",
		"bücher.example": "second.example", "[127.0.0.1]": "127.0.0.1",
	} {
		c, err := r.Open(t.Context(), Route{Domain: domain}, false)
		if err != nil {
			t.Errorf("%s: %v", domain, err)
			continue
		}
		if c.host != host {
			t.Errorf("%s: server is %s, want %s", domain, c.host, host)
		}
		c.Close()
	}
	for domain, want := range map[string]struct {
		status, words string
		permanent     bool
	}{
		"null.example":    {"5.1.10", "takes no mail", true},
		"nulls.example":   {"5.1.10", "takes no mail", true},
		"missing.example": {"5.1.2", "does not exist", true},
		"broken.example":  {"4.4.3", "looking up", false},
		"ours.example":    {"5.4.6", "would come back to this box", true},
		"us.example":      {"5.4.6", "would come back to this box", true},
	} {
		_, err := r.Open(t.Context(), Route{Domain: domain}, false)
		wants(t, err, want.status, want.words, want.permanent)
	}
}

// TestOwnAddresses is the rule as it is outside of tests.
func TestOwnAddresses(t *testing.T) {
	r := &Relay{}
	for _, a := range []string{"127.0.0.1", "::1", "0.0.0.0"} {
		if !r.own(netip.MustParseAddr(a)) {
			t.Errorf("%s is not taken for an address of this box", a)
		}
	}
	if r.own(netip.MustParseAddr("192.0.2.1")) {
		t.Error("192.0.2.1 is taken for an address of this box")
	}
}

// TestOpportunisticTLS meets a server that offers TLS and can't do it.
func TestOpportunisticTLS(t *testing.T) {
	o := newOther(t, "STARTTLS")
	o.certify("whoever.example")
	r := newRelay()
	r.Resolver, r.MXPort = resolver(t), int(o.addr.Port())
	route := Route{Domain: "plain.example"}
	c, err := r.Open(t.Context(), route, false)
	if err != nil {
		t.Fatal(err)
	}
	if c.tls == nil {
		t.Error("an unknown certificate kept the connection from being encrypted")
	}
	c.Close()
	o.answer("STARTTLS", "454 4.7.0 not now")
	if c, err = r.Open(t.Context(), route, false); err != nil {
		t.Fatal(err)
	}
	if c.tls != nil {
		t.Error("connection is encrypted though the server would not")
	}
	c.Close()
}

func TestChoose(t *testing.T) {
	hosts := []Smarthost{{Host: "work", Senders: []string{"@Work.example"}}, {Host: "all"}, {Host: "one", Senders: []string{"me@work.example"}}}
	for from, want := range map[string]string{"x@work.example": "work", "ME@work.example": "work", "x@home.example": "all", "": "all"} {
		route, err := Choose(store.SendSmarthost, hosts, from, "far.example")
		if err != nil || route.Smarthost.Host != want {
			t.Errorf("%q goes by %+v, %v; want %s", from, route.Smarthost, err, want)
		}
	}
	if _, err := Choose(store.SendSmarthost, hosts[:1], "x@home.example", "far.example"); err == nil {
		t.Error("mail that no smarthost is for has a way")
	}
	if _, err := Choose(store.SendNone, hosts, "x@home.example", "far.example"); err == nil {
		t.Error("mail has a way though none is set")
	}
}
