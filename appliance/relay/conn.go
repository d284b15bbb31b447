package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Conn is a connection to a server that has been greeted. It is for one
// goroutine.
type Conn struct {
	relay *Relay
	route Route
	needs needs
	host  string // name of the server
	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	ext   map[string]string // extensions offered: keyword -> parameters
	tls   *tls.ConnectionState
	dead  bool // nothing more can be said
	sent  int  // messages
	final atomic.Bool
	stop  func() bool
}

// needs is what a connection must be like.
type needs struct {
	tls      bool   // encrypted, with a certificate for the server's name
	secure   bool   // and the server promises the same for the rest of the way
	password string // to log in with
}

// Open connects to a server of the route. With secure set only one will do that
// proves who it is and offers REQUIRETLS. The error is a *Failure, or one of
// the store. When ctx ends the connection breaks, StopTime later if the answer
// to a message is awaited.
func (r *Relay) Open(ctx context.Context, route Route, secure bool) (*Conn, error) {
	n := needs{tls: secure, secure: secure}
	var p *policy
	var err error
	if s := route.Smarthost; s != nil {
		n.tls = secure || s.Security != Clear
		n.password = s.Password
		if s.OAuth != nil {
			n.password, err = r.token(ctx, s)
		}
	} else if p, err = r.policy(ctx, route.Domain); p.binds() {
		n.tls = true
	}
	if err != nil {
		return nil, err
	}
	places, err := r.endpoints(ctx, route, p)
	if err != nil {
		return nil, err
	}
	var hope error // the failure of a server that may do another time
	for _, e := range places {
		var c *Conn
		if c, err = r.open(ctx, route, e, n, true); err == nil {
			r.log().InfoContext(ctx, "connected to mail server", "route", route.Name(), "server", c.describe())
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
		r.log().WarnContext(ctx, "mail server not usable", "route", route.Name(), "server", e.host, "address", e.addr, "error", err)
		var f *Failure
		if errors.As(err, &f) && !f.demand {
			hope = err
		}
	}
	if hope != nil {
		err = hope
	}
	return nil, soften(route, err)
}

// open connects to one address. Where TLS is an offer and fails, it goes
// without it in a second connection.
func (r *Relay) open(ctx context.Context, route Route, e endpoint, n needs, tryTLS bool) (*Conn, error) {
	conn, err := r.dial(ctx, e.addr.String())
	if err != nil {
		return nil, &Failure{Host: e.host, Status: "4.4.1", Connection: true, Text: fmt.Sprintf("can't connect to port %d: %s", e.addr.Port(), plain(err))}
	}
	c := &Conn{relay: r, route: route, needs: n, host: e.host}
	c.use(conn)
	c.stop = context.AfterFunc(ctx, func() {
		if c.final.Load() {
			conn.SetDeadline(time.Now().Add(StopTime))
			return
		}
		conn.Close()
	})
	again, err := c.greet(tryTLS)
	if err == nil {
		return c, nil
	}
	c.abandon()
	if again && ctx.Err() == nil {
		r.log().WarnContext(ctx, "TLS failed, going without", "server", e.host, "error", err)
		return r.open(ctx, route, e, n, false)
	}
	return nil, err
}

// plain leaves out of a network error what its reader knows.
func plain(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		if op.Timeout() {
			return "no answer"
		}
		return op.Err.Error()
	}
	return err.Error()
}

func (c *Conn) use(conn net.Conn) {
	c.conn = conn
	c.in = bufio.NewReaderSize(conn, maxReplyLine)
	c.out = bufio.NewWriterSize(conn, 16<<10)
}

// greet brings the connection to where MAIL can be said. again says that a
// connection without TLS is worth a try.
func (c *Conn) greet(tryTLS bool) (again bool, err error) {
	s := c.route.Smarthost
	if s != nil && s.Security == TLS {
		if err := c.handshake(); err != nil {
			return false, err
		}
	}
	c.limit(GreetingTime)
	r, err := c.readReply()
	if err != nil {
		return false, c.broken("before the greeting", err)
	}
	if r.code != 220 {
		f := c.failure(r)
		f.Connection = true
		return false, f
	}
	if name, _, _ := strings.Cut(strings.Join(r.lines, " "), " "); strings.EqualFold(name, c.relay.Hostname()) {
		return false, &Failure{Host: c.host, Status: "5.4.6", Permanent: true, Connection: true,
			Text: "that server is this box itself: mail would go round in circles"}
	}
	if err := c.hello(); err != nil {
		return false, err
	}
	if again, err := c.startTLS(tryTLS); err != nil {
		return again, err
	}
	if c.needs.secure && !c.Offers("REQUIRETLS") {
		return false, c.demanded("5.7.30", "the server does not promise to pass it on encrypted (no REQUIRETLS)")
	}
	if s != nil && s.User != "" {
		return false, c.login(s, c.needs.password)
	}
	return false, nil
}

// demanded is the failure of a server that can't do what a message with
// REQUIRETLS demands; the status codes are those of RFC 8689 section 4.2.1.
func (c *Conn) demanded(status, text string) *Failure {
	return &Failure{Host: c.host, Status: status, Permanent: true, demand: true,
		Text: "the message may travel encrypted only, but " + text}
}

// startTLS turns TLS on where it is offered or needed (RFC 3207).
func (c *Conn) startTLS(tryTLS bool) (again bool, err error) {
	s := c.route.Smarthost
	offered := c.Offers("STARTTLS")
	switch {
	case c.tls != nil, !c.needs.tls && (!offered || !tryTLS || s != nil):
		return false, nil
	case !offered && c.needs.secure:
		return false, c.demanded("5.7.30", "the server offers no encryption (STARTTLS)")
	case !offered:
		return false, &Failure{Host: c.host, Status: "4.7.10", Connection: true, Text: "the server offers no encryption (STARTTLS)"}
	}
	c.limit(LoginTime)
	r, err := c.command("STARTTLS")
	switch {
	case err != nil:
	case r.code >= 500 && c.needs.secure:
		return false, c.demanded("5.7.10", "the server refuses encryption: "+r.text())
	case r.code != 220:
		f := c.failure(r)
		f.Connection = true
		err = f
	default:
		err = c.handshake()
	}
	if err != nil {
		return !c.needs.tls, err
	}
	return false, c.hello()
}

// handshake makes the connection a TLS one.
func (c *Conn) handshake() error {
	config := &tls.Config{ServerName: c.host, RootCAs: c.relay.Roots, MinVersion: tls.VersionTLS12}
	if !c.needs.tls {
		// RFC 7435: encryption without knowing with whom is better than none,
		// and most domains' servers have no certificate that could be checked.
		config.InsecureSkipVerify = true
	}
	secured := tls.Client(c.conn, config)
	c.limit(LoginTime)
	if err := secured.Handshake(); err != nil {
		var wrong *tls.CertificateVerificationError
		if errors.As(err, &wrong) {
			text := fmt.Sprintf("the server's certificate can't be trusted: %v", wrong.Err)
			if c.needs.secure && c.route.Smarthost == nil {
				return c.demanded("5.7.10", text)
			}
			return &Failure{Host: c.host, Status: "4.7.5", Connection: true, Text: text}
		}
		return &Failure{Host: c.host, Status: "4.7.5", Connection: true, Text: fmt.Sprintf("no encrypted connection came about: %v", err)}
	}
	c.use(secured)
	state := secured.ConnectionState()
	c.tls = &state
	return nil
}

// hello greets with EHLO, or HELO for servers that know no other.
func (c *Conn) hello() error {
	c.limit(CommandTime)
	c.ext = make(map[string]string)
	r, err := c.command("EHLO " + c.relay.Hostname())
	if err != nil {
		return err
	}
	if r.code >= 500 && c.tls == nil && (c.route.Smarthost == nil || c.route.Smarthost.User == "") {
		if r, err = c.command("HELO " + c.relay.Hostname()); err != nil {
			return err
		}
		r.lines = r.lines[:1]
	}
	if r.code != 250 {
		f := c.failure(r)
		f.Connection = true
		return f
	}
	for _, line := range r.lines[1:] {
		keyword, params, _ := strings.Cut(line, " ")
		c.ext[strings.ToUpper(keyword)] = params
	}
	return nil
}

// command sends a line and reads the answer. The error is a *Failure of the
// connection.
func (c *Conn) command(line string) (reply, error) {
	verb, _, _ := strings.Cut(line, " ")
	return c.line(line, "at "+verb)
}

// line is command for lines whose words may not be told: doing stands for them
// in errors.
func (c *Conn) line(line, doing string) (reply, error) {
	c.out.WriteString(line)
	c.out.WriteString("\r\n")
	if err := c.out.Flush(); err != nil {
		return reply{}, c.broken(doing, err)
	}
	r, err := c.readReply()
	if err != nil {
		return r, c.broken(doing, err)
	}
	return r, nil
}

// limit sets how long the next step may take.
func (c *Conn) limit(d time.Duration) { c.conn.SetDeadline(time.Now().Add(d)) }

// maxSize is the largest message the server takes (RFC 1870); 0: it says none.
func (c *Conn) maxSize() int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(c.ext["SIZE"]), 10, 64)
	return n
}

// Offers tells whether the server has an extension, by its EHLO keyword.
func (c *Conn) Offers(keyword string) bool {
	_, ok := c.ext[keyword]
	return ok
}

// describe says what the connection is like.
func (c *Conn) describe() string {
	text := c.host + " at " + c.conn.RemoteAddr().String()
	if c.tls == nil {
		return text + ", not encrypted"
	}
	return text + ", " + tls.VersionName(c.tls.Version)
}

// Usable tells whether another message can be sent.
func (c *Conn) Usable() bool { return !c.dead }

// Close says QUIT and closes.
func (c *Conn) Close() error {
	if !c.dead {
		c.limit(5 * time.Second)
		c.command("QUIT")
	}
	return c.abandon()
}

func (c *Conn) abandon() error {
	c.dead = true
	c.stop()
	return c.conn.Close()
}
