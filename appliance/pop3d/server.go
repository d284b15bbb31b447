package pop3d

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"posthorn/appliance/listen"
	"posthorn/appliance/login"
	"posthorn/store"
)

// Limits that have a field in [Server] use these where the field is zero.
const (
	DefaultMaxConnections = 64               // at once
	DefaultMaxPerAddress  = 16               // at once from one address
	DefaultIdleTime       = 10 * time.Minute // RFC 1939 section 3 allows no less
	DefaultLoginTime      = 2 * time.Minute  // from the greeting to the login
	DefaultWriteTime      = 30 * time.Second // for each 8 KiB sent
)

// Limits without a field.
const (
	maxLine       = 255     // octets of a command with its CRLF, RFC 2449 section 4
	maxSASLLine   = 4096    // octets of a base64 line of AUTH
	maxSkipped    = 1 << 16 // octets of an over-long line that are read to find its end
	maxFailures   = 10      // commands answered with an error by the session, then it ends
	maxRefusals   = 3       // failed logins, then it ends
	maxMessages   = 500_000 // of a maildrop; the oldest, the others follow when these are gone
	lineTime      = 30 * time.Second
	handshakeTime = 20 * time.Second
	lingerTime    = time.Second     // after the last answer, for the client to hang up
	stopTime      = 8 * time.Second // to finish a command when the server stops
)

// Server serves INBOXes by POP3. Store and Keeper must be set; the fields
// must not change after the first Serve. One Server serves all listeners, so
// that limits and maildrop locks count together.
type Server struct {
	Store    *store.Store
	Keeper   *login.Keeper
	TLS      *tls.Config   // for STLS and ServeTLS; nil: neither
	Hostname func() string // for the greeting; nil: "mailbox.local"
	Version  string        // for IMPLEMENTATION, RFC 2449 section 6.9; may be empty
	Log      *slog.Logger  // nil discards

	MaxConnections int           // at once; 0 = DefaultMaxConnections
	MaxPerAddress  int           // at once from one address, IPv6: one /64; 0 = DefaultMaxPerAddress
	IdleTime       time.Duration // without a command before a session is ended; 0 = DefaultIdleTime
	LoginTime      time.Duration // a connection may last before it logs in; 0 = DefaultLoginTime
	WriteTime      time.Duration // in which a client must take 8 KiB; 0 = DefaultWriteTime

	start   sync.Once
	limiter listen.Limiter
	drops   locks
}

// Connections returns how many connections are open, for the box's metrics.
func (s *Server) Connections() int { return s.limiter.Open() }

func (s *Server) init() {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Hostname == nil {
		s.Hostname = func() string { return "mailbox.local" }
	}
	orDefault(&s.MaxConnections, DefaultMaxConnections)
	orDefault(&s.MaxPerAddress, DefaultMaxPerAddress)
	orDefault(&s.IdleTime, DefaultIdleTime)
	orDefault(&s.LoginTime, DefaultLoginTime)
	orDefault(&s.WriteTime, DefaultWriteTime)
	s.limiter = listen.Limiter{
		Total:      s.MaxConnections,
		PerAddress: s.MaxPerAddress,
		Refusal:    "-ERR [SYS/TEMP] too many connections; close one or try again later\r\n",
		Refused: func(from netip.Addr, open int) {
			s.Log.Warn("pop3 connection refused: too many", "from", from, "open", open)
		},
	}
}

func orDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Serve accepts connections in the clear, where STLS starts TLS (RFC 2595
// section 4) and no password is taken before, except over loopback. It
// returns nil when ctx has ended and the sessions are finished, within ten
// seconds, or the listener's error. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	return s.serve(ctx, ln, false)
}

// ServeTLS is Serve with TLS from the first octet (RFC 8314 section 3.2).
func (s *Server) ServeTLS(ctx context.Context, ln net.Listener) error {
	if s.TLS == nil {
		ln.Close()
		return errors.New("pop3s cannot be served: no TLS configuration")
	}
	return s.serve(ctx, ln, true)
}

func (s *Server) serve(ctx context.Context, ln net.Listener, implicit bool) error {
	s.start.Do(s.init)
	ln = s.limiter.Wrap(ln, !implicit)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	return listen.Accept(ctx, ln, "pop3", s.Log, func(conn net.Conn) {
		sessions.Go(func() { s.session(ctx, conn, implicit) })
	})
}

// session serves one connection to its end.
func (s *Server) session(ctx context.Context, raw net.Conn, implicit bool) {
	id := sessionID()
	c := newConn(raw, s.WriteTime)
	defer c.close()
	stop := context.AfterFunc(ctx, func() { c.stop(stopTime) })
	defer stop()

	x := &session{server: s, conn: c, log: s.Log.With("session", id, "from", c.remote)}
	defer x.end()
	if implicit {
		if err := c.handshake(ctx, s.TLS); err != nil {
			x.log.Info("pop3 TLS handshake failed", "error", err)
			var plain tls.RecordHeaderError
			if errors.As(err, &plain) && plain.Conn != nil {
				c.fail("this port speaks TLS from the start; use port 110 to begin without")
			}
			return
		}
	}
	x.run(ctx)
}

// sessionID returns eight characters that find a session's lines in the log.
func sessionID() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// locks are the maildrops in use: one session for each (RFC 1939 section 4).
type locks struct {
	mu   sync.Mutex
	held map[store.AccountID]bool
}

func (l *locks) take(id store.AccountID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[id] {
		return false
	}
	if l.held == nil {
		l.held = make(map[store.AccountID]bool)
	}
	l.held[id] = true
	return true
}

func (l *locks) release(id store.AccountID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, id)
}
