package imapd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/login"
	"posthorn/appliance/message"
	"posthorn/store"
)

// box is a running server over a real store, with the accounts alice and bob.
type box struct {
	t          testing.TB
	server     *Server
	store      *store.Store
	clear, tls string // addresses
	stop       func()
	alice      store.AccountID
}

const password = "correct horse battery"

// newBox starts a box with its store in memory, or in dir.
func newBox(t testing.TB, dir string) *box {
	t.Helper()
	b := newStore(t, dir)
	b.listen(func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
	return b
}

// newStore makes the store of a box that does not listen yet. At the end of the
// test the store is checked.
func newStore(t testing.TB, dir string) *box {
	t.Helper()
	hub := events.NewHub()
	st, err := store.Open(store.Options{Dir: dir, OnCommit: hub.Announce})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := login.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, store: st, server: &Server{Store: st, Hub: hub, TLS: testTLS(t), Version: "1.0", MaxConnsPerAddress: DefaultMaxConns}}
	err = st.Update(func(tx *store.Tx) error {
		for _, name := range []string{"alice", "bob"} {
			a := &store.Account{Name: name, Password: hash}
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			if name == "alice" {
				b.alice = a.ID
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b.stop != nil {
			b.stop()
		}
		report, err := b.store.Check(context.Background())
		if err != nil || report.Count > 0 {
			t.Errorf("store check: %v %+v", err, report)
		}
		b.store.Close()
	})
	return b
}

// listen serves on two listeners, in the clear and with TLS.
func (b *box) listen(open func() net.Listener) {
	b.server.Keeper = &login.Keeper{Store: b.store, Domain: func() []string { return []string{"mailbox.local"} }}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	serve := func(serve func(context.Context, net.Listener) error) string {
		l := open()
		go func() { ended <- serve(ctx, l) }()
		return l.Addr().String()
	}
	b.clear, b.tls = serve(b.server.Serve), serve(b.server.ServeTLS)
	b.stop = func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				b.t.Errorf("serve: %v", err)
			}
		}
		b.stop = func() {}
	}
}

// testTLS makes a certificate for the tests.
func testTLS(t testing.TB) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mailbox.local"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// put delivers messages to a mailbox of alice as the post office would.
func (b *box) put(mailbox string, bodies ...string) {
	b.t.Helper()
	for _, body := range bodies {
		b.putAs(mailbox, body, body)
	}
}

// putAs delivers a body with the record of another.
func (b *box) putAs(mailbox, record, body string) {
	b.t.Helper()
	w := b.store.NewBlob()
	scanner := message.NewScanner()
	fmt.Fprint(w, body)
	fmt.Fprint(scanner, record)
	meta, err := scanner.Finish().Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.store.Update(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(b.alice, mailbox)
		if err != nil {
			return err
		}
		id, err := tx.PutMessage(w, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), meta)
		if err != nil {
			return err
		}
		_, err = tx.Append(mb.ID, id, 0, nil)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// client is one connection of a test.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	tag  int
	at   int // line of the dialog, if there is one
}

// dial connects in the clear and reads the greeting.
func (b *box) dial() *client {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.clear)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.client(conn)
}

// client reads the greeting of a connection.
func (b *box) client(conn net.Conn) *client {
	b.t.Helper()
	c := &client{t: b.t, conn: conn}
	c.startReading()
	b.t.Cleanup(func() { conn.Close() })
	if line := c.line(); !strings.HasPrefix(line, "* OK [CAPABILITY ") {
		b.t.Fatalf("greeting: %q", line)
	}
	return c
}

// login connects as alice.
func (b *box) login() *client {
	b.t.Helper()
	c := b.dial()
	c.ok("LOGIN alice \"" + password + "\"")
	return c
}

func (c *client) startReading() { c.r = bufio.NewReader(c.conn) }

// startTLS goes on over TLS.
func (c *client) startTLS() {
	c.t.Helper()
	over := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	c.conn = over
	c.startReading()
	if err := over.Handshake(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(text string) {
	c.t.Helper()
	c.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// closed is what line returns at the end of the connection.
const closed = "(the end)"

// line reads one line.
func (c *client) line() string {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := c.r.ReadString('\n')
	if err != nil && isTimeout(err) {
		c.t.Fatalf("line %d: the server says nothing", c.at)
	}
	if err != nil {
		return line + closed
	}
	return strings.TrimRight(line, "\r\n")
}

// do sends a command and returns all lines up to the tagged one, which is last.
func (c *client) do(command string) []string {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("t%d", c.tag)
	c.send(tag + " " + command + "\r\n")
	return c.until(tag)
}

func (c *client) until(tag string) (lines []string) {
	c.t.Helper()
	for {
		line := c.line()
		lines = append(lines, line)
		if strings.HasSuffix(line, closed) || strings.HasPrefix(line, tag+" ") {
			return lines
		}
	}
}

// ok is do for a command that must succeed; it returns the untagged lines.
func (c *client) ok(command string) []string {
	c.t.Helper()
	lines := c.do(command)
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, fmt.Sprintf("t%d OK", c.tag)) {
		c.t.Fatalf("%s: %q", command, lines)
	}
	return lines[:len(lines)-1]
}

// fails is do for a command that must be refused; it returns the answer
// without its tag.
func (c *client) fails(command string) string {
	c.t.Helper()
	lines := c.do(command)
	answer, _ := strings.CutPrefix(lines[len(lines)-1], fmt.Sprintf("t%d ", c.tag))
	if !strings.HasPrefix(answer, "NO") && !strings.HasPrefix(answer, "BAD") {
		c.t.Fatalf("%s: %q", command, lines)
	}
	return answer
}
