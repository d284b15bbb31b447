package discovery

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// bench is an engine with its links, the time, and what it sent: raw packets
// go in, raw packets come out.
type bench struct {
	t   *testing.T
	e   *engine
	now time.Time
	out []sent
}

type sent struct {
	at   time.Time
	link string
	to   netip.AddrPort
	msg  *dns.Msg
	data []byte
}

var (
	eth  = Link{Index: 2, Name: "eth0", MTU: 1500, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.7.20/24")}}
	wlan = Link{Index: 3, Name: "wlan0", MTU: 1500, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.8.20/24"), netip.MustParsePrefix("fd00::20/64")}}

	neighbour = netip.MustParseAddrPort("192.168.7.5:5353")
	start     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func newBench(t *testing.T, links ...Link) *bench {
	return newNamedBench(t, &Responder{Host: "mailbox", Instance: "Mail", Services: testServices()[:1]}, links...)
}

func newNamedBench(t *testing.T, r *Responder, links ...Link) *bench {
	t.Helper()
	e, err := newEngine(r, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, e: e, now: start}
	e.send = func(d datagram) {
		m := &dns.Msg{}
		if err := m.Unpack(d.data); err != nil {
			t.Fatalf("sent a packet that cannot be read: %v", err)
		}
		b.out = append(b.out, sent{b.now, d.link.Name, d.to, m, d.data})
	}
	b.links(links...)
	return b
}

// claimed is a bench on eth0 whose names are announced and whose past is
// forgotten.
func claimed(t *testing.T) *bench {
	b := newBench(t, eth)
	b.run(10 * time.Second)
	if s := b.e.state(); !s.Claimed || s.Host != "mailbox" {
		t.Fatalf("not claimed: %+v", s)
	}
	b.out = nil
	return b
}

func (b *bench) links(links ...Link) {
	var local []netip.Addr
	for _, l := range links {
		for _, p := range l.Prefixes {
			local = append(local, p.Addr())
		}
	}
	b.e.setLinks(b.now, links, local)
	b.e.tick(b.now)
}

// run lets time pass.
func (b *bench) run(d time.Duration) {
	end := b.now.Add(d)
	for {
		next := b.e.next()
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(b.now) {
			b.now = next
		}
		b.e.tick(b.now)
	}
	b.now = end
	b.e.tick(b.now)
}

func (b *bench) packet(p packet) {
	if p.index == 0 {
		p.index = eth.Index
	}
	b.e.packet(b.now, p)
	b.e.tick(b.now)
}

// receive gives the engine a message as if multicast on eth0.
func (b *bench) receive(from netip.AddrPort, m *dns.Msg) {
	b.t.Helper()
	data, err := m.Pack()
	if err != nil {
		b.t.Fatal(err)
	}
	b.packet(packet{data: data, from: from, group: true})
}

func ask(name string, kind uint16) *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{{Name: name, Qtype: kind, Qclass: dns.ClassINET}}}
	m.Id = 77
	return m
}

func qu(m *dns.Msg) *dns.Msg {
	m.Question[0].Qclass |= topBit
	return m
}

func rr(t *testing.T, text string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func says(rrs ...dns.RR) *dns.Msg {
	m := &dns.Msg{Answer: rrs}
	m.Response, m.Authoritative = true, true
	return m
}

// group are the messages multicast so far.
func (b *bench) group() []sent {
	return slices.DeleteFunc(slices.Clone(b.out), func(s sent) bool { return s.to.IsValid() })
}

// responses are those of them that are no probes.
func (b *bench) responses() []sent {
	return slices.DeleteFunc(b.group(), func(s sent) bool { return !s.msg.Response })
}

// texts lists records without TTL, sorted.
func texts(rrs []dns.RR) string {
	var out []string
	for _, r := range rrs {
		h := r.Header()
		flush := ""
		if h.Class&topBit != 0 {
			flush = "!"
		}
		data := strings.TrimPrefix(r.String(), h.String())
		out = append(out, fmt.Sprintf("%s%s %s %s", flush, h.Name, dns.TypeToString[h.Rrtype], data))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// one returns the only message of a list.
func (b *bench) one(list []sent) sent {
	b.t.Helper()
	if len(list) != 1 {
		b.t.Fatalf("%d messages, want one: %v", len(list), list)
	}
	return list[0]
}
