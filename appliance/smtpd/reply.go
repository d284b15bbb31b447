package smtpd

import (
	"errors"
	"strings"

	"github.com/emersion/go-smtp"

	"posthorn/appliance/post"
	"posthorn/store"
)

// reply makes an answer with an enhanced status code (RFC 3463).
func reply(code, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

// refusalCode is the answer to what package post says no to; known is false for
// what is not the client's affair.
func refusalCode(err error) (code int, enhanced smtp.EnhancedCode, known bool) {
	for _, r := range []struct {
		err      error
		code     int
		enhanced smtp.EnhancedCode
	}{
		{post.ErrAddress, 501, smtp.EnhancedCode{5, 1, 3}},
		{post.ErrNoSuchUser, 550, smtp.EnhancedCode{5, 1, 1}},
		{post.ErrNotLocal, 550, smtp.EnhancedCode{5, 7, 1}},
		{post.ErrNoWayOut, 550, smtp.EnhancedCode{5, 7, 1}},
		{post.ErrSendTime, 554, smtp.EnhancedCode{5, 6, 0}},
		{post.ErrClock, 451, smtp.EnhancedCode{4, 3, 0}},
		{post.ErrRelayed, 450, smtp.EnhancedCode{4, 7, 1}},
		{post.ErrAliasLoop, 550, smtp.EnhancedCode{5, 4, 6}},
		{post.ErrForged, 550, smtp.EnhancedCode{5, 7, 1}},
		{post.ErrUnchecked, 451, smtp.EnhancedCode{4, 4, 3}},
		{post.ErrNotYours, 550, smtp.EnhancedCode{5, 7, 1}},
		{post.ErrNeverFits, 552, smtp.EnhancedCode{5, 2, 2}},
		{post.ErrLoop, 554, smtp.EnhancedCode{5, 4, 6}},
		{post.ErrHeader, 554, smtp.EnhancedCode{5, 6, 0}},
		{post.ErrChanged, 451, smtp.EnhancedCode{4, 3, 0}},
		{store.ErrQuota, 452, smtp.EnhancedCode{4, 2, 2}},
		{store.ErrFull, 452, smtp.EnhancedCode{4, 3, 1}},
		{store.ErrTooLarge, 552, smtp.EnhancedCode{5, 3, 4}},
	} {
		if errors.Is(err, r.err) {
			return r.code, r.enhanced, true
		}
	}
	return 451, smtp.EnhancedCode{4, 3, 0}, false
}

// refusal turns an error into an answer. What is not the client's affair is
// logged and not told.
func (s *session) refusal(err error, utf8 bool) error {
	code, enhanced, known := refusalCode(err)
	text := err.Error()
	if !known {
		s.wire.log.Error("message cannot be taken", "error", err)
		text = "the box cannot take the message now, try again later"
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: replyText(text, utf8)}
}

// maxReplyText keeps an answer within RFC 5321's line of 512 octets.
const maxReplyText = 480

// replyText makes text fit for one answer line: no line ends, and nothing
// beyond ASCII for a client that did not ask for it (RFC 6531 section 3.5).
func replyText(text string, utf8 bool) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || !utf8 && r > 0x7f {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxReplyText {
		text = strings.ToValidUTF8(text[:maxReplyText], "")
	}
	return text
}

// checkAddress refuses what cannot be an address. detail is the enhanced
// code's last digit: 3 for a recipient, 7 for a sender (RFC 3463 section 3.2).
func checkAddress(address string, utf8 bool, detail int) error {
	if !utf8 && strings.ContainsFunc(address, func(r rune) bool { return r >= 0x80 }) {
		return reply(553, 5, 6, 7, "address has characters beyond ASCII; they need SMTPUTF8")
	}
	if _, _, err := post.Split(address); err != nil {
		return reply(501, 5, 1, detail, replyText(err.Error(), utf8))
	}
	return nil
}
