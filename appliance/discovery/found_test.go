//go:build netns

package discovery

import (
	"strings"
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
