package smtpd

import (
	"errors"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"posthorn/appliance/login"
)

// AuthMechanisms are announced in EHLO. Port 25 has none.
func (s *session) AuthMechanisms() []string {
	if !s.port.submission {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth begins a login (RFC 4954).
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case !s.port.submission:
		return nil, reply(503, 5, 5, 1, "no login on this port; use 465 or 587")
	case s.transaction() != nil:
		return nil, reply(503, 5, 5, 1, "no login within a message")
	case mechanism == sasl.Plain:
		return answers{sasl.NewPlainServer(s.plain)}, nil
	case mechanism == sasl.Login:
		return answers{&loginServer{check: s.check}}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// plain is the end of AUTH PLAIN (RFC 4616). Nobody acts for another here.
func (s *session) plain(identity, user, password string) error {
	if identity != "" && !strings.EqualFold(identity, user) {
		return reply(535, 5, 7, 8, "you cannot log in for somebody else")
	}
	return s.check(user, password)
}

func (s *session) check(user, password string) error {
	who, err := s.login(user, password)
	var slow *login.SlowError
	switch {
	case errors.As(err, &slow):
		return reply(454, 4, 7, 0, slow.Error())
	case errors.Is(err, login.ErrRefused):
		return reply(535, 5, 7, 8, err.Error())
	case errors.Is(err, login.ErrDisabled):
		return reply(535, 5, 7, 13, err.Error())
	case err != nil:
		s.wire.log.Error("login failed", "error", err)
		return reply(454, 4, 7, 0, "login is out of order for the moment, try again later")
	}
	s.account = who.Account
	s.wire.log.Info("login", "user", who.Account.Name, "app_password", who.AppPassword)
	return nil
}

// answers gives the protocol errors of a mechanism a proper reply.
type answers struct{ sasl.Server }

func (a answers) Next(response []byte) ([]byte, bool, error) {
	challenge, done, err := a.Server.Next(response)
	var answer *smtp.SMTPError
	if err != nil && !errors.As(err, &answer) {
		err = reply(501, 5, 5, 2, "answer does not fit the mechanism")
	}
	return challenge, done, err
}

// loginServer is the server's side of LOGIN, which old devices and Outlook
// use (draft-murchison-sasl-login-00): two prompts, two answers.
type loginServer struct {
	check func(user, password string) error
	user  []byte
	asked int // prompts sent
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case response == nil && l.asked == 0:
		l.asked = 1
		return []byte("Username:"), false, nil
	case l.user == nil && len(response) > 0:
		l.user, l.asked = response, 2
		return []byte("Password:"), false, nil
	case l.user == nil:
		return nil, false, errors.New("no user name")
	}
	return nil, true, l.check(string(l.user), string(response))
}
