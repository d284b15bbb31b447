// Package smtpd takes mail in: port 25 from the home network, 587 and 465 from
// people who log in. What becomes of a message is package post's affair.
//
// # The library and the wire
//
// go-smtp speaks the protocol: it parses commands and their parameters,
// announces extensions, finds the ends of messages and formats answers. Each
// connection has a go-smtp server of its own, so that it begins with the
// owner's settings of that moment. Between it and the network stands a wire, a
// net.Conn above TLS that hands over one line at a time and therefore always
// knows what the client is to send next. What go-smtp leaves open is met
// there, each with a test:
//
//   - A deadline that passes in DATA made the rest of the body run as commands,
//     and was absolute for the whole body. The wire asks for a least pace
//     instead, and an error in a body is final.
//   - A BDAT chunk cut off by a lost connection counted as complete, and the
//     shortened message as delivered. The wire reports an unexpected end.
//   - After a BDAT line that was not understood the chunk ran as commands. The
//     wire ends the session.
//   - BDAT lines pipelined with their chunk were too long. The wire limits
//     commands and text lines, each by its own length.
//   - CR CR LF dot CR LF, an end of data by RFC 5321, was not seen and the
//     session hung. A text with a bare CR, a bare LF or a NUL is refused as a
//     whole (554 5.6.0), and go-smtp gets a clean end mark in its place.
//   - Commands with a bare LF were carried out, commands pipelined after QUIT
//     crashed into a missing session, <postmaster> was refused, MAIL was taken
//     twice, and nothing but syntax errors was counted.
//
// STARTTLS is done by the wire as well, so that it stays above TLS; go-smtp
// then begins anew, with its greeting unheard.
//
// # Ports
//
//	Serve            25   no login; local recipients; local networks only
//	                      unless Settings.OpenToInternet
//	ServeSubmission  587  STARTTLS, login required, passwords only under TLS or
//	                      over loopback
//	ServeSubmissions 465  the same, TLS from the start (RFC 8314)
package smtpd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"posthorn/appliance/listen"
	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/store"
)

// Server serves SMTP on any number of listeners, which share its limits. Its
// fields must not change after the first call of a Serve method.
type Server struct {
	// Office takes the messages; its Store has the settings, its Name greets.
	Office *post.Office

	// Keeper checks logins.
	Keeper *login.Keeper

	// TLS is used for STARTTLS and on port 465. Without it port 25 and 587
	// offer no STARTTLS and nobody but loopback clients can log in.
	TLS *tls.Config

	// Log gets one line for each login, refusal and accepted message, with the
	// session's id; nil discards them.
	Log *slog.Logger

	// Limits; zero fields take DefaultLimits.
	Limits Limits

	start   sync.Once
	limits  Limits
	limiter listen.Limiter
}

// port is what differs between the ways in.
type port struct {
	submission bool
	implicit   bool // TLS from the start
}

// Serve takes mail for local recipients (port 25). It returns nil when ctx has
// ended and the sessions are done, or the listener's error. Sessions waiting
// for a command are told 421 at once; those in a message have
// Limits.StopTimeout to finish.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, port{})
}

// ServeSubmission is Serve for people who log in after STARTTLS (port 587,
// RFC 6409).
func (s *Server) ServeSubmission(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, port{submission: true})
}

// ServeSubmissions is Serve for people who log in with TLS from the start
// (port 465, RFC 8314).
func (s *Server) ServeSubmissions(ctx context.Context, l net.Listener) error {
	if s.TLS == nil {
		return errors.New("submission with TLS from the start needs a TLS configuration")
	}
	return s.serve(ctx, l, port{submission: true, implicit: true})
}

func (s *Server) init() {
	s.limits = s.Limits.filled()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.limiter = listen.Limiter{
		Total:      s.limits.Connections,
		PerAddress: s.limits.PerAddress,
		Refusal:    "421 4.7.0 too many connections, try again later\r\n",
		Refused: func(from netip.Addr, open int) {
			s.Log.Warn("connection refused: too many", "service", "smtp", "from", from, "open", open)
		},
	}
}

func (s *Server) serve(ctx context.Context, l net.Listener, p port) error {
	s.start.Do(s.init)
	l = s.limiter.Wrap(l, !p.implicit)
	// Messages are finished after ctx has ended; sessions end with running.
	running, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	var open sessions
	stopped := context.AfterFunc(ctx, open.stop)
	defer stopped()

	err := listen.Accept(ctx, l, "smtp", s.Log, func(c net.Conn) {
		open.serve(func() *wire { return newWire(c, s.limits, s.Log) }, func(w *wire) { s.handle(running, w, p) })
	})
	open.stop()
	if !open.wait(s.limits.StopTimeout) {
		kill()
		open.kill()
		open.wait(time.Second)
	}
	return err
}

// handle has one conversation, from the greeting to the end.
func (s *Server) handle(ctx context.Context, w *wire, p port) {
	defer w.finish()
	id := rand.Text()[:8]
	w.future = p.submission
	w.log = s.Log.With("service", "smtp", "session", id, "client", w.remote())
	w.name = s.Office.Name()
	if p.implicit {
		if w.handshake(s.TLS) != nil {
			return
		}
	} else {
		w.offer = s.TLS
	}
	settings, err := s.Office.Settings()
	if err != nil {
		w.log.Error("settings cannot be read", "error", err)
		w.hangUp("421 4.3.0 the mail store of this box does not answer, try again later")
		return
	}
	if w.size = settings.MaxMessageSize; w.size <= 0 {
		w.size = store.DefaultSettings().MaxMessageSize
	}
	w.outside = !p.submission && !nearby(w.remote(), w.raw.LocalAddr())
	if w.outside && !settings.OpenToInternet {
		w.hangUp("554 5.7.1 this box takes mail from its home network only")
		return
	}
	for again := true; again; again = w.upgraded() {
		s.converse(ctx, w, p, id)
	}
}

// sessions are the open conversations of a listener.
type sessions struct {
	mu    sync.Mutex
	all   map[*wire]struct{}
	ended bool
	wg    sync.WaitGroup
}

func (o *sessions) serve(open func() *wire, handle func(*wire)) {
	w := open()
	o.mu.Lock()
	if o.all == nil {
		o.all = map[*wire]struct{}{}
	}
	o.all[w] = struct{}{}
	if o.ended {
		w.stop()
	}
	o.mu.Unlock()
	o.wg.Go(func() {
		defer func() {
			o.mu.Lock()
			delete(o.all, w)
			o.mu.Unlock()
		}()
		handle(w)
	})
}

func (o *sessions) each(fn func(*wire)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for w := range o.all {
		fn(w)
	}
}

func (o *sessions) stop() {
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.each((*wire).stop)
}

func (o *sessions) kill() { o.each((*wire).kill) }

// wait returns false when sessions are still open after d.
func (o *sessions) wait(d time.Duration) bool {
	done := make(chan struct{})
	go func() { o.wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
