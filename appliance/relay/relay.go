// Package relay hands messages to other systems by SMTP: to the mail server of
// a provider (a smarthost), or to each domain's own (MX).
//
// # A delivery
//
//	Choose   sender, domain -> Route             which way, from the settings
//	Open     Route -> Conn                       MX and addresses in order,
//	                                             greeting, EHLO, TLS, login
//	Send     Message -> a Result per recipient   MAIL, RCPT, DATA
//	Send     the next message                    on the same connection
//	Close    QUIT
//
// Send calls Message.Final between the text and the dot that ends it: until
// then nothing has happened, after it the message may have arrived. Whoever
// keeps count of messages writes that down there, and can still say no.
//
// # What it insists on
//
// A smarthost must show a certificate that is valid for its name, unless the
// owner has chosen no encryption; a password is not sent without it. With a
// domain's own server TLS is taken where it is offered, whoever is at the other
// end (RFC 7435), but:
//
//	the domain has a policy (MTA-STS, RFC 8461)   only servers the policy
//	                                              names, with certificates for
//	                                              their names; else it waits
//	the message says REQUIRETLS (RFC 8689)        only servers with certificates
//	                                              that promise the same; else
//	                                              it comes back at once
//
// DANE is not looked at: it needs a resolver that checks DNSSEC.
//
// Mail is never delivered to an address of this box by MX, nor to a server that
// greets with the box's own name.
//
// # Time limits
//
// Each step has the limit that RFC 5321 section 4.5.3.2 gives it; see the
// constants.
package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"posthorn/store"
)

// Time limits of a connection; all but the first are those of RFC 5321
// section 4.5.3.2.
const (
	ConnectTime  = 30 * time.Second
	LoginTime    = time.Minute // STARTTLS and AUTH, each exchange
	GreetingTime = 5 * time.Minute
	CommandTime  = 5 * time.Minute  // EHLO, MAIL, RCPT
	DataTime     = 2 * time.Minute  // DATA until the server wants the text
	BlockTime    = 3 * time.Minute  // each piece of the text
	FinalTime    = 10 * time.Minute // the answer to the dot at its end
	// StopTime is how long a delivery whose text is out waits for its answer
	// when the box stops.
	StopTime = 8 * time.Second
	dnsTime  = 30 * time.Second
)

// Counts.
const (
	maxHosts     = 5 // servers of a domain that are tried in one attempt
	maxAddresses = 4 // addresses of one server
	maxWebHeader = 64 << 10
)

// Relay opens connections. Its fields must not change after first use.
type Relay struct {
	// Hostname gives the name the box greets with.
	Hostname func() string
	// Log gets a line for each connection; nil discards.
	Log *slog.Logger
	// Resolver looks domains up; nil is the system's.
	Resolver *net.Resolver
	// Dial connects; nil is a net.Dialer with ConnectTime.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are the authorities whose certificates count where they are
	// checked; nil is the system's.
	Roots *x509.CertPool
	// Store keeps domains' policies and the tokens smarthosts give out; without
	// one there are no policies.
	Store *store.Store
	// MXPort is the port of domains' own servers; 0 is 25. PolicyPort is that
	// of the web servers with their policies; 0 is 443.
	MXPort, PolicyPort int
	// Own tells whether an address is one of this box; nil asks the kernel.
	Own func(netip.Addr) bool

	fetches fetches
	tokens  tokens
}

func (r *Relay) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Relay) resolver() *net.Resolver {
	if r.Resolver == nil {
		return net.DefaultResolver
	}
	return r.Resolver
}

func (r *Relay) dial(ctx context.Context, address string) (net.Conn, error) {
	if r.Dial != nil {
		return r.Dial(ctx, "tcp", address)
	}
	d := net.Dialer{Timeout: ConnectTime, Resolver: r.Resolver}
	return d.DialContext(ctx, "tcp", address)
}

// https is a client for the little that is fetched from the web: one request a
// connection, certificates checked, no redirects.
func (r *Relay) https() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return r.dial(ctx, address) },
			TLSClientConfig:        &tls.Config{RootCAs: r.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxWebHeader,
		},
	}
}

func (r *Relay) own(a netip.Addr) bool {
	if r.Own != nil {
		return r.Own(a)
	}
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr().Unmap() == a.Unmap()
	})
}

// Failure is an attempt that did not succeed. Its text says what happened, in
// words for the sender of the message.
type Failure struct {
	Host      string // who said or did it; "" when nobody was reached
	Code      int    // SMTP reply code; 0 when it is our own finding
	Status    string // enhanced status code (RFC 3463)
	Text      string
	Permanent bool // trying again makes no sense
	// Connection says that the failure is one of the server or the way to it,
	// not of the message: others for the same server need not be tried now.
	Connection bool
	// Uncertain says that the connection broke after the message was out and
	// before its answer: it may have arrived.
	Uncertain bool
	demand    bool // the message demands more of the way than others do
}

func (f *Failure) Error() string {
	text := f.Text
	if f.Code != 0 {
		text = fmt.Sprintf("%d %s %s", f.Code, f.Status, f.Text)
	}
	if f.Host != "" {
		return f.Host + ": " + text
	}
	return text
}

// Probe opens a connection as a delivery would, and closes it: what
// "posthorn smarthost test" does. It returns what was agreed on.
func (r *Relay) Probe(ctx context.Context, route Route) (string, error) {
	c, err := r.Open(ctx, route, false)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.describe(), nil
}
