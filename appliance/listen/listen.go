// Package listen bounds how many connections a mail server holds: all
// together, and from one address. Each server wraps its listeners once and
// shares one [Limiter] among them, so that the clear and the TLS port of a
// protocol count together, and takes the connections by [Accept]. What a
// connection may do after that is the server's own affair.
package listen

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limiter counts connections. Its fields must not change after the first
// [Limiter.Wrap].
type Limiter struct {
	Total      int // connections at once; 0 = no limit
	PerAddress int // connections at once from one address (IPv6: one /64); 0 = no limit

	// Refusal is written in the clear to a connection that is one too many,
	// before it is closed; one line with CRLF in the server's protocol. Leave
	// it empty for listeners where TLS comes first. At most 512 octets.
	Refusal string

	// Refused, if not nil, is told of a refused connection, and of no further
	// one for a second: a flood must not drown the log. It must not block.
	Refused func(from netip.Addr, open int)

	mu     sync.Mutex
	told   time.Time // when Refused was called last
	open   int
	byAddr map[netip.Prefix]int
}

// refusalTime is how long a refused client may take to read why. Its window
// is empty, so the line is in the kernel's hands at once or never.
const refusalTime = 100 * time.Millisecond

// Wrap returns a listener whose Accept yields only connections within the
// limits; the others get the refusal and are closed. A connection counts
// until its Close.
func (l *Limiter) Wrap(inner net.Listener, clear bool) net.Listener {
	return &listener{Listener: inner, limiter: l, clear: clear}
}

// Open returns the number of connections counted now.
func (l *Limiter) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

type listener struct {
	net.Listener
	limiter *Limiter
	clear   bool // the refusal can be read by the client
}

func (n *listener) Accept() (net.Conn, error) {
	for {
		c, err := n.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key, addr := keyOf(c.RemoteAddr())
		open, ok := n.limiter.take(key)
		if ok {
			return &conn{Conn: c, release: sync.OnceFunc(func() { n.limiter.give(key) })}, nil
		}
		n.limiter.tell(addr, open)
		if n.clear && n.limiter.Refusal != "" {
			c.SetWriteDeadline(time.Now().Add(refusalTime))
			c.Write([]byte(n.limiter.Refusal))
		}
		c.Close()
	}
}

func (l *Limiter) take(key netip.Prefix) (open int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Total > 0 && l.open >= l.Total {
		return l.open, false
	}
	if l.PerAddress > 0 && l.byAddr[key] >= l.PerAddress {
		return l.open, false
	}
	if l.byAddr == nil {
		l.byAddr = make(map[netip.Prefix]int)
	}
	l.open++
	l.byAddr[key]++
	return l.open, true
}

// quiet is how long Refused is not called after a call.
const quiet = time.Second

// tell calls Refused, unless it was called just now.
func (l *Limiter) tell(from netip.Addr, open int) {
	l.mu.Lock()
	now := time.Now()
	skip := l.Refused == nil || !l.told.IsZero() && now.Sub(l.told) < quiet
	if !skip {
		l.told = now
	}
	l.mu.Unlock()
	if !skip {
		l.Refused(from, open)
	}
}

func (l *Limiter) give(key netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byAddr[key]--; l.byAddr[key] == 0 {
		delete(l.byAddr, key)
	}
}

// keyOf returns what counts as one address. A socket without an IP address
// counts under the zero prefix.
func keyOf(a net.Addr) (netip.Prefix, netip.Addr) {
	addr := Address(a).WithZone("")
	if !addr.IsValid() {
		return netip.Prefix{}, netip.Addr{}
	}
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLinkLocalUnicast() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, addr
	}
	return p, addr
}

// conn gives its place back when it is closed.
type conn struct {
	net.Conn
	release func()
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

// CloseWrite shuts down the writing side, as a net.TCPConn does, so that a
// server can end with an answer that is not lost in a reset.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
