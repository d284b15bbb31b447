package queue

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"posthorn/appliance/events"
	"posthorn/appliance/post"
	"posthorn/appliance/relay"
	"posthorn/store"
)

// elsewhere is a mail server of another system: a real one, on a socket.
type elsewhere struct {
	addr *net.TCPAddr

	mu    sync.Mutex
	rcpt  func(to string) error // decides about recipients; nil takes all
	data  func() error          // decides about messages
	mails []taken
	conns int
	hides string // an extension that it does not show
}

// shy is the listener of a server that may hide an extension.
type shy struct {
	net.Listener
	e *elsewhere
}

func (l shy) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return shyConn{c, l.e}, err
}

type shyConn struct {
	net.Conn
	e *elsewhere
}

func (c shyConn) Write(p []byte) (int, error) {
	c.e.mu.Lock()
	hides := c.e.hides
	c.e.mu.Unlock()
	if hides != "" {
		if _, err := c.Conn.Write(bytes.ReplaceAll(p, []byte("250-"+hides+"\r\n"), nil)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// taken is a message the server took.
type taken struct {
	from string
	to   []string
	text string
}

func newElsewhere(t *testing.T) *elsewhere {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := serveElsewhere(t, l)
	e.addr = l.Addr().(*net.TCPAddr)
	return e
}

// pipes is a listener for a server in a bubble of synctest, where there are no
// sockets.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
	down  atomic.Bool // connections are refused
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
	p.end = sync.OnceFunc(func() { close(p.ended) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.end()
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

// dial is for relay.Relay.Dial.
func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if p.down.Load() {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.ended:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func serveElsewhere(t *testing.T, l net.Listener) *elsewhere {
	e := new(elsewhere)
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.conns++
		return &visit{e: e}, nil
	}))
	s.Domain = "mx.elsewhere.example"
	go s.Serve(shy{l, e})
	t.Cleanup(func() { s.Close() })
	return e
}

func (e *elsewhere) set(rcpt func(string) error, data func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rcpt, e.data = rcpt, data
}

func (e *elsewhere) got() []taken {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]taken(nil), e.mails...)
}

// visit is a session of that server.
type visit struct {
	e *elsewhere
	m taken
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	v.m = taken{from: from}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.e.mu.Lock()
	rcpt := v.e.rcpt
	v.e.mu.Unlock()
	if rcpt != nil {
		if err := rcpt(to); err != nil {
			return err
		}
	}
	v.m.to = append(v.m.to, to)
	return nil
}

func (v *visit) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.e.mu.Lock()
	data := v.e.data
	v.e.mu.Unlock()
	if data != nil {
		if err := data(); err != nil {
			return err
		}
	}
	v.m.text = string(b)
	v.e.mu.Lock()
	defer v.e.mu.Unlock()
	v.e.mails = append(v.e.mails, v.m)
	return nil
}

func (v *visit) Reset()        {}
func (v *visit) Logout() error { return nil }

// box is a queue with its store and the accounts alice, the owner, and bob.
type box struct {
	*Queue
	t     testing.TB
	alice store.Account
	stop  func()
}

// newBox makes a box whose smarthost is e, or that has none.
func newBox(t testing.TB, e *elsewhere, undo time.Duration) *box {
	b := &box{t: t}
	b.open("")
	b.alice = b.account("alice", undo)
	b.account("bob", 0)
	if e != nil {
		b.useSmarthost(e.addr.Port)
	}
	t.Cleanup(func() {
		if b.stop != nil {
			b.stop()
		}
		if r, err := b.Store.Check(context.Background()); err != nil || r.Count > 0 {
			t.Errorf("check: %v %+v", err, r)
		}
		b.Store.Close()
	})
	return b
}

// open makes the queue and its store, in a directory or in memory.
func (b *box) open(dir string) {
	b.t.Helper()
	hub := events.NewHub()
	s, err := store.Open(store.Options{Dir: dir, OnCommit: hub.Announce})
	if err != nil {
		b.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(b.t.Output(), nil))
	office := &post.Office{Store: s, Hostname: func() string { return "mailbox" }, Log: log}
	b.Queue = &Queue{Store: s, Office: office, Hub: hub, Log: log,
		Relay: &relay.Relay{Hostname: office.Name, Log: log, Own: func(netip.Addr) bool { return false }}}
}

// account makes an account; the first is the owner's.
func (b *box) account(name string, undo time.Duration) store.Account {
	b.t.Helper()
	a := store.Account{Name: name, Owner: name == "alice", Undo: undo}
	if err := b.Store.Update(func(tx *store.Tx) error { return tx.CreateAccount(&a) }); err != nil {
		b.t.Fatal(err)
	}
	return a
}

// useSmarthost does what the owner does to send through a server here.
func (b *box) useSmarthost(port int) {
	b.t.Helper()
	err := b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Sending = store.SendSmarthost
		if err := tx.PutSettings(set); err != nil {
			return err
		}
		return relay.PutSmarthosts(tx, []relay.Smarthost{{Host: "127.0.0.1", Port: port, Security: relay.Clear}})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// run runs the queue until the test ends, or stop is called.
func (b *box) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("queue: %v", err)
		}
	})
}

// submit sends a message of alice's.
func (b *box) submit(header string, to ...string) {
	b.t.Helper()
	e := &post.Envelope{From: "alice@mailbox.local", Submitter: &b.alice, Protocol: "ESMTPSA"}
	for _, a := range to {
		r, err := b.Office.Resolve(context.Background(), e, a)
		if err != nil {
			b.t.Fatal(err)
		}
		e.Recipients = append(e.Recipients, r)
	}
	text := "From: alice@mailbox.local\r\nSubject: hello\r\n" + header + "\r\n.dot\r\nbody\r\n"
	if _, err := b.Office.Accept(context.Background(), e, strings.NewReader(text)); err != nil {
		b.t.Fatal(err)
	}
}

// waiting lists the queue.
func (b *box) waiting() []*store.Queued {
	b.t.Helper()
	var list []*store.Queued
	err := b.Store.View(func(tx *store.Tx) (err error) {
		list, err = tx.AllQueued(0, 100)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// mailbox returns what lies in a mailbox of an account.
func (b *box) mailbox(account, name string) (texts []string) {
	b.t.Helper()
	var blobs []store.Blob
	err := b.Store.View(func(tx *store.Tx) error {
		a, err := tx.AccountByName(account)
		if err != nil {
			return err
		}
		mb, err := tx.MailboxByName(a.ID, name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 0, 0) {
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
		b.t.Fatal(err)
	}
	for _, blob := range blobs {
		r, err := b.Store.OpenBlob(blob)
		if err != nil {
			b.t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := io.Copy(&text, r); err != nil {
			b.t.Fatal(err)
		}
		r.Close()
		texts = append(texts, text.String())
	}
	return texts
}

// eventually waits for something that takes no time of its own.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}
