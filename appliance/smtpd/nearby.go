package smtpd

import (
	"net"
	"net/netip"
)

// nearby reports whether a client is on a local network: loopback, private
// (RFC 1918), unique local (RFC 4193), link-local, or on the same IPv6 link as
// the address it came to. The last is for homes whose devices use the public
// addresses their router gave them.
func nearby(client netip.Addr, own net.Addr) bool {
	client = client.Unmap()
	if !client.IsValid() || client.IsLoopback() || client.IsPrivate() || client.IsLinkLocalUnicast() {
		return true
	}
	tcp, ok := own.(*net.TCPAddr)
	if !ok || !client.Is6() {
		return false
	}
	link, err := tcp.AddrPort().Addr().Unmap().WithZone("").Prefix(64)
	return err == nil && link.Addr().Is6() && link.Contains(client)
}
