package imapd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run in simulated time, over pipes, which hold no byte back.

// pipes is a listener of pipes from this machine.
type pipes struct {
	conns  chan net.Conn
	done   chan struct{}
	writes atomic.Int64
}

// pipeEnd is the server's end of a pipe; it counts what is written at a time.
type pipeEnd struct {
	net.Conn
	writes *atomic.Int64
	from   net.IP
}

func (p pipeEnd) Write(b []byte) (int, error) {
	p.writes.Add(1)
	return p.Conn.Write(b)
}

func (p pipeEnd) RemoteAddr() net.Addr { return &net.TCPAddr{IP: p.from, Port: 1} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() net.Conn { return p.dialFrom(net.IPv4(127, 0, 0, 1)) }

func (p *pipes) dialFrom(ip net.IP) net.Conn {
	client, server := net.Pipe()
	p.conns <- pipeEnd{server, &p.writes, ip}
	return client
}

// inTime runs a test in simulated time: clear and tls are the ports.
func inTime(t *testing.T, test func(t *testing.T, b *box, clear, tls *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore(t, "")
		var ports []*pipes
		b.listen(func() net.Listener {
			p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
			ports = append(ports, p)
			return p
		})
		test(t, b, ports[0], ports[1])
		b.stop()
	})
}

// patient is a client that waits for ever, which costs nothing here.
func (b *box) patient(p *pipes) *client {
	c := b.client(noDeadline{p.dial()})
	return c
}

type noDeadline struct{ net.Conn }

func (noDeadline) SetReadDeadline(time.Time) error  { return nil }
func (noDeadline) SetWriteDeadline(time.Time) error { return nil }

// ends waits for the end of the connection and returns what was said before.
func (c *client) ends() string {
	c.t.Helper()
	rest, _ := io.ReadAll(c.r)
	return string(rest)
}

func between(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s after %v, want %v to %v", what, got, low, high)
	}
}

// TestSilentTLS: a connection to the TLS port that says nothing is closed.
// The library alone holds it for ever.
func TestSilentTLS(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, _, tls *pipes) {
		start := time.Now()
		conn := tls.dial()
		io.Copy(io.Discard, conn)
		between(t, "silent TLS client cut", time.Since(start), handshakeTimeout, handshakeTimeout+time.Second)
	})
}

func TestClearTextOnTLSPort(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, _, tls *pipes) {
		conn := tls.dial()
		go fmt.Fprint(conn, "a CAPABILITY\r\n")
		got, _ := io.ReadAll(conn)
		if !strings.HasSuffix(string(got), "* BYE this port speaks TLS from the first byte\r\n") {
			t.Errorf("got %q", got)
		}
	})
}

func TestSilenceBeforeLogin(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		start := time.Now()
		c := b.patient(clear)
		if got := c.ends(); got != "* BYE nothing was said for too long\r\n" {
			t.Errorf("got %q", got)
		}
		between(t, "silent client cut", time.Since(start), silenceBeforeLogin, silenceBeforeLogin+time.Second)
	})
}

// TestNoLogin: small talk does not replace the login.
func TestNoLogin(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		start := time.Now()
		c := b.patient(clear)
		go c.ends()
		for {
			if _, err := fmt.Fprint(c.conn, "a NOOP\r\n"); err != nil {
				break
			}
			time.Sleep(30 * time.Second)
		}
		between(t, "client without login cut", time.Since(start), loginTimeout, loginTimeout+31*time.Second)
	})
}

// TestByteAMinute: a command that comes in drops ends the connection.
func TestByteAMinute(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		start := time.Now()
		go c.ends()
		for range 100 {
			if _, err := c.conn.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Minute)
		}
		between(t, "dripping client cut", time.Since(start), commandTimeout, commandTimeout+time.Minute)
	})
}

// TestIdleForHours: IDLE hears of mail after half an hour and ends after
// silence.
func TestIdleForHours(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.ok("SELECT INBOX")
		start := time.Now()
		c.send("i IDLE\r\n")
		if got := c.line(); got != "+ idling" {
			t.Fatalf("got %q", got)
		}
		time.Sleep(30 * time.Minute)
		b.put("INBOX", "Subject: x\r\n\r\ny")
		if got := c.line(); got != "* 1 EXISTS" {
			t.Errorf("got %q", got)
		}
		if got := c.ends(); !strings.HasPrefix(got, "* BYE") {
			t.Errorf("got %q", got)
		}
		between(t, "idle client cut", time.Since(start), silence, silence+time.Second)
	})
}

// TestSlowReader: somebody who takes a quarter of an hour gets it whole; the
// library alone gives five minutes.
func TestSlowReader(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		const size = 1 << 20
		b.put("INBOX", "\r\n"+strings.Repeat("0123456789abcde\n", size/16))
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.ok("SELECT INBOX")
		c.send("f FETCH 1 BODY.PEEK[TEXT]\r\n")
		c.line()
		start, got := time.Now(), 0
		buf := make([]byte, 4096)
		for got < size {
			time.Sleep(3 * time.Second)
			n, err := c.r.Read(buf)
			if err != nil {
				t.Fatalf("cut after %v and %d bytes: %v", time.Since(start), got, err)
			}
			got += n
		}
		between(t, "slow reader done", time.Since(start), 10*time.Minute, time.Hour)
		c.until("f")
	})
}

// TestStuckReader: somebody who reads nothing at all is dropped.
func TestStuckReader(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		b.put("INBOX", "\r\n"+strings.Repeat("0123456789abcde\n", 1<<16))
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.ok("SELECT INBOX")
		c.send("f FETCH 1 BODY.PEEK[TEXT]\r\n")
		time.Sleep(stall + time.Second)
		if n := len(c.ends()); n > 2*gather {
			t.Errorf("%d bytes came after the time was up", n)
		}
	})
}

// TestSlowAppend: a message may take its time, as long as it moves.
func TestSlowAppend(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		const size = 400 << 10
		c.send(fmt.Sprintf("a APPEND INBOX {%d}\r\n", size))
		c.line()
		start := time.Now()
		for range size / 1024 {
			c.conn.Write(bytes.Repeat([]byte("x"), 1024))
			time.Sleep(5 * time.Second)
		}
		c.send("\r\n")
		if got := c.until("a"); !strings.Contains(got[len(got)-1], "OK [APPENDUID") {
			t.Errorf("after %v: %q", time.Since(start), got)
		}
	})
}

// TestDrippingAppend: ten bytes a second are no message.
func TestDrippingAppend(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.send("a APPEND INBOX {100000}\r\n")
		c.line()
		start := time.Now()
		go c.ends()
		for {
			if _, err := c.conn.Write([]byte("0123456789")); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		between(t, "dripping message cut", time.Since(start), stall, stall+2*time.Second)
	})
}

// TestStop: who waits is told; who is in a command gets its answer first.
func TestStop(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		idle, waiting, busy := b.patient(clear), b.patient(clear), b.patient(clear)
		idle.ok(`LOGIN alice "` + password + `"`)
		idle.ok("SELECT INBOX")
		idle.send("i IDLE\r\n")
		idle.line()
		busy.ok(`LOGIN alice "` + password + `"`)
		busy.send("a APPEND INBOX {4}\r\n")
		busy.line()
		synctest.Wait()
		go b.stop()
		for _, c := range []*client{idle, waiting} {
			if got := c.ends(); !strings.HasPrefix(got, "* BYE [UNAVAILABLE] the box is stopping") {
				t.Errorf("got %q", got)
			}
		}
		busy.send("mail\r\n")
		if got := busy.ends(); !strings.HasPrefix(got, "a OK [APPENDUID") || !strings.Contains(got, "* BYE") {
			t.Errorf("got %q", got)
		}
		synctest.Wait()
	})
}

// TestGathering: a thousand response lines are a few packets.
func TestGathering(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		b.fill(1000)
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.ok("SELECT INBOX")
		before := clear.writes.Load()
		lines := c.ok("FETCH 1:* FLAGS")
		size := len(strings.Join(lines, "\r\n"))
		if n := clear.writes.Load() - before; len(lines) != 1000 || n > int64(size/gather+2) {
			t.Errorf("%d lines of %d bytes were sent in %d pieces", len(lines), size, n)
		}
	})
}

// TestDeadIdle: a client in IDLE that takes nothing is noticed when there is
// something to say, not half an hour later.
func TestDeadIdle(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.patient(clear)
		c.ok(`LOGIN alice "` + password + `"`)
		c.ok("SELECT INBOX")
		c.send("i IDLE\r\n")
		c.line()
		b.put("INBOX", "x")
		time.Sleep(stall + time.Second)
		if n := b.server.limiter.Open(); n != 0 {
			t.Errorf("%d connections are still open", n)
		}
	})
}

// TestIdleCut: an IDLE ends with its connection, whatever arrives meanwhile.
func TestIdleCut(t *testing.T) {
	b := newBox(t, "")
	for range 20 {
		c := b.login()
		c.ok("SELECT INBOX")
		c.send("i IDLE\r\n")
		c.line()
		go c.conn.Close()
		b.put("INBOX", "x")
	}
	for end := time.Now().Add(10 * time.Second); b.server.limiter.Open() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := b.server.limiter.Open(); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
}

// TestNoPasswordInTheClear: from another machine a login needs TLS, and the
// password is refused before it is sent where that is possible.
func TestNoPasswordInTheClear(t *testing.T) {
	inTime(t, func(t *testing.T, b *box, clear, _ *pipes) {
		c := b.client(noDeadline{clear.dialFrom(net.IPv4(192, 168, 1, 9))})
		if got := c.ok("CAPABILITY"); got[0] != "* CAPABILITY IMAP4rev2 IMAP4rev1 LITERAL- SASL-IR ID ENABLE STARTTLS LOGINDISABLED" {
			t.Errorf("got %q", got)
		}
		for _, command := range []string{"LOGIN alice {21}", `LOGIN alice "` + password + `"`, "AUTHENTICATE PLAIN"} {
			if got := c.fails(command); !strings.HasPrefix(got, "NO [PRIVACYREQUIRED] ") {
				t.Errorf("%s: %q", command, got)
			}
		}
		c.ok("STARTTLS")
		c.startTLS()
		c.ok(`LOGIN alice "` + password + `"`)
	})
}
