package pop3d

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"posthorn/appliance/certs"
	"posthorn/store"
)

func TestLongLines(t *testing.T) {
	b := newBox(t, "tcp", nil)
	c := b.dial(t)
	c.expect("+OK")
	long := "USER " + strings.Repeat("a", maxLine-len("USER ")-2)
	c.do(long, "+OK")
	c.do(long+"a", "-ERR line is longer than 255 octets")
	c.do(strings.Repeat("x", maxSASLLine+100), "-ERR line is longer than 255 octets")
	c.do("AUTH PLAIN", "+ ")
	c.do(strings.Repeat("A", maxSASLLine), "-ERR response is too long")
	c.do("USER alice", "+OK")
	c.do("PASS "+secret, "+OK")
	c.do(strings.Repeat("x", 1000), "-ERR line is longer than 255 octets")
	c.do("STAT", "+OK 0 0")

	endless := b.dial(t)
	endless.expect("+OK")
	go io.WriteString(endless, strings.Repeat("x", 2*maxSkipped))
	endless.expect("-ERR line has no end")
	c.do("NOOP", "+OK")
}

func TestTooManyConnections(t *testing.T) {
	b := newBox(t, "tcp", func(s *Server) { s.MaxPerAddress = 2 })
	first, second := b.dial(t), b.dial(t)
	first.expect("+OK")
	second.expect("+OK")
	third := b.dial(t)
	third.expect("-ERR [SYS/TEMP] too many connections")
	third.closed()
	first.do("QUIT", "+OK")
	first.closed()
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		again := b.dial(t)
		if answer := again.line(); strings.HasPrefix(answer, "+OK") {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("after one hung up the next got %q", answer)
		}
		again.Close()
	}
}

func TestPlainTextOnTheTLSPort(t *testing.T) {
	b := newBox(t, "tcp", nil)
	raw, err := net.Dial("tcp", b.tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, raw)
	c.send("GET / HTTP/1.1\r\n\r\n")
	c.expect("-ERR this port speaks TLS from the start")
	c.closed()

	c = b.dialTLS(t)
	c.do("USER alice", "+OK")
	c.do("PASS "+secret, "+OK")
	c.do("QUIT", "+OK")
	c.closed()
}

// A client that says something else than TLS after STLS is cut off.
func TestGarbageAfterSTLS(t *testing.T) {
	b := newBox(t, "tcp", nil)
	c := b.dial(t)
	c.expect("+OK")
	c.do("STLS", "+OK")
	c.send("USER alice\r\nPASS " + secret + "\r\n")
	if rest, _ := io.ReadAll(c.r); strings.Contains(string(rest), "+OK") {
		t.Errorf("the server went on in the clear: %q", rest)
	}
	b.login(t).do("STAT", "+OK")
}

// A thousand wrong passwords, as fast as sixty connections from four addresses
// can, and the owner's device gets its mail meanwhile.
func TestThousandWrongPasswords(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	owner := func() {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		raw, err := from.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, raw)
		c.expect("+OK")
		c.do("USER alice", "+OK")
		c.do("PASS "+secret, "+OK")
		c.do("STAT", "+OK 3")
		c.do("QUIT", "+OK")
	}
	owner()
	var guesses atomic.Int64
	enough, attackers := make(chan struct{}), sync.WaitGroup{}
	attack := func(from byte) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, from)}}
		for {
			c, err := d.Dial("tcp", b.addr)
			if err != nil {
				return // the server was stopped
			}
			for r := bufio.NewReader(c); ; {
				answer, err := r.ReadString('\n')
				if err != nil {
					break
				}
				if strings.HasPrefix(answer, "-ERR [AUTH]") || strings.HasPrefix(answer, "-ERR [LOGIN-DELAY]") {
					if guesses.Add(1) == 1000 {
						close(enough)
					}
				} else if !strings.HasPrefix(answer, "+OK mailbox") && !strings.HasPrefix(answer, "-ERR [SYS/TEMP]") {
					t.Errorf("a guess was answered %q", answer)
				}
				fmt.Fprintf(c, "AUTH PLAIN %s\r\n", base64.StdEncoding.EncodeToString(
					fmt.Appendf(nil, "\x00alice\x00guess %d", rand.Int64())))
			}
			c.Close()
			select {
			case <-enough:
				return
			default:
			}
		}
	}
	for i := range byte(60) {
		attackers.Go(func() { attack(10 + i%4) })
	}
	<-enough
	owner()
	b.stop() // ends the attempts that wait for their answer
	attackers.Wait()
}

// wire is a listener for connections that live in a synctest bubble.
type wire struct {
	calls chan net.Conn
	done  chan struct{}
}

func newWire() *wire { return &wire{make(chan net.Conn), make(chan struct{})} }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.calls:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	select {
	case <-w.done:
	default:
		close(w.done)
	}
	return nil
}

func (w *wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire"} }

func (w *wire) dial() net.Conn {
	here, there := net.Pipe()
	w.calls <- there
	return here
}

// bubble runs a test on a server whose clock stands still until everybody
// waits.
func bubble(t *testing.T, test func(t *testing.T, b *box, clear, secure *wire)) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore(t)
		b.deliver(t, three...)
		authority, err := certs.Open(t.TempDir(), certs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b.server.TLS = authority.Config()
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(authority.CAPEM())
		b.roots = &tls.Config{RootCAs: pool, ServerName: "localhost", InsecureSkipVerify: true} // the bubble's clock shows 2000
		clear, secure := newWire(), newWire()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() { done <- b.server.Serve(ctx, clear) }()
		go func() { done <- b.server.ServeTLS(ctx, secure) }()
		test(t, b, clear, secure)
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// gone waits for the server to hang up and returns how long that took.
func gone(t *testing.T, c net.Conn, begun time.Time) time.Duration {
	t.Helper()
	c.SetDeadline(time.Time{})
	if rest, err := io.ReadAll(c); len(rest) > 0 {
		t.Errorf("the server said %q before it hung up (%v)", rest, err)
	}
	return time.Since(begun).Round(time.Second)
}

// loggedIn is a TLS session of alice in a bubble.
func loggedIn(t *testing.T, b *box, secure *wire) *client {
	t.Helper()
	c := newClient(t, tls.Client(secure.dial(), b.roots))
	c.SetDeadline(time.Time{})
	c.expect("+OK")
	c.do("USER alice", "+OK")
	c.do("PASS "+secret, "+OK")
	return c
}

func TestSilentClients(t *testing.T) {
	bubble(t, func(t *testing.T, b *box, clear, secure *wire) {
		begun := time.Now()
		if d := gone(t, secure.dial(), begun); d != handshakeTime {
			t.Errorf("a client silent in the handshake was held for %v, want %v", d, handshakeTime)
		}
		c := newClient(t, clear.dial())
		c.expect("+OK")
		begun = time.Now()
		if d := gone(t, c, begun); d != DefaultLoginTime {
			t.Errorf("a client that does not log in was held for %v, want %v", d, DefaultLoginTime)
		}
		c = newClient(t, clear.dial())
		c.expect("+OK")
		begun = time.Now()
		c.SetDeadline(time.Time{})
		c.send("N")
		if d := gone(t, c, begun); d != lineTime {
			t.Errorf("a client that does not end its line was held for %v, want %v", d, lineTime)
		}
	})
}

func TestOctetAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, b *box, clear, secure *wire) {
		c := loggedIn(t, b, secure)
		begun := time.Now()
		for time.Since(begun) < time.Hour {
			if _, err := io.WriteString(c, "N"); err != nil {
				break
			}
			time.Sleep(time.Minute)
		}
		if d := time.Since(begun); d > 3*time.Minute {
			t.Errorf("a client that sends an octet a minute was served for %v", d)
		}
		loggedIn(t, b, secure).do("STAT", "+OK 3")
	})
}

func TestAutologout(t *testing.T) {
	bubble(t, func(t *testing.T, b *box, clear, secure *wire) {
		c := loggedIn(t, b, secure)
		c.do("DELE 1", "+OK")
		time.Sleep(DefaultIdleTime - time.Second)
		c.do("NOOP", "+OK")
		begun := time.Now()
		rest, _ := io.ReadAll(c)
		if d := time.Since(begun).Round(time.Second); d != DefaultIdleTime || len(rest) > 0 {
			t.Errorf("autologout after %v with %q, want %v and silence", d, rest, DefaultIdleTime)
		}
		loggedIn(t, b, secure).do("STAT", "+OK 3") // nothing was deleted
	})
}

// A client that takes nothing is cut off; one that is slow is served.
func TestSlowReaders(t *testing.T) {
	bubble(t, func(t *testing.T, b *box, clear, secure *wire) {
		b.deliver(t, "Subject: large\n\n"+strings.Repeat("0123456789abcdef\n", 5_000))
		c := loggedIn(t, b, secure)
		c.send("RETR 4\r\n")
		begun := time.Now()
		synctest.Wait()
		time.Sleep(DefaultWriteTime + time.Second)
		if _, err := io.Copy(io.Discard, c); err == nil {
			t.Error("a client that took nothing got the whole message")
		}
		if d := time.Since(begun); d > 2*DefaultWriteTime {
			t.Errorf("a client that took nothing was held for %v", d)
		}

		c = loggedIn(t, b, secure)
		c.do("RETR 4", "+OK")
		total := 0
		for begun = time.Now(); ; time.Sleep(20 * time.Second) {
			part := make([]byte, 8<<10)
			n, err := io.ReadFull(c.r, part)
			total += n
			if strings.HasSuffix(string(part[:n]), "\r\n.\r\n") {
				break
			}
			if err != nil {
				t.Fatalf("slow reader was cut off after %d octets and %v: %v", total, time.Since(begun), err)
			}
			if n < len(part) {
				t.Fatalf("message ended early, after %d octets", total)
			}
		}
	})
}

func TestStop(t *testing.T) {
	b := newStore(t)
	b.deliver(t, three...)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.network, b.addr = "tcp", ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.server.Serve(ctx, ln) }()
	c := b.login(t)
	c.do("DELE 1", "+OK")
	begun := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if d := time.Since(begun); d > stopTime {
		t.Errorf("an idle session held the stop up for %v", d)
	}
	c.closed()
	if inbox := b.entries(t, store.RoleInbox); len(inbox) != 3 {
		t.Errorf("%d messages left, want 3", len(inbox))
	}
	if _, err := net.Dial("tcp", b.addr); err == nil {
		t.Error("the listener is still open")
	}
}

// A stop lets a message that is on its way arrive, and then ends the session.
func TestStopDuringRetr(t *testing.T) {
	b := newStore(t)
	text := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 8_000)
	b.append(t, text, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.network, b.addr = "tcp", ln.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.server.Serve(ctx, ln) }()
	c := b.login(t)
	c.do("RETR 1", "+OK")
	c.line()
	stop()
	time.Sleep(50 * time.Millisecond)
	if got := len(c.body()); got != len(text)-len("Subject: large\r\n") {
		t.Errorf("%d octets arrived", got)
	}
	c.closed()
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// On a full disk mail can be fetched and deleted.
func TestFullDisk(t *testing.T) {
	b := newStore(t)
	b.deliver(t, three...)
	free := b.store.Health().Free
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	b.store, err = store.Open(store.Options{Dir: b.dir, Memory: 512 << 20, Reserve: 2 * free})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	if !b.store.Full() {
		t.Fatal("the store has room")
	}
	b.server.Store, b.server.Keeper.Store = b.store, b.store
	b.serve(t, "tcp", nil)
	c := b.login(t)
	c.do("RETR 1", "+OK")
	c.body()
	c.do("DELE 1", "+OK")
	c.do("QUIT", "+OK goodbye, 1 messages deleted")
}

// Without its store the server says that this passes, and nothing else breaks.
func TestStoreGoesAway(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	c := b.login(t)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	c.do("RETR 1", "-ERR [SYS/TEMP]")
	c.do("DELE 1", "+OK")
	c.do("QUIT", "-ERR [SYS/TEMP] some deleted messages not removed")
	c = b.dial(t)
	c.expect("+OK")
	c.do("USER alice", "+OK")
	c.do("PASS "+secret, "-ERR [SYS/TEMP]")
}

func TestFailureTexts(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("x: %w", store.ErrCorrupt):  "[SYS/PERM] ",
		fmt.Errorf("x: %w", store.ErrNotFound): "the message has been removed",
		fmt.Errorf("x: %w", store.ErrFull):     "[SYS/TEMP] the disk is full",
		errors.New("anything"):                 "[SYS/TEMP] ",
	} {
		if got := failure(err); !strings.HasPrefix(got, want) {
			t.Errorf("failure(%v) = %q", err, got)
		}
	}
}
