package message

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// KnownEncoding tells whether Decode can take the Content-Transfer-Encoding
// off: one of RFC 2045 section 6.1, in lower case, or none.
func KnownEncoding(encoding string) bool {
	switch encoding {
	case "", "7bit", "8bit", "binary", "base64", "quoted-printable":
		return true
	}
	return false
}

// Decode returns a reader of r with a Content-Transfer-Encoding taken off. It
// is tolerant and fails only with r's error: what is not of the encoding is
// skipped in base64 and kept in quoted-printable. An unknown encoding is kept
// as it is.
func Decode(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case "base64":
		return &base64Reader{r: r, in: make([]byte, 4096)}
	case "quoted-printable":
		return &quotedReader{r: bufio.NewReaderSize(r, 4096)}
	}
	return r
}

// A base64Reader decodes base64. Unlike encoding/base64 it skips what is no
// base64, and goes on after padding: some mail is several pieces in a row.
type base64Reader struct {
	r    io.Reader
	in   []byte
	left []byte // of in, not decoded yet
	bits uint32 // decoded bits that make no byte yet
	n    uint   // how many: 0, 6, 4 or 2
	err  error
}

func (b *base64Reader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if n := b.decode(p); n > 0 {
			return n, nil
		}
		if b.err != nil {
			return 0, b.err
		}
		var n int
		n, b.err = b.r.Read(b.in)
		b.left = b.in[:n]
	}
	return 0, nil
}

// decode decodes what is left until p is full, and returns how much of p is.
func (b *base64Reader) decode(p []byte) (out int) {
	for len(b.left) > 0 && out < len(p) {
		if b.n == 0 && len(b.left) >= 4 && len(p)-out >= 3 { // the way of nearly all bytes
			in, to := b.left[:4], p[out:out+3]
			v0, v1, v2, v3 := base64Value[in[0]], base64Value[in[1]], base64Value[in[2]], base64Value[in[3]]
			if v0|v1|v2|v3 < 64 {
				to[0], to[1], to[2] = v0<<2|v1>>4, v1<<4|v2>>2, v2<<6|v3
				b.left, out = b.left[4:], out+3
				continue
			}
		}
		v := base64Value[b.left[0]]
		b.left = b.left[1:]
		switch v {
		case skip:
		case padding:
			b.n = 0
		default:
			b.bits = b.bits<<6 | uint32(v)
			if b.n += 6; b.n >= 8 {
				b.n -= 8
				p[out] = byte(b.bits >> b.n)
				out++
			}
		}
	}
	return out
}

// What base64Value holds for bytes that are no digits.
const (
	skip    = 0xff
	padding = 0xfe
)

// base64Value maps a byte to the six bits it stands for (RFC 2045 section
// 6.8).
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = skip
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['='] = padding
	return t
}()

// A quotedReader decodes quoted-printable (RFC 2045 section 6.7). Unlike
// mime/quotedprintable it keeps what is not of the encoding, and lines may be
// of any length.
type quotedReader struct {
	r    *bufio.Reader
	err  error
	out  []byte // decoded, not read yet
	buf  []byte // what out is a part of
	held []byte // start of a line that did not fit: blanks or an = at its end
}

func (q *quotedReader) Read(p []byte) (int, error) {
	for len(q.out) == 0 {
		if q.err != nil {
			return 0, q.err
		}
		line, err := q.r.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if !more {
			q.err = err
		}
		q.decode(line, more)
	}
	n := copy(p, q.out)
	q.out = q.out[n:]
	return n, nil
}

// maxHeld is how many blanks at the end of a piece of a long line are held
// back to see whether the line ends after them.
const maxHeld = 1024

// decode decodes a line, or with more a piece of a line.
func (q *quotedReader) decode(line []byte, more bool) {
	if len(q.held) > 0 {
		line = append(q.held, line...)
		q.held = nil
	}
	body := bytes.TrimRight(line, " \t\r\n")
	end := line[len(bytes.TrimRight(line, "\r\n")):]
	soft := false
	switch {
	case more:
		keep := len(body)
		if i := bytes.LastIndexByte(body, '='); i >= 0 && i >= len(body)-2 {
			keep = i
		}
		if len(line)-keep > maxHeld {
			keep = len(line)
		}
		q.held = append([]byte(nil), line[keep:]...)
		body, end = line[:keep], nil
	case bytes.HasSuffix(body, []byte("=")):
		body, soft = body[:len(body)-1], true
	}
	q.buf = append(q.buf[:0], decodeEscapes(body)...)
	if !soft {
		q.buf = append(q.buf, end...)
	}
	q.out = q.buf
}

// decodeEscapes undoes =XX in place. Any other = stays.
func decodeEscapes(b []byte) []byte {
	i := bytes.IndexByte(b, '=')
	if i < 0 {
		return b
	}
	out := b[:i]
	for ; i < len(b); i++ {
		c := b[i]
		if c == '=' && i+2 < len(b) {
			hi, lo := unhex(b[i+1]), unhex(b[i+2])
			if hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}
