package imapd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/appliance/events"
	"posthorn/appliance/listen"
	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/store"
)

// Server serves the mailboxes of a store by IMAP. Store, Hub and Keeper are
// needed; the fields must not be changed once Serve or ServeTLS was called.
type Server struct {
	Store  *store.Store
	Hub    *events.Hub   // gets the store's commits
	Keeper *login.Keeper // decides about logins
	// Office sends what is put into Outbox and the mailboxes below it; nil:
	// nothing is.
	Office *post.Office
	// TLS is what the TLS port and STARTTLS use; without it STARTTLS is not
	// offered.
	TLS     *tls.Config
	Version string       // told to clients that ask (RFC 2971); may be empty
	Log     *slog.Logger // nil discards

	// MaxConns and MaxConnsPerAddress bound the connections on all listeners
	// together; 0 is the default.
	MaxConns           int
	MaxConnsPerAddress int

	start   sync.Once
	limiter *listen.Limiter
	buffers sync.Pool
	number  atomic.Int64 // of the last connection

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// Serve answers connections to a port that starts in the clear and offers
// STARTTLS. Before TLS, passwords are taken from this machine only. It returns
// nil after ctx has ended and the sessions have said BYE, at the latest
// stopTimeout later; otherwise the error of the listener, which it closes.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, false)
}

// ServeTLS is Serve for a port that starts with TLS (RFC 8314).
func (s *Server) ServeTLS(ctx context.Context, l net.Listener) error {
	if s.TLS == nil {
		return errors.New("imap cannot serve TLS without a certificate: set Server.TLS")
	}
	return s.serve(ctx, l, true)
}

func (s *Server) init() {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.conns = make(map[*conn]struct{})
	s.buffers.New = func() any { b := make([]byte, 0, gather); return &b }
	s.limiter = &listen.Limiter{
		Total:      DefaultMaxConns,
		PerAddress: DefaultMaxConnsPerAddress,
		Refusal:    "* BYE [UNAVAILABLE] too many connections; close some and try again\r\n",
		Refused: func(from netip.Addr, open int) {
			s.Log.Warn("imap connection refused", "from", from, "open", open)
		},
	}
	if s.MaxConns > 0 {
		s.limiter.Total = s.MaxConns
	}
	if s.MaxConnsPerAddress > 0 {
		s.limiter.PerAddress = s.MaxConnsPerAddress
	}
}

// serve accepts connections and gives them, wrapped, to a server of the library
// by a listener that is only a queue.
func (s *Server) serve(ctx context.Context, l net.Listener, implicitTLS bool) error {
	s.start.Do(s.init)
	var sessions sync.WaitGroup
	queue := &queue{conns: make(chan net.Conn), done: make(chan struct{}), addr: l.Addr()}
	served := make(chan struct{})
	go func() {
		s.engine().Serve(queue) // until the queue is closed
		close(served)
	}()

	err := listen.Accept(ctx, s.limiter.Wrap(l, !implicitTLS), "imap", s.Log, func(raw net.Conn) {
		sessions.Add(1)
		go s.open(raw, implicitTLS, queue, &sessions)
	})
	s.stop(&sessions)
	queue.Close()
	<-served
	return err
}

// open prepares a connection and hands it to the library.
func (s *Server) open(raw net.Conn, implicitTLS bool, to *queue, sessions *sync.WaitGroup) {
	id := fmt.Sprintf("imap-%d", s.number.Add(1))
	log := s.Log.With("session", id)
	remote := listen.Address(raw.RemoteAddr())
	if implicitTLS {
		over, err := handshake(raw, s.TLS)
		if err != nil {
			log.Info("imap TLS failed", "from", remote, "error", err)
			raw.Close()
			sessions.Done()
			return
		}
		raw = over
	}
	c := &conn{
		server:  s,
		log:     log,
		remote:  remote,
		raw:     raw,
		tls:     implicitTLS,
		secure:  implicitTLS || remote.IsLoopback(),
		in:      bufio.NewReaderSize(raw, 4<<10),
		out:     output{raw: raw, pool: &s.buffers},
		loginBy: time.Now().Add(loginTimeout),
	}
	c.closed = func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		sessions.Done()
	}
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	log.Debug("imap connection", "from", remote, "tls", implicitTLS)
	select {
	case to.conns <- c:
	case <-to.done:
		c.Close()
	}
}

// stop has the sessions end after their current command, and cuts those that
// take too long. It ends the sessions of all listeners: they stop together.
func (s *Server) stop(sessions *sync.WaitGroup) {
	s.each((*conn).stop)
	ended := make(chan struct{})
	go func() { sessions.Wait(); close(ended) }()
	hard := time.NewTimer(stopTimeout)
	defer hard.Stop()
	again := time.NewTicker(100 * time.Millisecond) // for those that were in their handshake
	defer again.Stop()
	for {
		select {
		case <-ended:
			return
		case <-again.C:
			s.each((*conn).stop)
		case <-hard.C:
			s.each((*conn).drop)
			return
		}
	}
}

func (s *Server) each(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
}

// engine makes the library's server.
func (s *Server) engine() *imapserver.Server {
	return imapserver.New(&imapserver.Options{
		NewSession: func(ic *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			c := ic.NetConn().(*conn)
			c.session = &session{server: s, conn: c, engine: ic}
			return c.session, nil, nil
		},
		// What clients are told is in conn.capabilities. LITERAL+ is here only
		// because conn hands on every literal in that form.
		Caps: imap.CapSet{
			imap.CapIMAP4rev1:        {},
			imap.CapIMAP4rev2:        {},
			imap.CapLiteralPlus:      {},
			imap.CapNamespace:        {},
			imap.CapMove:             {},
			imap.CapSpecialUse:       {},
			imap.CapCreateSpecialUse: {},
		},
		Logger: engineLog{s.Log},
		// conn decides whether a password may be sent; the library sees no TLS.
		InsecureAuth: true,
	})
}

// queue is the listener the library accepts from.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.addr }

// engineLog takes what the library has to say. A connection that broke off is
// not worth a line; a panic is.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Printf(format string, args ...any) {
	level := slog.LevelDebug
	if strings.HasPrefix(format, "panic") {
		level = slog.LevelError
	}
	l.log.Log(context.Background(), level, "imap engine", "says", fmt.Sprintf(format, args...))
}
