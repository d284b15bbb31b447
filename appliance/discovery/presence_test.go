package discovery

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestProbing_8_1(t *testing.T) {
	b := newBench(t, eth)
	b.run(3 * time.Second)
	var probes []sent
	for _, s := range b.group() {
		if !s.msg.Response {
			probes = append(probes, s)
		}
	}
	if len(probes) != 3 {
		t.Fatalf("%d probes", len(probes))
	}
	if wait := probes[0].at.Sub(start); wait > 250*time.Millisecond {
		t.Errorf("first probe after %v", wait)
	}
	for i, p := range probes {
		if i > 0 && p.at.Sub(probes[i-1].at) != 250*time.Millisecond {
			t.Errorf("probe %d comes %v after the former", i, p.at.Sub(probes[i-1].at))
		}
		var asked []string
		for _, q := range p.msg.Question {
			if q.Qtype != dns.TypeANY {
				t.Errorf("asks for %v", q)
			}
			asked = append(asked, q.Name)
		}
		slices.Sort(asked)
		if got := strings.Join(asked, " "); got != "20.7.168.192.in-addr.arpa. Mail._imaps._tcp.local. autoconfig.mailbox.local. mailbox.local." {
			t.Errorf("asks for %s", got)
		}
		// Section 8.2: the proposed records, without cache-flush bits (10.2).
		want := "Mail._imaps._tcp.local. SRV 0 0 993 mailbox.local.\nMail._imaps._tcp.local. TXT \"txtvers=1\"\n" +
			"autoconfig.mailbox.local. A 192.168.7.20\nmailbox.local. A 192.168.7.20"
		if got := texts(p.msg.Ns); got != want {
			t.Errorf("proposes\n%s", got)
		}
	}
	first := b.responses()[0]
	if first.at.Sub(probes[2].at) != 250*time.Millisecond {
		t.Errorf("claimed %v after the last probe", first.at.Sub(probes[2].at))
	}
}

func TestAnnouncing_8_3(t *testing.T) {
	b := newBench(t, eth)
	b.run(10 * time.Second)
	all := b.responses()
	if len(all) != 3 || all[1].at.Sub(all[0].at) != time.Second || all[2].at.Sub(all[1].at) != 2*time.Second {
		t.Fatalf("announcements at %v", all)
	}
	for _, s := range all {
		if len(s.msg.Question) != 0 || s.msg.Id != 0 || !s.msg.Authoritative {
			t.Errorf("header %+v", s.msg.MsgHdr)
		}
		want := "!20.7.168.192.in-addr.arpa. PTR mailbox.local.\n!Mail._imaps._tcp.local. SRV 0 0 993 mailbox.local.\n" +
			"!Mail._imaps._tcp.local. TXT \"txtvers=1\"\n!autoconfig.mailbox.local. A 192.168.7.20\n" + hostA +
			"\n_imaps._tcp.local. PTR Mail._imaps._tcp.local.\n_services._dns-sd._udp.local. PTR _imaps._tcp.local."
		if got := texts(s.msg.Answer); got != want {
			t.Errorf("announced\n%s", got)
		}
		for _, r := range s.msg.Answer {
			want := uint32(otherTTL)
			if k := r.Header().Rrtype; k == dns.TypeA || k == dns.TypeSRV || strings.Contains(r.Header().Name, "arpa") {
				want = hostTTL
			}
			if r.Header().Ttl != want {
				t.Errorf("TTL of %v", r)
			}
		}
	}
}

func TestRescue_10_1(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, says(rr(t, "_services._dns-sd._udp.local. 0 IN PTR _imaps._tcp.local.")))
	b.run(time.Second)
	s := b.one(b.group())
	if got := texts(s.msg.Answer); got != "_services._dns-sd._udp.local. PTR _imaps._tcp.local." || s.msg.Answer[0].Header().Ttl != otherTTL {
		t.Errorf("%s", got)
	}
}

func TestGoodbye_10_1(t *testing.T) {
	b := claimed(t)
	b.e.goodbye(b.now)
	s := b.one(b.group())
	if len(s.msg.Answer) != 7 {
		t.Errorf("%d records", len(s.msg.Answer))
	}
	for _, r := range s.msg.Answer {
		if r.Header().Ttl != 0 {
			t.Errorf("%v", r)
		}
	}
	b.out = nil
	b.receive(neighbour, ask("mailbox.local.", dns.TypeA))
	b.run(time.Minute)
	if len(b.out) != 0 {
		t.Error("spoke after its goodbye")
	}
}

func TestSplitsAtMTU_17(t *testing.T) {
	var services []Service
	for _, name := range strings.Fields("_a _b _c _d _e _f _g _h _i _j _k _l") {
		services = append(services, Service{Type: name + "._tcp", Port: 1, Text: []string{strings.Repeat("x", 150)}})
	}
	narrow := eth
	narrow.MTU = 1280
	b := newNamedBench(t, &Responder{Host: "mailbox", Instance: "Mail", Services: services}, narrow)
	b.run(10 * time.Second)
	probes, records := map[string]bool{}, 0
	for _, s := range b.group() {
		if len(s.data) > 1280-ipOverhead {
			t.Errorf("a packet of %d bytes", len(s.data))
		}
		proposed := map[string]bool{}
		for _, r := range s.msg.Ns {
			proposed[r.Header().Name] = true
		}
		for _, q := range s.msg.Question {
			if strings.HasSuffix(q.Name, ".arpa.") {
				continue // only asked for
			}
			probes[q.Name] = true
			if !proposed[q.Name] {
				t.Errorf("the records of %s are in another packet", q.Name)
			}
		}
		if s.at.Sub(start) < 1500*time.Millisecond {
			records += len(s.msg.Answer)
		}
	}
	if len(probes) != 2+12 {
		t.Errorf("%d names probed", len(probes))
	}
	if want := 3 + 4*12; records != want {
		t.Errorf("%d records in the first announcement, want %d", records, want)
	}
}

func TestPerLinkAddresses_14(t *testing.T) {
	b := newBench(t, eth, wlan)
	b.run(10 * time.Second)
	for _, s := range b.responses() {
		got := texts(s.msg.Answer)
		want := map[string]string{"eth0": "192.168.7.20", "wlan0": "192.168.8.20"}
		for name, ip := range want {
			if strings.Contains(got, ip) != (name == s.link) {
				t.Errorf("%s says\n%s", s.link, got)
			}
		}
		if s.link == "wlan0" && !strings.Contains(got, "!mailbox.local. AAAA fd00::20") {
			t.Errorf("no IPv6 address:\n%s", got)
		}
	}
}

// Both interfaces are on the same network (cable and Wi-Fi of one home), so
// every packet comes back on the other one: the box must not quarrel with
// itself, nor take itself for a second responder.
func TestTwoLinksOneNetwork_14(t *testing.T) {
	b := newBench(t, eth, wlan)
	for range 5000 {
		sent := b.out
		b.out = nil
		for _, s := range sent {
			for _, l := range []Link{eth, wlan} {
				from := eth
				if s.link == wlan.Name {
					from = wlan
				}
				b.packet(packet{data: s.data, from: netip.AddrPortFrom(from.Prefixes[0].Addr(), mdnsPort), index: l.Index, group: true})
			}
		}
		b.run(time.Millisecond)
	}
	s := b.e.state()
	if s.Conflict != nil || s.Host != "mailbox" || s.Instance != "Mail" || !s.Links[0].Claimed || !s.Links[1].Claimed || b.e.company {
		t.Errorf("%+v", s)
	}
	if took := b.now.Sub(start); took > 6*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAddressChange_8_4(t *testing.T) {
	b := claimed(t)
	moved := eth
	moved.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.168.7.21/24")}
	b.links(moved)
	b.run(5 * time.Second)
	list := b.group()
	if got := texts(list[0].msg.Answer); !strings.Contains(got, "mailbox.local. A 192.168.7.20") || list[0].msg.Answer[0].Header().Ttl != 0 {
		t.Errorf("the old address was not taken back: %s", got)
	}
	if got := texts(list[1].msg.Answer); !strings.Contains(got, "!mailbox.local. A 192.168.7.21") || list[1].at != list[0].at {
		t.Errorf("the new address was not announced at once: %s", got)
	}
	for _, s := range list {
		if !s.msg.Response {
			t.Error("probed a name that is its own")
		}
	}
}

func TestLinkReturns_8(t *testing.T) {
	b := claimed(t)
	b.links()
	if s := b.e.state(); s.Claimed || s.Trouble == "" {
		t.Errorf("%+v", s)
	}
	b.run(time.Minute)
	replaced := eth
	replaced.Index = 9
	b.links(replaced)
	b.run(2 * time.Second)
	if s := b.e.state(); !s.Claimed || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
	if probes := len(b.group()) - len(b.responses()); probes != 3 {
		t.Errorf("%d probes after the link came back", probes)
	}
}
