package pop3d

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/certs"
	"posthorn/appliance/login"
	"posthorn/store"
)

const secret = "correct horse"

// received is the INTERNALDATE of the messages that tests deliver.
var received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

// box is a server on loopback, with its store.
type box struct {
	server *Server
	store  *store.Store
	dir    string // the store's
	alice  store.AccountID
	inbox  store.MailboxID

	network, addr string
	tlsAddr       string
	roots         *tls.Config // for clients
	stop          func()      // ends the server
}

// newStore opens a store with the accounts alice and bob.
func newStore(t testing.TB) *box {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir, Memory: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	hash, err := login.HashPassword(secret)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{store: s, dir: dir}
	err = s.Update(func(tx *store.Tx) error {
		for _, name := range []string{"bob", "alice"} {
			acct := &store.Account{Name: name, Password: hash}
			if err := tx.CreateAccount(acct); err != nil {
				return err
			}
			mb, err := tx.MailboxByRole(acct.ID, store.RoleInbox)
			if err != nil {
				return err
			}
			b.alice, b.inbox = acct.ID, mb.ID
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.server = &Server{
		Store:    s,
		Keeper:   &login.Keeper{Store: s, Domain: func() []string { return []string{"mailbox.local"} }},
		Hostname: func() string { return "mailbox.local" },
		Version:  "1.0",
	}
	return b
}

// newBox serves a new store over TCP, or over a Unix socket, which counts as
// remote.
func newBox(t testing.TB, network string, adjust func(*Server)) *box {
	t.Helper()
	b := newStore(t)
	b.serve(t, network, adjust)
	return b
}

func (b *box) serve(t testing.TB, network string, adjust func(*Server)) {
	t.Helper()
	authority, err := certs.Open(t.TempDir(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.CAPEM())
	b.roots = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	b.server.TLS = authority.Config()
	if adjust != nil {
		adjust(b.server)
	}
	listen := func(network string) net.Listener {
		at := "127.0.0.1:0"
		if network == "unix" {
			at = filepath.Join(t.TempDir(), "pop3")
		}
		ln, err := net.Listen(network, at)
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	clear, secure := listen(network), listen("tcp")
	b.network, b.addr, b.tlsAddr = network, clear.Addr().String(), secure.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	done := make(chan error, 2)
	go func() { done <- b.server.Serve(ctx, clear) }()
	go func() { done <- b.server.ServeTLS(ctx, secure) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	})
}

// deliver appends messages to alice's INBOX; LF becomes CRLF.
func (b *box) deliver(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		b.append(t, strings.ReplaceAll(text, "\n", "\r\n"), 0)
	}
}

func (b *box) append(t testing.TB, raw string, flags store.Flags) {
	t.Helper()
	w := b.store.NewBlob()
	defer w.Abort()
	if _, err := io.WriteString(w, raw); err != nil {
		t.Fatal(err)
	}
	err := b.store.Update(func(tx *store.Tx) error {
		id, err := tx.PutMessage(w, received, nil)
		if err != nil {
			return err
		}
		_, err = tx.Append(b.inbox, id, flags, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// entries reads one of alice's mailboxes.
func (b *box) entries(t testing.TB, role store.Role) []store.Entry {
	t.Helper()
	var all []store.Entry
	err := b.store.View(func(tx *store.Tx) error {
		all = nil
		mb, err := tx.MailboxByRole(b.alice, role)
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (b *box) update(t testing.TB, f func(*store.Tx) error) {
	t.Helper()
	if err := b.store.Update(f); err != nil {
		t.Fatal(err)
	}
}

// client is a mail program's side of a session.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dial connects without reading the greeting.
func (b *box) dial(t testing.TB) *client {
	t.Helper()
	c, err := net.Dial(b.network, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, c, bufio.NewReader(c)}
}

// dialTLS connects to the TLS port and takes the greeting.
func (b *box) dialTLS(t testing.TB) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", b.tlsAddr, b.roots)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.expect("+OK")
	return c
}

// login connects and logs alice in, and waits while an earlier session of
// the test gives the maildrop back.
func (b *box) login(t testing.TB) *client {
	t.Helper()
	for {
		c := b.dial(t)
		c.expect("+OK")
		c.do("USER alice", "+OK")
		c.send("PASS " + secret + "\r\n")
		answer := c.line()
		if strings.HasPrefix(answer, "+OK") {
			return c
		}
		if !strings.HasPrefix(answer, "-ERR [IN-USE]") {
			t.Fatal(answer)
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("sending %.60q: %v", text, err)
	}
}

// line reads a line without its CRLF.
func (c *client) line() string {
	c.t.Helper()
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reading an answer: %q, %v", s, err)
	}
	text, ok := strings.CutSuffix(s, "\r\n")
	if !ok {
		c.t.Fatalf("answer %q does not end in CRLF", s)
	}
	return text
}

// expect reads a line and checks how it begins.
func (c *client) expect(prefix string) string {
	c.t.Helper()
	s := c.line()
	if !strings.HasPrefix(s, prefix) {
		c.t.Fatalf("answer %q, want %q", s, prefix)
	}
	return s
}

// do sends a command and checks how the answer begins.
func (c *client) do(command, prefix string) string {
	c.t.Helper()
	c.send(command + "\r\n")
	return c.expect(prefix)
}

// body reads the rest of a multi-line answer and takes the dots away.
func (c *client) body() string {
	c.t.Helper()
	var b strings.Builder
	for {
		s := c.line()
		if s == "." {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(s, ".") + "\r\n")
	}
}

// closed checks that the server hangs up without another word.
func (c *client) closed() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("the server does not hang up")
	}
	if len(rest) > 0 {
		c.t.Fatalf("the server went on with %.80q", rest)
	}
}

// three are the messages that most tests start with.
var three = []string{
	"From: bob@mailbox.local\nSubject: one\n\nfirst\n",
	"Subject: two\n\n.dot\n..two\n.\nend\n",
	"Subject: three\n\nline 1\nline 2\nline 3\n",
}

func TestRetrieved(t *testing.T) {
	b := newBox(t, "tcp", nil)
	b.deliver(t, three...)
	c := b.login(t)
	total := 0
	for i, text := range three {
		want := strings.ReplaceAll(text, "\n", "\r\n")
		total += len(want)
		c.do(fmt.Sprint("LIST ", i+1), fmt.Sprintf("+OK %d %d", i+1, len(want)))
		c.do(fmt.Sprint("RETR ", i+1), fmt.Sprintf("+OK %d octets", len(want)))
		if got := c.body(); got != want {
			t.Errorf("message %d is %q, want %q", i+1, got, want)
		}
	}
	c.do("STAT", fmt.Sprintf("+OK 3 %d", total))
	c.do("QUIT", "+OK")
	c.closed()
}

func TestAppPasswordAndDisabledAccount(t *testing.T) {
	b := newBox(t, "tcp", nil)
	shown, _, err := b.server.Keeper.AddAppPassword(b.alice, "scanner")
	if err != nil {
		t.Fatal(err)
	}
	c := b.dial(t)
	c.expect("+OK")
	c.do("USER alice", "+OK")
	c.do("PASS "+shown, "+OK")
	c.do("QUIT", "+OK")
	b.update(t, func(tx *store.Tx) error {
		acct, err := tx.Account(b.alice)
		if err != nil {
			return err
		}
		acct.Disabled = true
		return tx.PutAccount(acct)
	})
	c = b.dial(t)
	c.expect("+OK")
	c.do("USER alice", "+OK")
	c.do("PASS "+shown, "-ERR [AUTH] this account is switched off")
}
