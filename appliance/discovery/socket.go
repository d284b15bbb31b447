package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	xipv4 "golang.org/x/net/ipv4"
	xipv6 "golang.org/x/net/ipv6"
)

// maxPacket is the largest multicast DNS packet (RFC 6762 section 17).
const maxPacket = 9000

// readPause keeps a socket that only fails from eating the processor; what
// fails is an interface that goes, and its notice is under way.
const readPause = 20 * time.Millisecond

// group4 and group6 are the multicast DNS groups.
func group4() *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: mdnsPort} }
func group6() *net.UDPAddr { return &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: mdnsPort} }

// sockets is the second responder's socket, one for each family, each for all
// links. A family is opened when a link has an address of it. Only the
// goroutine of Run calls its methods.
type sockets struct {
	log     *slog.Logger
	packets chan packet
	v4      *xipv4.PacketConn
	v6      *xipv6.PacketConn
}

// follow opens what is missing and joins the groups on the links. It goes on
// after an error and returns all.
func (s *sockets) follow(links []Link) error {
	var errs []error
	for i := range links {
		l := &links[i]
		ifi, err := l.netInterface()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if l.has(ipv4) {
			errs = append(errs, s.join4(ifi))
		}
		if l.has(ipv6) {
			errs = append(errs, s.join6(ifi))
		}
	}
	return errors.Join(errs...)
}

// serves reports whether packets can be sent and heard on a link: without, its
// probes would prove nothing.
func (s *sockets) serves(l *Link) bool {
	return s.v4 != nil && l.has(ipv4) || s.v6 != nil && l.has(ipv6)
}

func (s *sockets) join4(ifi *net.Interface) error {
	if s.v4 == nil {
		conn, err := listen("udp4", "0.0.0.0:5353")
		if err != nil {
			return err
		}
		c := xipv4.NewPacketConn(conn)
		if err := errors.Join(
			c.SetControlMessage(xipv4.FlagInterface|xipv4.FlagDst, true),
			// TTL 255 tells older receivers that the packet is from this
			// link (RFC 6762 section 11); with loopback a second responder on
			// this machine hears of conflicts.
			c.SetMulticastTTL(255), c.SetTTL(255), c.SetMulticastLoopback(true),
		); err != nil {
			conn.Close()
			return err
		}
		s.v4 = c
		go s.read4(c)
	}
	return joined(s.v4.JoinGroup(ifi, group4()))
}

func (s *sockets) join6(ifi *net.Interface) error {
	if s.v6 == nil {
		conn, err := listen("udp6", "[::]:5353")
		if err != nil {
			return err
		}
		c := xipv6.NewPacketConn(conn)
		if err := errors.Join(
			c.SetControlMessage(xipv6.FlagInterface|xipv6.FlagDst, true),
			c.SetMulticastHopLimit(255), c.SetHopLimit(255), c.SetMulticastLoopback(true),
		); err != nil {
			conn.Close()
			return err
		}
		s.v6 = c
		go s.read6(c)
	}
	return joined(s.v6.JoinGroup(ifi, group6()))
}

// joined forgives that the group was joined before.
func joined(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	return err
}

// listen binds a port that other responders on this machine share.
func listen(network, address string) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	conn, err := lc.ListenPacket(context.Background(), network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program keeps port %d for itself; stop it, or have it share the port: %w", mdnsPort, err)
	}
	return conn, err
}

func (s *sockets) read4(c *xipv4.PacketConn) {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(readPause)
		} else if cm != nil {
			s.got(buf[:n], from, cm.IfIndex, cm.Dst.IsMulticast())
		}
	}
}

func (s *sockets) read6(c *xipv6.PacketConn) {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(readPause)
		} else if cm != nil {
			s.got(buf[:n], from, cm.IfIndex, cm.Dst.IsMulticast())
		}
	}
}

// got hands a packet on, or drops it when the box cannot keep up: the network
// repeats what matters.
func (s *sockets) got(data []byte, from net.Addr, index int, group bool) {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return
	}
	addr := udp.AddrPort()
	p := packet{data: append([]byte(nil), data...), index: index, group: group,
		from: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
	select {
	case s.packets <- p:
	default:
	}
}

// send sends to one host or, in both families, to the group. What fails is
// logged for who looks closely: a network that went away is told by its link.
func (s *sockets) send(d datagram) {
	to4, to6 := group4(), group6()
	if d.to.IsValid() {
		to4, to6 = nil, nil
		if familyOf(d.to.Addr()) == ipv4 {
			to4 = net.UDPAddrFromAddrPort(d.to)
		} else {
			to6 = net.UDPAddrFromAddrPort(d.to)
		}
	}
	if s.v4 != nil && to4 != nil && d.link.has(ipv4) {
		if _, err := s.v4.WriteTo(d.data, &xipv4.ControlMessage{IfIndex: d.link.Index}, to4); err != nil {
			s.log.Debug("mdns: send", "interface", d.link.Name, "to", to4, "err", err)
		}
	}
	if s.v6 != nil && to6 != nil && d.link.has(ipv6) {
		if _, err := s.v6.WriteTo(d.data, &xipv6.ControlMessage{IfIndex: d.link.Index}, to6); err != nil {
			s.log.Debug("mdns: send", "interface", d.link.Name, "to", to6, "err", err)
		}
	}
}

func (s *sockets) close() {
	if s.v4 != nil {
		s.v4.Close()
		s.v4 = nil
	}
	if s.v6 != nil {
		s.v6.Close()
		s.v6 = nil
	}
}
