package smtpd

import (
	"errors"
	"io"

	"github.com/emersion/go-smtp"
)

// Data takes the message, from DATA or from the chunks of BDAT (RFC 5321
// section 4.1.1.4, RFC 3030). A nil error would be answered without the queue
// id, so success is returned as a reply as well.
func (s *session) Data(r io.Reader) error {
	e := s.transaction()
	if e == nil {
		return reply(503, 5, 5, 1, "MAIL and RCPT come first")
	}
	body := &bodyReader{r: r, fault: func([]byte) fault { return s.wire.body.text.fault }}
	if _, chunked := r.(*io.PipeReader); chunked {
		// Chunks are counted, their lines need no watching; unless they are
		// said to be text.
		var text textScanner
		body.fault = func(p []byte) fault {
			if e.Body != string(smtp.BodyBinaryMIME) {
				text.scan(p)
			}
			return text.fault
		}
	}
	id, err := s.accept(e, body)
	switch {
	case body.err != nil:
		return body.err
	case err != nil:
		return s.refusal(err, e.UTF8)
	}
	return reply(250, 2, 0, 0, "OK: queued as "+id)
}

// bodyReader is the message as package post reads it. It ends with an error
// as soon as the text has a fault, and remembers the answer its own errors
// deserve.
type bodyReader struct {
	r     io.Reader
	fault func(p []byte) fault // of the text up to and with p
	err   *smtp.SMTPError
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if f := b.fault(p[:n]); f != sound {
		return 0, b.fail(reply(554, 5, 6, 0, "message refused: "+f.String()+" in its text"))
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	var answer *smtp.SMTPError
	if !errors.As(err, &answer) {
		answer = reply(421, 4, 4, 2, "message given up: "+replyText(err.Error(), false))
	}
	return n, b.fail(answer)
}

func (b *bodyReader) fail(answer *smtp.SMTPError) error {
	b.err = answer
	return answer
}
