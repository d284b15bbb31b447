//go:build !linux

package discovery

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// lookEvery is how often the interfaces are looked at where no notice of
// their changes is to be had.
const lookEvery = 2 * time.Second

// listPrefixes returns the addresses by interface index.
func listPrefixes() (map[int][]assigned, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	out := map[int][]assigned{}
	for _, ifi := range interfaces {
		addrs, err := ifi.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits())
				out[ifi.Index] = append(out[ifi.Index], assigned{p, true})
			}
		}
	}
	return out, nil
}

// watchLinks sends on its channel every lookEvery until ctx ends.
func watchLinks(ctx context.Context, _ *slog.Logger) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed
}
