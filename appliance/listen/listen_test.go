package listen

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const refusal = "-ERR too many connections\r\n"

// serve accepts until the test ends, and holds what it accepted.
func serve(t *testing.T, l *Limiter, clear bool) (addr string, accepted chan net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := l.Wrap(inner, clear)
	accepted = make(chan net.Conn, 16)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		for c := range accepted {
			c.Close()
		}
	})
	return ln.Addr().String(), accepted
}

// dial connects from a loopback address and returns what it is told when it
// is turned away.
func dial(t *testing.T, from, to string) (net.Conn, func() string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, func() string {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("was not turned away: %v", err)
		}
		return string(b)
	}
}

func TestPerAddress(t *testing.T) {
	var refused atomic.Int32
	l := &Limiter{Total: 10, PerAddress: 2, Refusal: refusal, Refused: func(from netip.Addr, open int) {
		if from != netip.MustParseAddr("127.0.0.1") || open != 2 {
			t.Errorf("refused %s with %d open", from, open)
		}
		refused.Add(1)
	}}
	addr, accepted := serve(t, l, true)
	dial(t, "127.0.0.1", addr)
	dial(t, "127.0.0.1", addr)
	first := <-accepted
	<-accepted
	if _, told := dial(t, "127.0.0.1", addr); told() != refusal {
		t.Error("the third connection was not told why it was refused")
	}
	if refused.Load() != 1 {
		t.Errorf("%d refusals noticed", refused.Load())
	}
	dial(t, "127.0.0.2", addr) // another address is served
	<-accepted

	first.Close()
	first.Close() // counts once
	if got := l.Open(); got != 2 {
		t.Errorf("%d open after one was closed, want 2", got)
	}
	dial(t, "127.0.0.1", addr)
	<-accepted
}

func TestTotalIsSharedByListeners(t *testing.T) {
	l := &Limiter{Total: 2, Refusal: refusal}
	clear, acceptedClear := serve(t, l, true)
	secure, acceptedSecure := serve(t, l, false)
	dial(t, "127.0.0.1", clear)
	<-acceptedClear
	dial(t, "127.0.0.2", secure)
	c := <-acceptedSecure
	if _, told := dial(t, "127.0.0.3", secure); told() != "" {
		t.Error("clear text was sent where TLS is spoken")
	}
	c.Close()
	dial(t, "127.0.0.3", secure)
	<-acceptedSecure
}

// TestFloodIsToldOnceASecond: a flood of refused connections is one line of the
// log each second.
func TestFloodIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		l := &Limiter{Refused: func(netip.Addr, int) { told++ }}
		for range 3000 {
			l.tell(netip.Addr{}, 1)
			time.Sleep(time.Millisecond)
		}
		if told != 3 {
			t.Errorf("told %d times in three seconds", told)
		}
	})
}

func TestKey(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1":          "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1": "192.0.2.7/32",
		"[2001:db8::1]:1":      "2001:db8::/64",
		"[fe80::1]:1":          "fe80::1/128",
	} {
		got, _ := keyOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
		if got.String() != want {
			t.Errorf("%s counts as %s, want %s", addr, got, want)
		}
	}
	if got, _ := keyOf(&net.UnixAddr{Name: "x"}); got.IsValid() {
		t.Errorf("a Unix socket counts as %s", got)
	}
}
