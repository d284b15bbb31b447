package smtpd

import (
	"crypto/tls"
	"fmt"
	"io"
	"sync"

	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/store"
)

// session carries out the commands go-smtp has understood; each has a file of
// its own. During BDAT go-smtp calls Data from a second goroutine, hence the
// lock.
type session struct {
	wire *wire
	port port
	id   string
	helo func() string // the client's latest greeting

	resolve func(*post.Envelope, string) (post.Recipient, error)
	maySend func(store.AccountID, string) error
	admit   func(*post.Envelope) error
	accept  func(*post.Envelope, io.Reader) (string, error)
	login   func(user, password string) (login.Identity, error)

	account *store.Account // who is logged in

	mu       sync.Mutex
	envelope *post.Envelope // of the transaction; nil before MAIL
}

// Reset forgets the transaction (RSET, EHLO, after a message).
func (s *session) Reset() { s.begin(nil) }

// Logout ends the session.
func (s *session) Logout() error {
	s.begin(nil)
	return nil
}

func (s *session) begin(e *post.Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.envelope = e
}

func (s *session) transaction() *post.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.envelope
}

// protocol is the "with" keyword of the Received field (RFC 3848, RFC 6531
// section 4.3).
func (s *session) protocol(utf8 bool) string {
	name := "SMTP"
	switch {
	case utf8:
		name = "UTF8SMTP"
	case s.wire.esmtp:
		name = "ESMTP"
	}
	if !s.wire.esmtp {
		return name
	}
	if _, on := s.wire.secure(); on {
		name += "S"
	}
	if s.account != nil {
		name += "A"
	}
	return name
}

// encryption describes TLS for the Received field.
func (s *session) encryption() string {
	state, on := s.wire.secure()
	if !on {
		return ""
	}
	return fmt.Sprintf("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
}
