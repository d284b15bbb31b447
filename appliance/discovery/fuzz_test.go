package discovery

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzPacket: whatever arrives, in whatever state, nothing is sent that could
// not be read or is longer than a packet, and after a minute of peace the box
// is announced again under some name.
func FuzzPacket(f *testing.F) {
	probe := ask("mailbox.local.", dns.TypeANY)
	probe.Ns = []dns.RR{&dns.A{Hdr: header("mailbox.local.", dns.TypeA, 120), A: []byte{192, 168, 7, 99}}}
	truncated := ask("_imaps._tcp.local.", dns.TypePTR)
	truncated.Truncated = true
	for _, m := range []*dns.Msg{
		ask("mailbox.local.", dns.TypeA), qu(ask("_services._dns-sd._udp.local.", dns.TypePTR)), probe, truncated,
		says(&dns.A{Hdr: header("mailbox.local.", dns.TypeA, 120), A: []byte{192, 168, 7, 5}}),
	} {
		data, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint16(5353), true, uint16(900))
	}
	f.Fuzz(func(t *testing.T, data []byte, port uint16, group bool, after uint16) {
		b := newBench(t, eth)
		b.run(time.Duration(after%2000) * time.Millisecond)
		p := packet{data: data, from: netip.AddrPortFrom(neighbour.Addr(), port), group: group}
		b.packet(p)
		b.packet(p)
		b.run(time.Minute)
		for _, s := range b.out {
			if len(s.data) > maxRoom {
				t.Errorf("a packet of %d bytes", len(s.data))
			}
		}
		if len(b.out) > 200 {
			t.Errorf("%d packets sent", len(b.out))
		}
		if !b.e.state().Claimed {
			t.Error("not announced a minute later")
		}
	})
}
