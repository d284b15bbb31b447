package discovery

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A busy home asks a few of these each second, and somebody hostile as many as
// the network carries.
func BenchmarkPacket(b *testing.B) {
	browse := ask("_imaps._tcp.local.", dns.TypePTR)
	known := ask("_imaps._tcp.local.", dns.TypePTR)
	known.Answer = []dns.RR{&dns.PTR{Hdr: header("_imaps._tcp.local.", dns.TypePTR, otherTTL), Ptr: "Mail._imaps._tcp.local."}}
	for name, m := range map[string]*dns.Msg{
		"browse":      browse,
		"known":       known,
		"not-for-us":  ask("printer.local.", dns.TypeA),
		"their-words": says(&dns.A{Hdr: header("printer.local.", dns.TypeA, hostTTL), A: []byte{192, 168, 7, 5}}),
	} {
		data, err := m.Pack()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			e, err := newEngine(&Responder{Host: "mailbox", Instance: "Mail", Services: testServices()}, slog.New(slog.NewTextHandler(io.Discard, nil)))
			if err != nil {
				b.Fatal(err)
			}
			e.send = func(datagram) {}
			now := start
			e.setLinks(now, []Link{eth}, nil)
			for !e.state().Claimed {
				now = now.Add(50 * time.Millisecond)
				e.tick(now)
			}
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(10 * time.Millisecond)
				e.packet(now, packet{data: data, from: neighbour, index: eth.Index, group: true})
				e.tick(now)
			}
		})
	}
}
