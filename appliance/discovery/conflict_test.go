package discovery

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestHolderKeepsTheName_8_1(t *testing.T) {
	b := newBench(t, eth)
	b.run(600 * time.Millisecond)
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
	// Answers to our other probes that were under way as well.
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN AAAA fe80::5")))
	b.run(5 * time.Second)
	s := b.e.state()
	if s.Host != "mailbox-2" || !s.Claimed || s.Instance != "Mail" || s.Wanted != "mailbox" {
		t.Errorf("%+v", s)
	}
	if s.Conflict == nil || s.Conflict.Name != "mailbox" || s.Conflict.Holder != neighbour.Addr() {
		t.Errorf("%+v", s.Conflict)
	}
	last := b.responses()[len(b.responses())-1]
	for _, want := range []string{"!mailbox-2.local. A", "!autoconfig.mailbox-2.local. A", "SRV 0 0 993 mailbox-2.local."} {
		if !strings.Contains(texts(last.msg.Answer), want) {
			t.Errorf("no %s in\n%s", want, texts(last.msg.Answer))
		}
	}
}

func TestInstanceConflict_9(t *testing.T) {
	b := newBench(t, eth)
	b.run(600 * time.Millisecond)
	b.receive(neighbour, says(rr(t, "Mail._imaps._tcp.local. 120 IN SRV 0 0 993 other.local.")))
	b.run(5 * time.Second)
	if s := b.e.state(); s.Instance != "Mail (2)" || s.Host != "mailbox" || !s.Claimed {
		t.Errorf("%+v", s)
	}
}

func TestAutoconfigNameInUse_8_1(t *testing.T) {
	b := newBench(t, eth)
	b.run(600 * time.Millisecond)
	b.receive(neighbour, says(rr(t, "autoconfig.mailbox.local. 120 IN TXT x")))
	b.run(5 * time.Second)
	if s := b.e.state(); s.Host != "mailbox-2" {
		t.Errorf("%+v", s)
	}
}

func TestTieBreak_8_2(t *testing.T) {
	for _, tc := range []struct {
		theirs string
		wins   bool // we do
	}{
		{"mailbox.local. 120 IN A 192.168.7.19", true},
		{"mailbox.local. 120 IN A 192.168.7.20", true}, // the same: no conflict
		{"mailbox.local. 120 IN A 192.168.7.21", false},
		{"mailbox.local. 120 IN A 192.168.70.1", false},
		{"mailbox.local. 120 IN AAAA ::", false}, // the later type
		{"mailbox.local. 120 CH A 10.0.0.1", false},
	} {
		b := newBench(t, eth)
		b.run(300 * time.Millisecond)
		probe := ask("mailbox.local.", dns.TypeANY)
		probe.Ns = []dns.RR{rr(t, "mailbox.local. 120 IN A 192.168.7.21")}
		if !strings.Contains(tc.theirs, " CH ") {
			probe.Ns[0] = rr(t, tc.theirs)
		} else {
			probe.Ns[0].Header().Class = dns.ClassCHAOS
		}
		b.receive(neighbour, probe)
		asked := b.now
		b.run(800 * time.Millisecond)
		if won := b.e.state().Claimed; won != tc.wins {
			t.Errorf("%s: won %v", tc.theirs, won)
		}
		if tc.wins {
			continue
		}
		// The loser asks again after a second; the winner is gone: it is ours.
		b.out = nil
		b.run(5 * time.Second)
		if wait := b.out[0].at.Sub(asked); wait != tieWait {
			t.Errorf("%s: probed again after %v", tc.theirs, wait)
		}
		if s := b.e.state(); !s.Claimed || s.Host != "mailbox" {
			t.Errorf("%s: %+v", tc.theirs, s)
		}
	}
}

func TestTieBreakOfTwoRecords_8_2(t *testing.T) {
	two := eth
	two.Prefixes = append(two.Prefixes, netip.MustParsePrefix("192.168.7.30/24"))
	b := newBench(t, two)
	b.run(300 * time.Millisecond)
	probe := ask("mailbox.local.", dns.TypeANY)
	probe.Ns = []dns.RR{rr(t, "mailbox.local. 120 IN A 192.168.7.20")} // runs out first
	b.receive(neighbour, probe)
	b.run(800 * time.Millisecond)
	if !b.e.state().Claimed {
		t.Error("lost against a host with fewer records")
	}
}

func TestConflictAfterClaim_9(t *testing.T) {
	b := claimed(t)
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
	if b.e.state().Claimed {
		t.Error("went on as if nothing had happened")
	}
	b.receive(neighbour, ask("mailbox.local.", dns.TypeA))
	b.run(100 * time.Millisecond)
	if n := len(b.responses()); n != 0 {
		t.Errorf("%d answers for a name in doubt", n)
	}
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5"))) // answers our probe
	b.run(3 * time.Second)
	if s := b.e.state(); s.Host != "mailbox-2" || !s.Claimed {
		t.Errorf("%+v", s)
	}
}

// A device that answers for the name but neither probes nor answers probes:
// the name is given up after some rounds, not fought over for ever.
func TestStubbornDevice_9(t *testing.T) {
	b := claimed(t)
	for range maxChallenges {
		if s := b.e.state(); s.Host != "mailbox" || !s.Claimed {
			t.Fatalf("%+v", s)
		}
		b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
		b.run(5 * time.Second)
	}
	if s := b.e.state(); s.Host != "mailbox-2" || !s.Claimed {
		t.Errorf("%+v", s)
	}
	// What is said under the old name is none of our business any more.
	b.receive(neighbour, says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
	if s := b.e.state(); !s.Claimed {
		t.Errorf("%+v", s)
	}
}

func TestManyConflicts_8_1(t *testing.T) {
	b := newBench(t, eth)
	for i := range 20 {
		b.run(260 * time.Millisecond)
		b.receive(neighbour, says(rr(t, b.e.host.String()+".local. 120 IN A 192.168.7.5")))
		if i >= maxConflicts {
			asked := b.now
			b.out = nil
			b.run(conflictPause + time.Second)
			if wait := b.out[0].at.Sub(asked); wait < conflictPause {
				t.Errorf("conflict %d: probed again after %v", i, wait)
			}
			return
		}
	}
}

func TestNoConflict(t *testing.T) {
	b := claimed(t)
	from := neighbour
	for name, m := range map[string]*dns.Msg{
		"our own record":        says(rr(t, "MAILBOX.local. 120 IN A 192.168.7.20")),
		"a goodbye":             says(rr(t, "mailbox.local. 0 IN A 192.168.7.5")),
		"another name":          says(rr(t, "other.local. 120 IN A 192.168.7.5")),
		"another's instance":    says(rr(t, "_imaps._tcp.local. 4500 IN PTR Other._imaps._tcp.local.")),
		"another's reverse":     says(rr(t, "20.7.168.192.in-addr.arpa. 120 IN PTR other.local.")),
		"a type we do not hold": says(rr(t, "mailbox.local. 120 IN HINFO ARM Linux")),
	} {
		b.receive(from, m)
		if s := b.e.state(); !s.Claimed || s.Conflict != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Section 6: a response that does not come from port 5353 is ignored.
	b.receive(netip.AddrPortFrom(neighbour.Addr(), 40000), says(rr(t, "mailbox.local. 120 IN A 192.168.7.5")))
	if s := b.e.state(); !s.Claimed {
		t.Errorf("%+v", s)
	}
}

// A second responder on this machine names the addresses; we leave that to it.
func TestCompanyOnThisMachine(t *testing.T) {
	b := claimed(t)
	b.receive(netip.MustParseAddrPort("192.168.7.20:5353"), says(rr(t, "20.7.168.192.in-addr.arpa. 120 IN PTR pi.local.")))
	if got := b.one(b.group()).msg.Answer; len(got) != 1 || got[0].Header().Ttl != 0 || got[0].Header().Rrtype != dns.TypePTR {
		t.Errorf("not taken back: %v", got)
	}
	b.out = nil
	b.receive(neighbour, ask("20.7.168.192.in-addr.arpa.", dns.TypePTR))
	b.run(time.Second)
	if s := b.e.state(); len(b.out) != 0 || !s.Claimed || s.Conflict != nil {
		t.Errorf("%v %+v", b.out, s)
	}
}

// Two engines on one network, started at once, each hearing the other.
func TestTwoBoxesAtOnce(t *testing.T) {
	for round := range 20 {
		a := newBench(t, eth)
		other := eth
		other.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.168.7.21/24")}
		b := newBench(t, other)
		for range 10_000 {
			for _, pair := range [][2]*bench{{a, b}, {b, a}} {
				for _, s := range pair[0].out {
					if !s.to.IsValid() {
						pair[1].receive(netip.AddrPortFrom(pair[0].e.links[eth.Index].Prefixes[0].Addr(), mdnsPort), s.msg)
					}
				}
				pair[0].out = nil
			}
			a.run(time.Millisecond)
			b.run(time.Millisecond)
		}
		x, y := a.e.state(), b.e.state()
		hosts := x.Host + " " + y.Host
		names := x.Instance + "," + y.Instance
		if !x.Claimed || !y.Claimed || hosts != "mailbox mailbox-2" && hosts != "mailbox-2 mailbox" ||
			names != "Mail,Mail (2)" && names != "Mail (2),Mail" {
			t.Errorf("round %d: %s, %s", round, hosts, names)
		}
	}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		base, won string
		style     style
		want      string
	}{
		{"mailbox", "", hostStyle, "mailbox"},
		{"mailbox", "mailbox-3", hostStyle, "mailbox-3"},
		{"mailbox", "post-3", hostStyle, "mailbox"},
		{"mailbox", "mailbox-x", hostStyle, "mailbox"},
		{"mailbox", "mailbox-99999", hostStyle, "mailbox"},
		{"mailbox-2", "mailbox-2-2", hostStyle, "mailbox-2-2"},
		{"Mail", "Mail (2)", instanceStyle, "Mail (2)"},
		{"Mail", "Mail (2", instanceStyle, "Mail"},
		{strings.Repeat("ü", 40), "", instanceStyle, strings.Repeat("ü", 31)},
	} {
		if got := resumeName(tc.base, tc.won, tc.style).String(); got != tc.want {
			t.Errorf("%q after %q: %q, want %q", tc.base, tc.won, got, tc.want)
		}
	}
	n := name{strings.Repeat("a", 63), 12, hostStyle}
	if s := n.String(); len(s) != 63 || !strings.HasSuffix(s, "a-12") {
		t.Errorf("%q", s)
	}
}

func TestSetInstance(t *testing.T) {
	b := claimed(t)
	b.e.setInstance(b.now, "Mail for the Smiths")
	b.run(5 * time.Second)
	if got := texts(b.responses()[0].msg.Answer); !strings.Contains(got, "PTR Mail._imaps._tcp.local.") || b.responses()[0].msg.Answer[0].Header().Ttl != 0 {
		t.Errorf("the old name was not taken back: %s", got)
	}
	if s := b.e.state(); s.Instance != "Mail for the Smiths" || !s.Claimed {
		t.Errorf("%+v", s)
	}
}

func TestBadFields(t *testing.T) {
	for name, r := range map[string]*Responder{
		"host":     {Host: "mail box", Instance: "Mail"},
		"instance": {Host: "mailbox"},
		"type":     {Host: "mailbox", Instance: "Mail", Services: []Service{{Type: "imaps", Port: 1}}},
		"port":     {Host: "mailbox", Instance: "Mail", Services: []Service{{Type: "_imaps._tcp"}}},
		"text":     {Host: "mailbox", Instance: "Mail", Services: []Service{{Type: "_imaps._tcp", Port: 1, Text: []string{strings.Repeat("x", 256)}}}},
		"many":     {Host: "mailbox", Instance: "Mail", Services: make([]Service, MaxServices+1)},
	} {
		if err := r.Run(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
