package compose

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// Fields of drafts. The post office takes them out of what is sent.
const (
	aboutField  = "X-Posthorn-About" // Letter.About
	roughField  = "X-Posthorn-"      // and To, Cc or Bcc: Letter.Rough
	sendAtField = "X-Send-At"        // Letter.SendAt
)

// maxLine is how many octets a line of a message may have (RFC 5322 section
// 2.1.1).
const maxLine = 998

// A Writer writes a letter to a message piece by piece: its header and text
// first, then one file after the other, each as it comes.
type Writer struct {
	w        io.Writer
	boundary string // "" while there is but the text
	err      error
}

// Begin writes the header and the text of a letter to w. With files said it
// makes a message that files can be added to. Call Check first: nothing is
// refused here. The error is w's.
func (l *Letter) Begin(w io.Writer, files bool) (*Writer, error) {
	m := &Writer{w: w}
	var b strings.Builder
	l.header(&b)
	if files {
		m.boundary = strings.ToLower(rand.Text())
		fmt.Fprintf(&b, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n", m.boundary, m.boundary)
	} else {
		b.WriteString("MIME-Version: 1.0\r\n")
	}
	text := Flow(l.Text)
	plain := ascii(text) && longestLine(text) <= maxLine
	encoding := "quoted-printable"
	if plain {
		encoding = "7bit"
	}
	fmt.Fprintf(&b, "Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: %s\r\n\r\n", encoding)
	m.write(b.String())
	switch {
	case m.err != nil:
	case plain:
		m.write(text)
	default:
		q := quotedprintable.NewWriter(w)
		if _, m.err = io.WriteString(q, text); m.err == nil {
			m.err = q.Close()
		}
	}
	return m, m.err
}

// Add appends a file read from body, and returns how many octets it had. The
// errors are body's and the writer's.
func (m *Writer) Add(f *File, body io.Reader) (int64, error) {
	typ, encoding := f.Type, "base64"
	if f.Whole {
		typ, encoding = "message/rfc822", "7bit"
		if f.EightBit {
			encoding = "8bit"
		}
	}
	m.write(fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Disposition: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		m.boundary, typ, disposition(f.Name), encoding))
	if m.err != nil {
		return 0, m.err
	}
	if f.Whole {
		n, err := io.Copy(m.w, body)
		m.err = err
		return n, err
	}
	lines := &lineWriter{w: m.w}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	n, err := io.Copy(enc, body)
	if err == nil {
		err = enc.Close()
	}
	m.err = err
	return n, err
}

// Close ends the message.
func (m *Writer) Close() error {
	if m.boundary != "" {
		m.write("\r\n--" + m.boundary + "--\r\n")
	}
	return m.err
}

func (m *Writer) write(text string) {
	if m.err == nil {
		_, m.err = io.WriteString(m.w, text)
	}
}

// Write writes the whole letter with its files to w.
func (l *Letter) Write(w io.Writer) error {
	m, err := l.Begin(w, len(l.Files) > 0)
	if err != nil {
		return err
	}
	for i := range l.Files {
		if err := m.AddFile(&l.Files[i]); err != nil {
			return err
		}
	}
	return m.Close()
}

// AddFile is Add with the file's own octets.
func (m *Writer) AddFile(f *File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = m.Add(f, r)
	return err
}

// header writes the fields a letter has.
func (l *Letter) header(b *strings.Builder) {
	if l.From.Address != "" {
		field(b, "From", l.From.header())
	}
	for _, list := range []struct {
		name string
		all  []Address
	}{{"To", l.To}, {"Cc", l.Cc}, {"Bcc", l.Bcc}} {
		if rough := l.Rough[list.name]; rough != "" {
			field(b, roughField+list.name, encodeWords(rough))
		}
		if len(list.all) == 0 {
			continue
		}
		all := make([]string, len(list.all))
		for i, a := range list.all {
			all[i] = a.header()
		}
		field(b, list.name, strings.Join(all, ", "))
	}
	subject := strings.TrimSpace(l.Subject)
	if !ascii(subject) || strings.Contains(subject, "=?") {
		subject = encodeWords(subject)
	}
	field(b, "Subject", subject)
	if !l.Date.IsZero() {
		field(b, "Date", l.Date.Format(time.RFC1123Z))
	}
	field(b, "Message-ID", "<"+l.MessageID+">")
	if l.InReplyTo != "" {
		field(b, "In-Reply-To", "<"+l.InReplyTo+">")
	}
	if len(l.References) > 0 {
		field(b, "References", "<"+strings.Join(l.References, "> <")+">")
	}
	if !l.SendAt.IsZero() {
		field(b, sendAtField, l.SendAt.Format(time.RFC1123Z))
	}
	if l.About != "" {
		field(b, aboutField, l.About)
	}
}

// field writes a header field, folded at blanks where its line grows too long.
func field(b *strings.Builder, name, value string) {
	b.WriteString(name)
	b.WriteByte(':')
	width := len(name) + 1
	for i, word := range strings.Split(value, " ") {
		if width+1+len(word) > 76 && i > 0 && word != "" {
			b.WriteString("\r\n")
			width = 0
		}
		b.WriteByte(' ')
		b.WriteString(word)
		width += 1 + len(word)
	}
	b.WriteString("\r\n")
}

// disposition is the field body that names an attachment (RFC 2183, RFC 2231).
func disposition(name string) string {
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return strings.Replace(d, "; ", ";\r\n ", 1)
	}
	return "attachment"
}

// MediaType returns the media type a browser or message gave for a file, in a
// form fit for a header. Types that stand for structure, which the file does
// not have here, and what is no type at all are application/octet-stream.
func MediaType(given string) string {
	const unknown = "application/octet-stream"
	typ, _, err := mime.ParseMediaType(given)
	if err != nil || len(typ) > 100 || !strings.Contains(typ, "/") ||
		strings.HasPrefix(typ, "multipart/") || strings.HasPrefix(typ, "message/") {
		return unknown
	}
	return typ
}

// lineWriter breaks what is written into lines of 76 octets (RFC 2045 section
// 6.8), without a line end after the last.
type lineWriter struct {
	w   io.Writer
	col int
	buf []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.buf = l.buf[:0]
	for rest := p; len(rest) > 0; {
		if l.col == 76 {
			l.buf = append(l.buf, '\r', '\n')
			l.col = 0
		}
		n := min(len(rest), 76-l.col)
		l.buf = append(l.buf, rest[:n]...)
		rest = rest[n:]
		l.col += n
	}
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

func longestLine(text string) (longest int) {
	for line := range strings.SplitSeq(text, "\r\n") {
		longest = max(longest, len(line))
	}
	return longest
}
