//go:build netns

package discovery

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFoundAndLost(t *testing.T) {
	l := newLAN(t)
	seeker, home := l.newHost(), l.newHost()
	seeker.address(seeker.addr)
	home.address(home.addr)
	a := seeker.avahi("seeker")
	seen := a.browse()
	b := home.box("mailbox", "Mail for the Smiths")
	took := within(t, 2*time.Second, "name", func() bool { return a.resolves("mailbox.local", home.addr) })
	t.Logf("name found %v after start", took)
	for _, s := range testServices() {
		within(t, 2*time.Second-time.Since(b.start)+took, s.Type, func() bool {
			return seen.has("=;eth0", s.Type, `Mail\032for\032the\032Smiths`, "mailbox.local")
		})
	}
	t.Logf("all services found %v after start", time.Since(b.start))
	if !a.resolves("autoconfig.mailbox.local", home.addr) {
		t.Error("autoconfig.mailbox.local does not resolve")
	}
	if out := a.ask("avahi-resolve", "-a", home.addr); !strings.Contains(out, "mailbox.local") {
		t.Errorf("address resolves to %q", out)
	}

	// The router gives the box another address.
	home.ip("address", "flush", "dev", "eth0", "scope", "global")
	home.address("10.77.0.99")
	took = within(t, 5*time.Second, "new address", func() bool { return a.resolves("mailbox.local", "10.77.0.99") })
	t.Logf("new address found after %v", took)

	b.stop()
	stopped := time.Now()
	within(t, 2*time.Second, "services gone", func() bool { return seen.has("-;eth0", "_imaps._tcp") && seen.has("-;eth0", "_http._tcp") })
	within(t, 2*time.Second-time.Since(stopped)+time.Second, "name gone", func() bool { return !a.resolves("mailbox.local", "10.77.0.99") })
}

// Two, then three boxes that get power at the same moment.
func TestTwoBoxesAtOnceOnAWire(t *testing.T) {
	l := newLAN(t)
	one, two, three := l.newHost(), l.newHost(), l.newHost()
	for _, h := range []*host{one, two, three} {
		h.address(h.addr)
	}
	for round := range 10 {
		a, b := one.box("mailbox", "Mail"), two.box("mailbox", "Mail")
		within(t, 10*time.Second, "two names", func() bool {
			return claimedNames(a, b) == "mailbox mailbox-2" && a.now().Instance != b.now().Instance
		})
		if round == 0 {
			c := three.box("mailbox", "Mail")
			within(t, 10*time.Second, "three names", func() bool { return claimedNames(a, b, c) == "mailbox mailbox-2 mailbox-3" })
			c.stop()
		}
		time.Sleep(2 * time.Second) // and stays so
		if got := claimedNames(a, b); got != "mailbox mailbox-2" {
			t.Errorf("round %d: %s", round, got)
		}
		a.stop()
		b.stop()
	}
}

// claimedNames are the host names of boxes that have one, sorted.
func claimedNames(boxes ...*box) string {
	var names []string
	for _, b := range boxes {
		if s := b.now(); s.Claimed {
			names = append(names, s.Host)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestAvahiHoldsTheName(t *testing.T) {
	l := newLAN(t)
	holder, home := l.newHost(), l.newHost()
	holder.address(holder.addr)
	home.address(home.addr)
	a := holder.avahi("mailbox")
	b := home.box("mailbox", "Mail")
	b.claims(t, "mailbox-2", 8*time.Second)
	if s := b.now(); s.Conflict == nil || s.Conflict.Name != "mailbox" {
		t.Errorf("the holder is not told: %+v", s.Conflict)
	}
	if !a.resolves("mailbox-2.local", home.addr) || a.name() != "mailbox.local" {
		t.Errorf("avahi is %s", a.name())
	}
}

func TestAvahiComesLater(t *testing.T) {
	l := newLAN(t)
	late, home := l.newHost(), l.newHost()
	late.address(late.addr)
	home.address(home.addr)
	b := home.box("mailbox", "Mail")
	b.claims(t, "mailbox", 5*time.Second)
	a := late.avahi("mailbox")
	within(t, 8*time.Second, "two names", func() bool {
		return a.name() == "mailbox-2.local" && b.now().Host == "mailbox" || a.name() == "mailbox.local" && b.now().Host == "mailbox-2"
	})
	t.Logf("avahi is %s, the box %s", a.name(), b.now().Host)
}

// Both on one machine: the port is shared, and avahi's programs there find
// the box too.
func TestSharesThePortWithAvahi(t *testing.T) {
	l := newLAN(t)
	seeker, home := l.newHost(), l.newHost()
	seeker.address(seeker.addr)
	home.address(home.addr)
	local := home.avahi("pi")
	b := home.box("mailbox", "Mail")
	b.claims(t, "mailbox", 5*time.Second)
	remote := seeker.avahi("seeker")
	for name, a := range map[string]*avahi{"on the same machine": local, "on another": remote} {
		if !a.resolves("mailbox.local", home.addr) {
			t.Errorf("the box is not found %s", name)
		}
	}
	if !remote.resolves("pi.local", home.addr) {
		t.Error("avahi is not found any more")
	}
	time.Sleep(3 * time.Second)
	if local.name() != "pi.local" || b.now().Host != "mailbox" || b.now().Conflict != nil {
		t.Errorf("they quarrel: %s, %+v", local.name(), b.now())
	}
}

// No address at start, the cable pulled and put back, another interface in
// its place. There is no default route in any of these tests.
func TestNetworkComesAndGoes(t *testing.T) {
	l := newLAN(t)
	seeker, home := l.newHost(), l.newHost()
	seeker.address(seeker.addr)
	a := seeker.avahi("seeker")
	home.ip("link", "set", "eth0", "down")
	b := home.box("mailbox", "Mail")
	within(t, 5*time.Second, "a word about it", func() bool { return b.now().Trouble != "" })
	found := func(what string) {
		t.Helper()
		took := within(t, 5*time.Second, what, func() bool { return b.now().Claimed && a.resolves("mailbox.local", home.addr) })
		t.Logf("%s: found after %v", what, took)
	}
	home.ip("link", "set", "eth0", "up")
	home.address(home.addr)
	found("network after the start")

	port := home.port("eth0")
	l.in(l.prefix, "ip", "link", "set", port, "down") // the cable
	within(t, 5*time.Second, "link lost", func() bool { return !b.now().Claimed })
	l.in(l.prefix, "ip", "link", "set", port, "up")
	found("cable back")

	home.ip("link", "set", "eth0", "down")
	within(t, 5*time.Second, "interface down", func() bool { return !b.now().Claimed })
	home.ip("link", "set", "eth0", "up")
	found("interface up")

	home.ip("link", "del", "eth0")
	within(t, 5*time.Second, "interface gone", func() bool { return !b.now().Claimed })
	home.plug("eth0", "br0")
	home.address(home.addr)
	found("interface replaced")
}

// A program that does not share the port: the box says so, and is announced
// once that has ended.
func TestNetworkPortTaken(t *testing.T) {
	l := newLAN(t)
	home := l.newHost()
	home.address(home.addr)
	holder := exec.Command("ip", "netns", "exec", home.ns, "python3", "-c",
		"import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('',5353)); print('held',flush=True); time.sleep(60)")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(func() { holder.Process.Kill(); holder.Wait() })
	t.Cleanup(release)
	if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	b := home.box("mailbox", "Mail")
	within(t, 5*time.Second, "a word about it", func() bool { return strings.Contains(b.now().Trouble, "port 5353") })
	if b.now().Claimed {
		t.Error("it claims a name nobody was asked for")
	}
	release()
	within(t, retrySockets+3*time.Second, "no more trouble", func() bool { return b.now().Trouble == "" && b.now().Claimed })
}

// A cable into each of two networks: each hears of the address there and of
// no other, and a third box on one of them takes part in the conflict.
func TestTwoNetworks(t *testing.T) {
	l := newLAN(t)
	l.addBridge("br1")
	home, near, far := l.newHost(), l.newHost(), l.newHost()
	home.address(home.addr)
	home.plug("eth1", "br1")
	home.ip("address", "add", "10.78.0.10/24", "dev", "eth1")
	near.address(near.addr)
	l.in(l.prefix, "ip", "link", "set", far.port("eth0"), "master", "br1")
	far.addr = "10.78.0.12"
	far.address(far.addr)
	b := home.box("mailbox", "Mail")
	within(t, 5*time.Second, "claimed on both", func() bool {
		s := b.now()
		return len(s.Links) == 2 && s.Links[0].Claimed && s.Links[1].Claimed
	})
	here, there := near.avahi("near"), far.avahi("far")
	for _, tc := range []struct {
		a        *avahi
		own, not string
	}{{here, home.addr, "10.78."}, {there, "10.78.0.10", "10.77."}} {
		out := tc.a.ask("avahi-resolve", "-4", "-n", "mailbox.local")
		if !strings.Contains(out, tc.own) || strings.Contains(out, tc.not) {
			t.Errorf("%s hears %q", tc.a.ns, out)
		}
	}
	// One network lost, the other goes on.
	home.ip("link", "set", "eth1", "down")
	within(t, 5*time.Second, "one link", func() bool { s := b.now(); return len(s.Links) == 1 && s.Links[0].Claimed })
	if !here.resolves("mailbox.local", home.addr) {
		t.Error("not found any more on the network that stayed")
	}
}
