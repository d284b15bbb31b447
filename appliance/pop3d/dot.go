package pop3d

import (
	"bufio"
	"bytes"
	"errors"
)

// wholeMessage as bodyLines sends everything.
const wholeMessage = -1

// errTopDone says that the lines asked for are out.
var errTopDone = errors.New("top is complete")

// dotWriter writes a message as the lines of a multi-line answer (RFC 1939
// section 3): every line ends in CRLF, and one that begins with a dot gets a
// second. A bare LF is taken for a line end, for half of the clients do so,
// and a dot behind it would end the message for them.
type dotWriter struct {
	w         *bufio.Writer
	bodyLines int64 // lines to send after the header; wholeMessage = all

	octets int64 // written, without the added dots
	length int64 // octets of the line so far, without CRLF; a CR at its end is held back
	cr     bool  // a CR is held back
	inBody bool
}

// Write takes the next part of the message. It returns errTopDone when the
// lines asked for are out.
func (d *dotWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if d.length == 0 && !d.cr && d.inBody && d.bodyLines == 0 {
			return len(p) - len(rest), errTopDone
		}
		text, after, ends := bytes.Cut(rest, []byte{'\n'})
		if err := d.text(text); err != nil {
			return len(p) - len(rest), err
		}
		if ends {
			if err := d.endLine(); err != nil {
				return len(p) - len(rest), err
			}
		}
		rest = after
	}
	return len(p), nil
}

// text writes a part of a line. Its last CR waits until it is known whether
// LF follows.
func (d *dotWriter) text(t []byte) error {
	if len(t) == 0 {
		return nil
	}
	if d.cr {
		d.cr = false
		if err := d.put([]byte{'\r'}); err != nil {
			return err
		}
	}
	if t[len(t)-1] == '\r' {
		d.cr = true
		t = t[:len(t)-1]
	}
	return d.put(t)
}

func (d *dotWriter) put(t []byte) error {
	if d.length == 0 && len(t) > 0 && t[0] == '.' {
		if err := d.w.WriteByte('.'); err != nil {
			return err
		}
	}
	n, err := d.w.Write(t)
	d.length += int64(n)
	d.octets += int64(n)
	return err
}

// endLine ends the line and counts it.
func (d *dotWriter) endLine() error {
	n, err := d.w.WriteString("\r\n")
	d.octets += int64(n)
	switch {
	case d.inBody && d.bodyLines > 0:
		d.bodyLines--
	case d.length == 0:
		d.inBody = true
	}
	d.length, d.cr = 0, false
	return err
}

// close ends the answer.
func (d *dotWriter) close() error {
	if d.cr {
		d.cr = false
		if err := d.put([]byte{'\r'}); err != nil {
			return err
		}
	}
	if d.length > 0 {
		if err := d.endLine(); err != nil {
			return err
		}
	}
	if _, err := d.w.WriteString(".\r\n"); err != nil {
		return err
	}
	return d.w.Flush()
}
