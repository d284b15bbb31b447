package appliance

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/events"
)

const (
	// expiryEvery is how often messages whose time has come are looked for.
	expiryEvery = 10 * time.Minute
	// expiryBatch is how many leave in one commit.
	expiryBatch = 200
	// namesEvery is how often the network interfaces are looked at.
	namesEvery = time.Minute
)

// keepExpiry removes messages whose time has come, such as those POP3 deleted
// long ago. While the clock is not set nobody knows which those are.
func (b *Box) keepExpiry(ctx context.Context) error {
	for {
		pause := expiryEvery
		if b.clock.Set() {
			n, err := b.store.ExpireBefore(time.Now(), expiryBatch)
			if err != nil {
				return err
			}
			if n > 0 {
				b.log.Info("messages expired", "count", n)
			}
			if n == expiryBatch {
				pause = time.Second // there are more
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// keepNames keeps the certificate's names and addresses those of the box.
func (b *Box) keepNames(ctx context.Context) error {
	watcher := b.hub.Watch(events.Settings)
	defer watcher.Close()
	var names []string
	var addrs []netip.Addr
	for {
		nowNames, nowAddrs := b.names(), localAddresses()
		if !slices.Equal(names, nowNames) || !slices.Equal(addrs, nowAddrs) {
			if err := b.certs.SetNames(nowNames, nowAddrs); err != nil {
				return err
			}
			names, addrs = nowNames, nowAddrs
		}
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.C():
		case <-b.moved:
		case <-time.After(namesEvery):
		}
	}
}

// names are the host names under which mail programs look for the box: its
// own, and under each domain of the owner the ones they try by custom.
func (b *Box) names() []string {
	var names []string
	for _, d := range b.domains() {
		names = append(names, d)
		if strings.HasSuffix(d, ".local") {
			names = append(names, "autoconfig."+d)
		} else {
			for _, host := range []string{"mail", "imap", "smtp", "pop", "autoconfig", "autodiscover"} {
				names = append(names, host+"."+d)
			}
		}
	}
	return names
}

// localAddresses are the addresses of the network interfaces, without
// link-local IPv6 ones, which nobody types and which change.
func localAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // no network is a state like another; it is looked for again
	}
	var out []netip.Addr
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLinkLocalUnicast() && p.Addr().Is6() {
			continue
		}
		out = append(out, p.Addr())
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
