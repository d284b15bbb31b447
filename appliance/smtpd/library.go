package smtpd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"

	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/store"
)

// converse lets go-smtp talk over w until the client leaves or TLS begins.
func (s *Server) converse(ctx context.Context, w *wire, p port, id string) {
	lib := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return s.session(ctx, c, w, p, id), nil
	}))
	_, secure := w.secure()
	lib.Domain = w.name
	lib.TLSConfig = w.offer // for the announcement; the wire does the rest
	lib.AllowInsecureAuth = secure || w.remote().IsLoopback()
	lib.MaxLineLength = 0 // the wire knows better which limit applies
	lib.MaxMessageBytes = w.size
	lib.MaxRecipients = s.limits.Recipients
	lib.EnableSMTPUTF8 = true
	lib.EnableBINARYMIME = true
	lib.EnableDSN = true
	lib.EnableREQUIRETLS = secure // the wire announces it
	lib.ErrorLog = libraryLog{w.log}

	c := &stage{wire: w, closed: make(chan struct{})}
	lib.Serve(&solo{conn: c})
	lib.Shutdown(context.Background()) // waits for its goroutine to return
}

// session makes go-smtp's view of the conversation. go-smtp hands no context
// to it, so the calls it makes are given theirs here.
func (s *Server) session(ctx context.Context, c *smtp.Conn, w *wire, p port, id string) *session {
	return &session{
		wire: w,
		port: p,
		id:   id,
		helo: c.Hostname,
		resolve: func(e *post.Envelope, address string) (post.Recipient, error) {
			return s.Office.Resolve(ctx, e, address)
		},
		admit: func(e *post.Envelope) error { return s.Office.Admit(ctx, e) },
		maySend: func(account store.AccountID, address string) error {
			return s.Office.MaySend(ctx, account, address)
		},
		accept: func(e *post.Envelope, body io.Reader) (string, error) {
			return s.Office.Accept(ctx, e, body)
		},
		login: func(user, password string) (login.Identity, error) {
			return s.Keeper.Login(ctx, user, password, w.remote(), "smtp")
		},
	}
}

// stage is a wire for as long as one go-smtp conversation lasts: closing it
// ends the conversation and leaves the wire open.
type stage struct {
	*wire
	once   sync.Once
	closed chan struct{}
}

func (c *stage) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// Read gives nothing after Close, so that commands pipelined behind QUIT are
// not carried out.
func (c *stage) Read(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
		return c.wire.Read(p)
	}
}

// solo is a listener with one connection. Its second Accept returns when that
// connection is closed.
type solo struct {
	conn  *stage
	given bool
}

func (l *solo) Accept() (net.Conn, error) {
	if l.given {
		<-l.conn.closed
		return nil, net.ErrClosed
	}
	l.given = true
	return l.conn, nil
}

func (l *solo) Close() error   { return nil }
func (l *solo) Addr() net.Addr { return l.conn.LocalAddr() }

// libraryLog takes go-smtp's own messages: lost connections, which are no
// event, and panics, which are.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.HasPrefix(text, "panic") {
		l.log.Error("session failed", "error", text)
		return
	}
	l.log.Debug("session ended", "error", text)
}

func (l libraryLog) Println(v ...any) { l.Printf("%s", fmt.Sprintln(v...)) }
