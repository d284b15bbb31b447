package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

const (
	// maxLinks is how many interfaces are used, those of the lowest index: the
	// kernel lets a socket join 20 groups.
	maxLinks = 16
	// maxPublished is how many addresses of a link are published.
	maxPublished = 8
)

// family is an IP version.
type family int

const (
	bothFamilies family = iota
	ipv4
	ipv6
)

func familyOf(ip netip.Addr) family {
	if ip.Is4() {
		return ipv4
	}
	return ipv6
}

// Link is a network interface that can be used: up, with multicast and an
// address, and not the loopback.
type Link struct {
	Index    int
	Name     string
	MTU      int
	Prefixes []netip.Prefix // its addresses with their networks, sorted
}

func (l *Link) same(o Link) bool {
	return l.Name == o.Name && l.MTU == o.MTU && slices.Equal(l.Prefixes, o.Prefixes)
}

// room is how many bytes of DNS message fit a packet.
func (l *Link) room() int { return max(minRoom, min(maxRoom, l.MTU-ipOverhead)) }

func (l *Link) has(f family) bool {
	return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return familyOf(p.Addr()) == f })
}

// published are the addresses others are given: of each family those that
// hold beyond the link, or the link-local ones if there are no others. A
// link-local IPv6 address beside others only makes programs try a dead end,
// since a DNS answer cannot say which interface it belongs to.
func (l *Link) published() []netip.Addr {
	var out []netip.Addr
	for _, f := range []family{ipv4, ipv6} {
		var local, wide []netip.Addr
		for _, p := range l.Prefixes {
			switch ip := p.Addr(); {
			case familyOf(ip) != f:
			case ip.IsLinkLocalUnicast():
				local = append(local, ip)
			default:
				wide = append(wide, ip)
			}
		}
		if len(wide) == 0 {
			wide = local
		}
		out = append(out, wide...)
	}
	return out[:min(len(out), maxPublished)]
}

// onLink reports whether ip is a neighbour (RFC 6762 section 11).
func (l *Link) onLink(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsLinkLocalUnicast() || slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// netInterface is what package net calls it.
func (l *Link) netInterface() (*net.Interface, error) { return net.InterfaceByIndex(l.Index) }

// listLinks returns the links that can be used, and all addresses of the
// machine.
func listLinks() ([]Link, []netip.Addr, error) {
	prefixes, err := listPrefixes()
	if err != nil {
		return nil, nil, fmt.Errorf("list the addresses of the network interfaces: %w", err)
	}
	var local []netip.Addr
	for _, list := range prefixes {
		for _, p := range list {
			local = append(local, p.prefix.Addr())
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	const need, without = net.FlagUp | net.FlagRunning | net.FlagMulticast, net.FlagLoopback | net.FlagPointToPoint
	var links []Link
	for _, ifi := range interfaces {
		l := Link{Index: ifi.Index, Name: ifi.Name, MTU: ifi.MTU}
		for _, p := range prefixes[ifi.Index] {
			if p.usable {
				l.Prefixes = append(l.Prefixes, p.prefix)
			}
		}
		slices.SortFunc(l.Prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		if ifi.Flags&need == need && ifi.Flags&without == 0 && len(l.Prefixes) > 0 {
			links = append(links, l)
		}
	}
	slices.SortFunc(links, func(a, b Link) int { return a.Index - b.Index })
	return links[:min(len(links), maxLinks)], local, nil
}

// assigned is an address of an interface.
type assigned struct {
	prefix netip.Prefix
	usable bool // settled and lasting: may be published
}
