package smtpd

import (
	"github.com/emersion/go-smtp"
)

// Rcpt adds a recipient (RFC 5321 section 4.1.1.3, RFC 3461 section 4).
func (s *session) Rcpt(to string, o *smtp.RcptOptions) error {
	e := s.transaction()
	if e == nil {
		return reply(503, 5, 5, 1, "MAIL comes first")
	}
	if err := checkAddress(to, e.UTF8, 3); err != nil {
		return err
	}
	r, err := s.resolve(e, to)
	if err != nil {
		return s.refusal(err, e.UTF8)
	}
	for _, n := range o.Notify {
		r.Notify = append(r.Notify, string(n))
	}
	if o.OriginalRecipient != "" {
		r.Original = string(o.OriginalRecipientType) + ";" + o.OriginalRecipient
	}
	e.Recipients = append(e.Recipients, r)
	return nil
}
