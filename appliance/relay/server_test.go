package relay

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// other is a mail server made of lines: what it answers to each command is in
// a table, so that it can also misbehave.
type other struct {
	t       *testing.T
	addr    netip.AddrPort
	tls     *tls.Config
	answers map[string]string // verb -> answer; "" closes the connection
	greet   string

	mu    sync.Mutex
	said  []string // by the client, all lines outside of messages
	texts []string // messages
}

// newOther makes a server that takes everything and offers extensions.
func newOther(t *testing.T, extensions ...string) *other {
	o := &other{t: t, greet: "220 other.example ESMTP", answers: map[string]string{
		"EHLO": "250-" + strings.Join(append([]string{"other.example"}, extensions...), "\r\n250-") + "\r\n250 HELP",
		"MAIL": "250 2.1.0 fine", "RCPT": "250 2.1.5 fine", "DATA": "354 go on", ".": "250 2.0.0 taken as 1",
		"RSET": "250 2.0.0 fine", "QUIT": "221 2.0.0 bye", "STARTTLS": "220 2.0.0 go on",
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = netip.MustParseAddrPort(l.Addr().String())
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(conn)
		}
	}()
	return o
}

func (o *other) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	in := bufio.NewReader(conn)
	o.mu.Lock()
	greet := o.greet
	o.mu.Unlock()
	conn.Write([]byte(greet + "\r\n"))
	text, inText := "", false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if inText && verb != "." {
			text += line
			continue
		}
		o.mu.Lock()
		if inText {
			o.texts = append(o.texts, text)
			text, inText = "", false
		} else {
			o.said = append(o.said, strings.TrimSpace(line))
		}
		answer := o.answers[strings.TrimSpace(line)]
		if answer == "" {
			answer = o.answers[verb]
		}
		config := o.tls
		o.mu.Unlock()
		if answer == "" {
			return
		}
		if _, err := conn.Write([]byte(answer + "\r\n")); err != nil {
			return
		}
		inText = verb == "DATA" && strings.HasPrefix(answer, "354")
		if verb == "STARTTLS" && strings.HasPrefix(answer, "220") {
			conn = tls.Server(conn, config)
			in = bufio.NewReader(conn)
		}
	}
}

// answer sets what is answered to a verb, or to a whole line; "" is the
// greeting.
func (o *other) answer(verb, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if verb == "" {
		o.greet = text
		return
	}
	o.answers[verb] = text
}

// heard returns what the client has said.
func (o *other) heard() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.said...)
}

func (o *other) got() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.texts...)
}

// smarthost is the server as a smarthost, by a name that its certificate
// can have.
func (o *other) smarthost(security Security) Route {
	return Route{Smarthost: &Smarthost{Host: "127.0.0.1", Port: int(o.addr.Port()), Security: security}}
}

// setTLS gives the server another certificate.
func (o *other) setTLS(c *tls.Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tls = c
}

// certify gives the server a certificate for names or addresses, and returns
// who vouches for it.
func (o *other) certify(names ...string) *x509.CertPool {
	o.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		o.t.Fatal(err)
	}
	o.setTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	made, err := x509.ParseCertificate(der)
	if err != nil {
		o.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return pool
}

func newRelay() *Relay {
	return &Relay{Hostname: func() string { return "mailbox.local" }, Own: func(netip.Addr) bool { return false }}
}

// send sends a message to some recipients over a new connection.
func send(t *testing.T, r *Relay, route Route, m *Message, to ...string) ([]Result, error) {
	t.Helper()
	c, err := r.Open(t.Context(), route, m.Secure)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, a := range to {
		m.Recipients = append(m.Recipients, Recipient{Address: a})
	}
	if m.Text == nil {
		m.Text = strings.NewReader("Subject: x\r\n\r\nbody\r\n")
	}
	return c.Send(t.Context(), m)
}

// wants checks that an error is a failure with a status and words.
func wants(t *testing.T, err error, status, words string, permanent bool) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("error is %v, want a failure %s", err, status)
	}
	if f.Status != status || !strings.Contains(f.Error(), words) || f.Permanent != permanent {
		t.Errorf("failure is %+v, want status %s, permanent %v, %q", f, status, permanent, words)
	}
	return f
}
