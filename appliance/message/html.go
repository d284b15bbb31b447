package message

import (
	"bytes"
	"html"
	"io"
)

// An htmlReader takes the tags, comments, scripts and styles out of HTML in
// UTF-8 and decodes its entities. Blanks in a row become one, and tags that
// are not of a run of text become line ends, so that words found side by side
// on the screen are found side by side here. It is for searching: it holds no
// more than an entity or the name of a tag, whatever it is given.
type htmlReader struct {
	r   io.Reader
	in  []byte
	err error
	out []byte // text not read yet
	buf []byte // what out is a part of

	state func(*htmlReader, byte)
	word  []byte // the entity or tag name being read
	quote byte   // of the attribute being read
	until string // the tag that ends a script or style
	last  byte   // last byte written, to join blanks
}

func newHTMLReader(r io.Reader) *htmlReader {
	return &htmlReader{r: r, in: make([]byte, 4096), state: (*htmlReader).text, last: '\n'}
}

func (h *htmlReader) Read(p []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		var n int
		n, h.err = h.r.Read(h.in)
		h.buf = h.buf[:0]
		for _, c := range h.in[:n] {
			h.state(h, c)
		}
		if h.err != nil && len(h.word) > 0 && h.word[0] == '&' {
			h.entityEnd()
		}
		h.out = h.buf
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

// write adds a byte of text.
func (h *htmlReader) write(c byte) {
	if c == '\t' || c == '\r' || c == '\n' {
		c = ' '
	}
	if c == ' ' && (h.last == ' ' || h.last == '\n') {
		return
	}
	h.buf = append(h.buf, c)
	h.last = c
}

// text is the state outside of everything.
func (h *htmlReader) text(c byte) {
	switch c {
	case '<':
		h.state, h.word = (*htmlReader).tagName, h.word[:0]
	case '&':
		h.state, h.word = (*htmlReader).entity, append(h.word[:0], c)
	default:
		h.write(c)
	}
}

// entity is the state after an &.
func (h *htmlReader) entity(c byte) {
	if letter(c) || c == '#' || c == ';' {
		h.word = append(h.word, c)
		if c != ';' && len(h.word) < 40 {
			return
		}
		h.entityEnd()
		return
	}
	h.entityEnd()
	h.text(c)
}

func (h *htmlReader) entityEnd() {
	for _, c := range []byte(html.UnescapeString(string(h.word))) {
		h.write(c)
	}
	h.state, h.word = (*htmlReader).text, h.word[:0]
}

// tagName is the state after a <.
func (h *htmlReader) tagName(c byte) {
	name := letter(c) || c == '/' && len(h.word) == 0 || c == '!' && len(h.word) == 0 || c == '-' && len(h.word) > 0
	if name {
		if len(h.word) < 16 {
			h.word = append(h.word, lower(c))
		}
		if string(h.word) == "!--" {
			h.state, h.word = (*htmlReader).comment, h.word[:0]
		}
		return
	}
	if len(h.word) == 0 { // a < that is none
		h.write('<')
		h.state = (*htmlReader).text
		h.text(c)
		return
	}
	h.state = (*htmlReader).tag
	h.tag(c)
}

// tag is the state between the name of a tag and its >.
func (h *htmlReader) tag(c byte) {
	switch c {
	case '"', '\'':
		h.quote, h.state = c, (*htmlReader).attribute
	case '>':
		h.tagEnd()
	}
}

// attribute is the state inside of quotes in a tag.
func (h *htmlReader) attribute(c byte) {
	if c == h.quote {
		h.state = (*htmlReader).tag
	}
}

func (h *htmlReader) tagEnd() {
	h.state = (*htmlReader).text
	switch name := string(bytes.TrimPrefix(h.word, []byte("/"))); name {
	case "a", "abbr", "b", "big", "code", "em", "font", "i", "img", "ins", "del", "mark", "s",
		"small", "span", "strong", "sub", "sup", "tt", "u", "wbr":
	case "script", "style":
		if h.word[0] != '/' {
			h.state, h.until = (*htmlReader).script, "</"+name
		}
	default:
		if h.last != '\n' {
			h.buf = append(h.buf, '\n')
			h.last = '\n'
		}
	}
	h.word = h.word[:0]
}

// comment is the state inside of <!-- -->; word holds the last two bytes.
func (h *htmlReader) comment(c byte) {
	if c == '>' && string(h.word) == "--" {
		h.state, h.word = (*htmlReader).text, h.word[:0]
		return
	}
	h.slide(c, 2)
}

// script is the state inside of a script or style; word holds its last bytes.
func (h *htmlReader) script(c byte) {
	h.slide(c, len(h.until))
	if bytes.EqualFold(h.word, []byte(h.until)) {
		h.state, h.word = (*htmlReader).tag, append(h.word[:0], '/')
	}
}

// slide keeps the last n bytes in word.
func (h *htmlReader) slide(c byte, n int) {
	if len(h.word) == n {
		copy(h.word, h.word[1:])
		h.word = h.word[:n-1]
	}
	h.word = append(h.word, c)
}

// lower returns an ASCII letter in lower case, any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// letter tells whether c is an ASCII letter or digit.
func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
