package discovery

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Each test is one rule of RFC 6762, named with its section.

const (
	hostA    = "!mailbox.local. A 192.168.7.20"
	hostNSEC = "!mailbox.local. NSEC mailbox.local. A"
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

func TestMulticastAnswer_6(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, ask("mailbox.local.", dns.TypeA))
	s := b.one(b.group())
	if s.at != b.now {
		t.Errorf("a unique record was delayed by %v", s.at.Sub(b.now))
	}
	if got := texts(s.msg.Answer); got != hostA || s.msg.Id != 0 || len(s.msg.Question) != 0 {
		t.Errorf("%v", s.msg)
	}
	if got := texts(s.msg.Extra); got != hostNSEC {
		t.Errorf("additional %s", got)
	}
}

func TestSharedAnswerWaits_6(t *testing.T) {
	b := claimed(t)
	asked := b.now
	b.receive(neighbour, ask("_imaps._tcp.local.", dns.TypePTR))
	if len(b.out) != 0 {
		t.Fatal("answered at once")
	}
	b.run(time.Second)
	s := b.one(b.group())
	if wait := s.at.Sub(asked); wait < 20*time.Millisecond || wait > 120*time.Millisecond {
		t.Errorf("answered after %v", wait)
	}
	if got := texts(s.msg.Answer); got != "_imaps._tcp.local. PTR Mail._imaps._tcp.local." {
		t.Errorf("answer %s", got)
	}
	// RFC 6763 section 12.1
	want := "!Mail._imaps._tcp.local. SRV 0 0 993 mailbox.local.\n!Mail._imaps._tcp.local. TXT \"txtvers=1\"\n" + hostA + "\n" + hostNSEC
	if got := texts(s.msg.Extra); got != want {
		t.Errorf("additional\n%s", got)
	}
}

func TestRateLimit_6(t *testing.T) {
	b := claimed(t)
	for range 20 {
		b.receive(neighbour, ask("mailbox.local.", dns.TypeA))
		b.run(100 * time.Millisecond)
	}
	b.run(2 * time.Second)
	list := b.group()
	if len(list) < 2 || len(list) > 3 {
		t.Errorf("%d answers in 2 s", len(list))
	}
	for i := 1; i < len(list); i++ {
		if gap := list[i].at.Sub(list[i-1].at); gap < time.Second {
			t.Errorf("the record was multicast again after %v", gap)
		}
	}
}

func TestProbeIsAnsweredSooner_6(t *testing.T) {
	b := claimed(t)
	probe := ask("mailbox.local.", dns.TypeANY)
	probe.Ns = []dns.RR{rr(t, "mailbox.local. 120 IN A 192.168.7.99")}
	for range 4 {
		b.receive(neighbour, probe)
		b.run(250 * time.Millisecond)
	}
	list := b.group()
	if len(list) != 4 {
		t.Fatalf("%d answers to four probes", len(list))
	}
	if got := texts(list[0].msg.Answer); got != hostA {
		t.Errorf("answer %s", got)
	}
}

func TestDuplicateQuestions_7_3(t *testing.T) {
	b := claimed(t)
	for i := range 5 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 7, byte(30 + i)}), mdnsPort)
		b.receive(from, ask("_imaps._tcp.local.", dns.TypePTR))
	}
	b.run(time.Second)
	b.one(b.group())
}

func TestSeveralQuestionsOneAnswer_6_3(t *testing.T) {
	b := claimed(t)
	m := ask("_imaps._tcp.local.", dns.TypePTR)
	m.Question = append(m.Question, ask("mailbox.local.", dns.TypeA).Question...)
	b.receive(neighbour, m)
	b.run(time.Second)
	if got := texts(b.one(b.group()).msg.Answer); !strings.Contains(got, hostA) || !strings.Contains(got, "_imaps._tcp.local. PTR") {
		t.Errorf("%s", got)
	}
}

func TestUnicastAnswer_5_4(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, qu(ask("mailbox.local.", dns.TypeA)))
	s := b.one(b.out)
	if s.to != neighbour || s.msg.Id != 77 || len(s.msg.Question) != 0 || texts(s.msg.Answer) != hostA {
		t.Errorf("to %v: %v", s.to, s.msg)
	}
	// Not multicast for a quarter of its TTL: everybody gets it.
	b.run(hostTTL / 4 * time.Second)
	b.out = nil
	b.receive(neighbour, qu(ask("mailbox.local.", dns.TypeA)))
	if len(b.out) != 2 || texts(b.one(b.group()).msg.Answer) != hostA {
		t.Errorf("%v", b.out)
	}
}

func TestDirectQuery_5_5(t *testing.T) {
	b := claimed(t)
	data, err := ask("mailbox.local.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	b.packet(packet{data: data, from: neighbour})
	if s := b.one(b.out); s.to != neighbour {
		t.Errorf("answered to %v", s.to)
	}
	b.out = nil
	b.packet(packet{data: data, from: netip.MustParseAddrPort("203.0.113.9:5353")}) // section 11
	b.packet(packet{data: data, from: netip.MustParseAddrPort("203.0.113.9:40000"), group: true})
	if len(b.out) != 0 {
		t.Errorf("answered a stranger: %v", b.out)
	}
}

func TestLegacyUnicast_6_7(t *testing.T) {
	b := claimed(t)
	phone := netip.MustParseAddrPort("192.168.7.8:40123")
	b.receive(phone, ask("MailBox.LOCAL.", dns.TypeA))
	s := b.one(b.out)
	if s.to != phone || s.msg.Id != 77 || len(s.msg.Question) != 1 || s.msg.Question[0].Name != "MailBox.LOCAL." {
		t.Errorf("to %v: %v", s.to, s.msg)
	}
	if got := texts(s.msg.Answer); got != "mailbox.local. A 192.168.7.20" || s.msg.Answer[0].Header().Ttl > 10 {
		t.Errorf("answer %v", s.msg.Answer)
	}
	b.out = nil
	b.receive(phone, ask("mailbox.local.", dns.TypeAAAA))
	s = b.one(b.out)
	if len(s.msg.Answer) != 0 || len(s.msg.Question) != 1 || s.msg.Rcode != dns.RcodeSuccess {
		t.Errorf("for a type it has not: %v", s.msg)
	}
	b.out = nil
	b.receive(phone, ask("other.local.", dns.TypeA))
	if len(b.out) != 0 {
		t.Error("answered for another's name")
	}
}

func TestLegacyBudget(t *testing.T) {
	b := claimed(t)
	for range 3 * unicastsPerSecond {
		b.receive(netip.MustParseAddrPort("192.168.7.8:40123"), ask("mailbox.local.", dns.TypeA))
	}
	if len(b.out) != unicastsPerSecond {
		t.Errorf("%d answers within a second", len(b.out))
	}
}

func TestNegative_6_1(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, ask("mailbox.local.", dns.TypeAAAA))
	if got := texts(b.one(b.group()).msg.Answer); got != hostNSEC {
		t.Errorf("%s", got)
	}
	b.run(2 * time.Second)
	b.out = nil
	b.receive(neighbour, ask("Mail._imaps._tcp.local.", dns.TypeA))
	if got := texts(b.one(b.group()).msg.Answer); got != "!Mail._imaps._tcp.local. NSEC Mail._imaps._tcp.local. TXT SRV" {
		t.Errorf("%s", got)
	}
	b.out = nil
	b.receive(neighbour, ask("_imaps._tcp.local.", dns.TypeA)) // shared: nobody can say no
	b.run(time.Second)
	if len(b.out) != 0 {
		t.Errorf("%v", b.out)
	}
}

func TestCaseAndEscapes_16(t *testing.T) {
	b := newNamedBench(t, &Responder{Host: "mailbox", Instance: `Müllers' "Mail" (1.0; a@b) \o/`, Services: testServices()[:1]}, eth)
	b.run(10 * time.Second)
	b.out = nil
	b.receive(neighbour, ask("_IMAPS._TCP.Local.", dns.TypePTR))
	b.run(time.Second)
	answer := b.one(b.group()).msg
	ptr, ok := answer.Answer[0].(*dns.PTR)
	if !ok {
		t.Fatal(answer)
	}
	var raw [256]byte
	if _, err := dns.PackDomainName(ptr.Ptr, raw[:], 0, nil, false); err != nil {
		t.Fatal(err)
	}
	label := string(raw[1 : 1+raw[0]])
	if label != `Müllers' "Mail" (1.0; a@b) \o/` {
		t.Errorf("label %q", label)
	}
	b.run(2 * time.Second)
	for _, name := range []string{ptr.Ptr, strings.ToUpper(ptr.Ptr)} {
		b.out = nil
		b.receive(neighbour, ask(name, dns.TypeSRV))
		if got := b.one(b.group()).msg.Answer; len(got) != 1 || got[0].(*dns.SRV).Port != 993 {
			t.Errorf("%s: %v", name, got)
		}
		b.run(2 * time.Second)
	}
}

func TestKnownAnswers_7_1(t *testing.T) {
	b := claimed(t)
	for ttl, answered := range map[string]bool{"4500": false, "2250": false, "2249": true} {
		b.run(2 * time.Second)
		b.out = nil
		m := ask("_imaps._tcp.local.", dns.TypePTR)
		m.Answer = []dns.RR{rr(t, "_IMAPS._tcp.local. "+ttl+" IN PTR Mail._imaps._tcp.local.")}
		b.receive(neighbour, m)
		b.run(time.Second)
		if (len(b.out) > 0) != answered {
			t.Errorf("known with TTL %s: %d answers", ttl, len(b.out))
		}
	}
}

func TestTruncatedQuery_7_2(t *testing.T) {
	b := claimed(t)
	first := ask("_imaps._tcp.local.", dns.TypePTR)
	first.Truncated = true
	first.Answer = []dns.RR{rr(t, "_imaps._tcp.local. 4500 IN PTR Other._imaps._tcp.local.")}
	more := &dns.Msg{Answer: []dns.RR{rr(t, "_imaps._tcp.local. 4500 IN PTR Mail._imaps._tcp.local.")}}
	b.receive(neighbour, first)
	b.run(100 * time.Millisecond)
	b.receive(neighbour, more)
	b.run(2 * time.Second)
	if len(b.out) != 0 {
		t.Fatalf("answered what the second packet knows: %v", b.out)
	}
	asked := b.now
	b.receive(neighbour, first)
	b.run(100 * time.Millisecond)
	b.receive(netip.MustParseAddrPort("192.168.7.6:5353"), more) // somebody else's
	b.run(2 * time.Second)
	if wait := b.one(b.group()).at.Sub(asked); wait < 400*time.Millisecond || wait > 620*time.Millisecond {
		t.Errorf("answered after %v", wait)
	}
	for i := range 3 * maxHeld {
		b.receive(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 7, byte(30 + i)}), mdnsPort), first)
	}
	if n := len(b.e.links[eth.Index].held); n != maxHeld {
		t.Errorf("%d queries held", n)
	}
}

func TestDuplicateAnswer_7_4(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, ask("_services._dns-sd._udp.local.", dns.TypePTR))
	b.receive(netip.MustParseAddrPort("192.168.7.6:5353"), says(rr(t, "_services._dns-sd._udp.local. 4500 IN PTR _imaps._tcp.local.")))
	b.run(time.Second)
	if len(b.out) != 0 {
		t.Errorf("said again what was just said: %v", b.out)
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

func TestHeader_18(t *testing.T) {
	b := claimed(t)
	for name, change := range map[string]func(*dns.Msg){
		"opcode": func(m *dns.Msg) { m.Opcode = dns.OpcodeStatus },
		"rcode":  func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure },
		"class":  func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
	} {
		m := ask("mailbox.local.", dns.TypeA)
		change(m)
		b.receive(neighbour, m)
		if len(b.out) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
	b.packet(packet{data: []byte{1, 2, 3}, from: neighbour, group: true})
	any := ask("mailbox.local.", dns.TypeA)
	any.Question[0].Qclass = dns.ClassANY
	b.receive(neighbour, any)
	if len(b.out) != 1 {
		t.Error("class ANY was not answered")
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
