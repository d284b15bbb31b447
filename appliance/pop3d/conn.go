package pop3d

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"posthorn/appliance/listen"
)

// Errors of reading a line.
var (
	errTooLong   = errors.New("line is too long")
	errEndless   = errors.New("line without an end")
	errStopped   = errors.New("the server is stopping")
	errPipelined = errors.New("data sent ahead of the TLS handshake")
	errNotClear  = errors.New("the client begins with TLS on a port in the clear")
)

// conn is a client's connection: lines in, lines and messages out, each wait
// with its deadline.
type conn struct {
	remote    netip.Addr
	writeTime time.Duration
	r         *bufio.Reader
	w         *bufio.Writer

	mu      sync.Mutex // guards what stop touches
	net     net.Conn
	tls     *tls.ConnectionState // nil in the clear
	stopped bool
}

func newConn(raw net.Conn, writeTime time.Duration) *conn {
	c := &conn{net: raw, writeTime: writeTime, remote: listen.Address(raw.RemoteAddr())}
	c.r = bufio.NewReaderSize(raw, maxSASLLine)
	c.w = bufio.NewWriterSize(deadlineWriter{c}, 8<<10)
	return c
}

// deadlineWriter gives each write to the network its own deadline: a reader
// may be slow, but must go on.
type deadlineWriter struct{ c *conn }

func (d deadlineWriter) Write(p []byte) (int, error) {
	d.c.net.SetWriteDeadline(time.Now().Add(d.c.writeTime))
	return d.c.net.Write(p)
}

// handshake starts TLS. What the client sent ahead of it in the clear is an
// attempt to slip commands into the protected session and ends it.
func (c *conn) handshake(ctx context.Context, config *tls.Config) error {
	if c.r.Buffered() > 0 {
		return errPipelined
	}
	secured := tls.Server(c.net, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secured.ConnectionState()
	c.mu.Lock()
	c.net, c.tls = secured, &state
	c.mu.Unlock()
	c.r.Reset(secured)
	return nil
}

// secret tells whether a password may pass: under TLS, or when no network is
// between.
func (c *conn) secret() bool { return c.tls != nil || c.remote.IsLoopback() }

// tlsHandshake is the first octet of a TLS connection (RFC 8446 section 5.1).
const tlsHandshake = 0x16

// readLine returns the next line without its end, of at most limit octets
// with it. The first octet must come before the time until, the rest within
// 30 seconds of it. Answers that wait are sent before. errTooLong leaves the
// connection usable: the line was skipped.
func (c *conn) readLine(limit int, until time.Time) (string, error) {
	if c.r.Buffered() == 0 {
		if err := c.w.Flush(); err != nil {
			return "", err
		}
	}
	if err := c.readBefore(until); err != nil {
		return "", err
	}
	first, err := c.r.Peek(1)
	switch {
	case err != nil:
		return "", err
	case first[0] == tlsHandshake && c.tls == nil:
		return "", errNotClear // its hello has no line end to wait for
	}
	if err := c.readBefore(time.Now().Add(lineTime)); err != nil {
		return "", err
	}
	if c.r.Buffered() > 0 && !c.lineBuffered() {
		if err := c.w.Flush(); err != nil { // we are going to wait for the rest
			return "", err
		}
	}
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", c.skipLine()
	}
	if err != nil {
		return "", err
	}
	if len(line) > limit {
		return "", errTooLong
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return string(line), nil
}

// lineBuffered tells whether a whole line is here already.
func (c *conn) lineBuffered() bool {
	b, _ := c.r.Peek(c.r.Buffered())
	for _, octet := range b {
		if octet == '\n' {
			return true
		}
	}
	return false
}

// skipLine reads on to the end of an over-long line.
func (c *conn) skipLine() error {
	for skipped := 0; skipped < maxSkipped; {
		part, err := c.r.ReadSlice('\n')
		skipped += len(part)
		switch {
		case err == nil:
			return errTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
	return errEndless
}

func (c *conn) readBefore(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errStopped
	}
	return c.net.SetReadDeadline(t)
}

// ok queues a positive answer.
func (c *conn) ok(format string, args ...any) {
	fmt.Fprintf(c.w, "+OK "+format+"\r\n", args...)
}

// fail queues a negative answer; an extended response code comes first, such
// as "[SYS/TEMP] ...".
func (c *conn) fail(format string, args ...any) {
	fmt.Fprintf(c.w, "-ERR "+format+"\r\n", args...)
}

// line queues a line of a multi-line answer that cannot begin with a dot.
func (c *conn) line(format string, args ...any) {
	fmt.Fprintf(c.w, format+"\r\n", args...)
}

// stop wakes the session if it waits for a command, and cuts it off after
// the time given if it is busy.
func (c *conn) stop(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.net.SetReadDeadline(time.Now())
	current := c.net
	time.AfterFunc(after, func() { current.Close() })
}

// close sends what waits and hangs up. What the client still sends is read
// for a moment: a close with unread octets resets the connection, and with it
// the last answer may be lost (RFC 9293 section 3.6.1, RFC 2525 section 2.17).
func (c *conn) close() {
	defer c.net.Close()
	if c.w.Flush() != nil {
		return
	}
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.readBefore(time.Now().Add(lingerTime)) != nil {
		return
	}
	io.CopyN(io.Discard, c.net, maxSkipped)
}
