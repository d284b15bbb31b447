package discovery

import (
	"net/netip"
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
