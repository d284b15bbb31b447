package smtpd

import (
	"github.com/emersion/go-smtp"

	"posthorn/appliance/post"
)

// Mail begins a transaction (RFC 5321 section 4.1.1.2).
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.transaction() != nil {
		return reply(503, 5, 5, 1, "a message is already begun; finish it or send RSET")
	}
	if s.port.submission && s.account == nil {
		if _, on := s.wire.secure(); !on && s.wire.offer != nil {
			return reply(530, 5, 7, 0, "log in first, after STARTTLS")
		}
		return reply(530, 5, 7, 0, "log in first")
	}
	if from != "" {
		if err := checkAddress(from, o.UTF8, 7); err != nil {
			return err
		}
	}
	if s.account != nil {
		if err := s.maySend(s.account.ID, from); err != nil {
			return s.refusal(err, o.UTF8)
		}
	}
	e := &post.Envelope{
		Session:   s.id,
		Helo:      s.helo(),
		Remote:    s.wire.remote(),
		Protocol:  s.protocol(o.UTF8),
		TLS:       s.encryption(),
		From:      from,
		Submitter: s.account,
		Size:      o.Size,
		Body:      string(o.Body),
		UTF8:      o.UTF8,
		Secure:    o.RequireTLS,
		Return:    string(o.Return),
		ID:        o.EnvelopeID,
		HoldUntil: s.wire.hold,
		Outside:   s.wire.outside,
	}
	if err := s.admit(e); err != nil {
		return s.refusal(err, o.UTF8)
	}
	s.begin(e)
	return nil
}
