package relay

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/idna"
)

// textWriter sends a message's text: dots at the beginning of lines are
// doubled (RFC 5321 section 4.5.2), and every line ends with CR LF, for there
// are servers that take other ends for more than they are.
type textWriter struct {
	conn   *Conn
	middle bool // of a line
	cr     bool // the last octet was a CR, not yet written
}

// Write sends p.
func (w *textWriter) Write(p []byte) (int, error) {
	w.conn.limit(BlockTime)
	out := w.conn.out
	for _, c := range p {
		if w.cr {
			w.cr = false
			w.end()
			if c == '\n' {
				continue
			}
		}
		switch {
		case c == '\r':
			w.cr = true
			continue
		case c == '\n':
			w.end()
			continue
		case c == '.' && !w.middle:
			out.WriteByte('.')
		}
		w.middle = true
		if err := out.WriteByte(c); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *textWriter) end() {
	w.conn.out.WriteString("\r\n") // an error stays with the writer
	w.middle = false
}

// flush ends the last line and sends what is in hand.
func (w *textWriter) flush() error {
	if w.cr || w.middle {
		w.end()
	}
	w.conn.limit(BlockTime)
	return w.conn.out.Flush()
}

// readError is a fault of the message's reader, to tell it from one of the
// connection.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// source marks the errors of a message's reader.
type source struct{ r io.Reader }

func (s source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}

// xtext writes the value of a DSN parameter (RFC 3461 section 4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ASCIIAddress writes the domain of an address in ASCII (RFC 5891), which every
// server takes. It returns false where that does not help: the local part is
// beyond ASCII, or the domain is none.
func ASCIIAddress(address string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	if isASCII(address) || at < 0 {
		return address, isASCII(address)
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil || !isASCII(address[:at]) {
		return address, false
	}
	return address[:at+1] + domain, true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// quotePath writes an address as it stands between angle brackets: with the
// quotes a strange local part needs (RFC 5321 section 4.1.2).
func quotePath(address string) string {
	address, _ = ASCIIAddress(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	local := address[:at]
	dotted := local != "" && local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..")
	if dotted && !strings.ContainsAny(local, "()<>[]:;@\\,\" \t") {
		return address
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"` + address[at:]
}
