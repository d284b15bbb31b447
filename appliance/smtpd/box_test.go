package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"posthorn/appliance/certs"
	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/store"
)

// box is a whole SMTP side: store, office, keeper, server on three real ports.
type box struct {
	store  *store.Store
	office *post.Office
	server *Server
	tls    *tls.Config // for clients
	log    *logBuffer
	ports  map[string]string // "25", "587", "465" -> address
	from   *pretence
	pipe   *pipe
	stop   func() // ends Serve, waits
}

const password = "correct horse battery"

type boxOptions struct {
	dir      string // of the store; "" = in memory
	limits   Limits
	reserve  int64
	peopled  bool // the store in dir has its accounts already
	settings func(*store.Settings)
	pipe     bool // port 25 alone, over pipes in memory: for simulated time
}

func newBox(t testing.TB, o boxOptions) *box {
	t.Helper()
	s, err := store.Open(store.Options{Dir: o.dir, Reserve: o.reserve})
	if err != nil {
		t.Fatal(err)
	}
	b := &box{store: s, log: &logBuffer{}, ports: map[string]string{}, from: &pretence{}}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.office = &post.Office{
		Store: s, Log: log,
		Hostname:  func() string { return "mailbox" },
		Addresses: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.168.1.5")} },
	}
	ca, err := certs.Open(t.TempDir(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.SetNames([]string{"mailbox.local"}, nil); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.CAPEM())
	b.tls = &tls.Config{RootCAs: roots, ServerName: "mailbox.local"}
	b.server = &Server{
		Office: b.office, TLS: ca.Config(), Log: log, Limits: o.limits,
		Keeper: &login.Keeper{Store: s, Log: log, Domain: func() []string { return []string{"mailbox.local", "example.org"} }},
	}
	if !o.peopled {
		b.people(t, o.settings)
	}
	if o.pipe {
		b.pipe = newPipe()
		b.serve(t, map[string]net.Listener{"25": b.pipe})
		return b
	}
	listeners := map[string]net.Listener{}
	for _, port := range []string{"25", "587", "465"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b.ports[port] = l.Addr().String()
		listeners[port] = &pretender{l, b.from}
	}
	b.serve(t, listeners)
	return b
}

// people makes the household of the tests: alice owns the box and has a
// mailbox "Bank", bob is bob, carol has a small quota.
func (b *box) people(t testing.TB, settings func(*store.Settings)) {
	hash, err := login.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.Update(func(tx *store.Tx) error {
		for _, a := range []*store.Account{
			{Name: "alice", Owner: true, Password: hash},
			{Name: "bob", Password: hash},
			{Name: "carol", Password: hash, Quota: 4000},
		} {
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			if a.Name == "alice" {
				if _, err := tx.CreateMailbox(a.ID, "Bank", ""); err != nil {
					return err
				}
			}
		}
		for _, a := range []*store.Alias{
			{Address: "family", Targets: []string{"alice", "bob"}},
			{Address: "ally", Targets: []string{"alice"}},
			{Address: "round", Targets: []string{"about"}},
			{Address: "about", Targets: []string{"round"}},
			{Address: "away", Targets: []string{"someone@example.com"}},
		} {
			if err := tx.PutAlias(a); err != nil {
				return err
			}
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Domains = []string{"example.org"}
		if settings != nil {
			settings(&set)
		}
		return tx.PutSettings(set)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *box) serve(t testing.TB, listeners map[string]net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for port, l := range listeners {
		serve := map[string]func(context.Context, net.Listener) error{
			"25": b.server.Serve, "587": b.server.ServeSubmission, "465": b.server.ServeSubmissions,
		}[port]
		running.Go(func() {
			if err := serve(ctx, l); err != nil {
				t.Error(err)
			}
		})
	}
	b.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(func() {
		b.stop()
		report, err := b.store.Check(context.Background())
		if err != nil && !errors.Is(err, store.ErrClosed) || report.Count > 0 {
			t.Error("check:", err, report)
		}
		b.store.Close()
	})
}

// pretence makes connections seem to come from another address than loopback.
type pretence struct {
	mu   sync.Mutex
	addr netip.Addr
}

func (p *pretence) set(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr = a
}

type pretender struct {
	net.Listener
	from *pretence
}

func (l *pretender) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	return &pretended{c, l.from.addr}, nil
}

type pretended struct {
	net.Conn
	from netip.Addr
}

func (c *pretended) RemoteAddr() net.Addr {
	if !c.from.IsValid() {
		return c.Conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 4711))
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func tcpAddr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr(s), 25)) }

// pipe is a listener without a network.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipe() *pipe { return &pipe{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipe) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// mail returns the raw messages of a mailbox.
func (b *box) mail(t testing.TB, account, mailbox string) []string {
	t.Helper()
	var blobs []store.Blob
	err := b.store.View(func(tx *store.Tx) error {
		a, err := tx.AccountByName(account)
		if err != nil {
			return err
		}
		mb, err := tx.MailboxByName(a.ID, mailbox)
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			blobs = append(blobs, m.Blob)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(blobs))
	for i, blob := range blobs {
		r, err := b.store.OpenBlob(blob)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		all[i] = string(text)
	}
	return all
}

// client is a bare SMTP client: lines out, lines in.
type client struct {
	t        testing.TB
	conn     net.Conn
	in       *lineReader
	patience time.Duration // for an answer
}

func (b *box) dial(t testing.TB, port string) *client {
	t.Helper()
	if b.pipe != nil {
		conn := b.pipe.dial()
		return &client{t: t, conn: conn, in: &lineReader{r: conn}, patience: time.Hour}
	}
	port, clear := strings.CutSuffix(port, " clear")
	conn, err := net.Dial("tcp", b.ports[port])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, in: &lineReader{r: conn}, patience: 30 * time.Second}
	if port == "465" && !clear {
		c.startTLS(b.tls)
	}
	return c
}

func (c *client) startTLS(config *tls.Config) {
	c.t.Helper()
	s := tls.Client(c.conn, config)
	if err := s.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.in = s, &lineReader{r: s}
}

func (c *client) send(format string, a ...any) {
	c.t.Helper()
	c.raw(fmt.Sprintf(format, a...) + "\r\n")
}

func (c *client) raw(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal("send:", err)
	}
}

// line returns the next line without its end, "" at the end of the connection.
func (c *client) line() string {
	c.conn.SetReadDeadline(time.Now().Add(c.patience))
	s, err := c.in.line()
	if err != nil && s == "" {
		return ""
	}
	return s
}

// expect reads one whole answer and wants it to begin so.
func (c *client) expect(prefix string) string {
	c.t.Helper()
	for {
		s := c.line()
		if len(s) > 3 && s[3] == '-' {
			continue
		}
		if !strings.HasPrefix(s, prefix) {
			c.t.Fatalf("server says %q, want %q", s, prefix)
		}
		return s
	}
}

// lineReader reads lines octet by octet, so that nothing is buffered when the
// connection changes over to TLS.
type lineReader struct{ r io.Reader }

func (l *lineReader) line() (string, error) {
	var s []byte
	var c [1]byte
	for {
		if _, err := io.ReadFull(l.r, c[:]); err != nil {
			return string(s), err
		}
		if c[0] == '\n' {
			return strings.TrimSuffix(string(s), "\r"), nil
		}
		s = append(s, c[0])
	}
}

// deliver sends one small message on port 25 and returns the queue id.
func (b *box) deliver(t testing.TB, to string) string {
	t.Helper()
	c := b.dial(t, "25")
	defer c.conn.Close()
	c.expect("220")
	c.send("EHLO next.example")
	c.expect("250")
	c.send("MAIL FROM:<friend@example.com>")
	c.expect("250")
	c.send("RCPT TO:<%s>", to)
	c.expect("250")
	c.send("DATA")
	c.expect("354")
	c.raw("From: friend@example.com\r\nSubject: next\r\n\r\nstill here\r\n.\r\n")
	reply := c.expect("250 2.0.0 OK: queued as ")
	c.send("QUIT")
	c.expect("221")
	return strings.TrimPrefix(reply, "250 2.0.0 OK: queued as ")
}
