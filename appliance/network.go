package appliance

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"posthorn/appliance/events"
)

// networkLook is how often the network is looked at.
const networkLook = 5 * time.Second

// keepOnline wakes the mail that waits to leave when the network comes back, or
// another takes its place.
func (b *Box) keepOnline(ctx context.Context) error {
	before := reachable()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(networkLook):
		}
		now := reachable()
		if slices.Equal(now, before) {
			continue
		}
		before = now
		b.hub.Wake(events.Health)
		if len(now) == 0 {
			b.log.Warn("network is gone")
			continue
		}
		b.log.Info("network is there", "addresses", now)
		if err := b.queue.Online(); err != nil {
			return err
		}
	}
}

// reachable are the box's addresses on networks whose cable is in, or whose
// radio has found its station.
func reachable() (out []netip.Addr) {
	all, err := net.Interfaces()
	if err != nil {
		return nil // no network is a state like another; it is looked for again
	}
	for _, i := range all {
		if i.Flags&net.FlagRunning == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				out = append(out, p.Addr())
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}
