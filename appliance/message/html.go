package message

import (
	"bytes"
	"html"
	"io"
)

// Limits in bytes of what is held of an entity and of the name of a tag.
const (
	maxEntity = 40
	maxTag    = 16
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

	// state reads some bytes and returns how many: at least one, or none if
	// it made another the state.
	state func(*htmlReader, []byte) int
	word  []byte // the entity or tag name being read
	quote byte   // of the attribute being read
	until string // the tag that ends a script or style
	last  byte   // last byte written, to join blanks
}

func newHTMLReader(r io.Reader) *htmlReader {
	return &htmlReader{r: r, in: make([]byte, 4096), state: (*htmlReader).text, last: '\n'}
}

func (h *htmlReader) Read(b []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		var n int
		n, h.err = h.r.Read(h.in)
		h.buf = h.buf[:0]
		for p := h.in[:n]; len(p) > 0; {
			p = p[h.state(h, p):]
		}
		if h.err != nil && len(h.word) > 0 && h.word[0] == '&' {
			h.entityEnd()
		}
		h.out = h.buf
	}
	n := copy(b, h.out)
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
func (h *htmlReader) text(p []byte) int {
	for i, c := range p {
		switch c {
		case '<':
			h.state, h.word = (*htmlReader).tagName, h.word[:0]
			return i + 1
		case '&':
			h.state, h.word = (*htmlReader).entity, append(h.word[:0], c)
			return i + 1
		}
		h.write(c)
	}
	return len(p)
}

// entity is the state after an &.
func (h *htmlReader) entity(p []byte) int {
	c := p[0]
	if !letter(c) && c != '#' && c != ';' {
		h.entityEnd()
		return 0
	}
	h.word = append(h.word, c)
	if c == ';' || len(h.word) == maxEntity {
		h.entityEnd()
	}
	return 1
}

func (h *htmlReader) entityEnd() {
	for _, c := range []byte(html.UnescapeString(string(h.word))) {
		h.write(c)
	}
	h.state, h.word = (*htmlReader).text, h.word[:0]
}

// tagName is the state after a <.
func (h *htmlReader) tagName(p []byte) int {
	c := p[0]
	first := len(h.word) == 0
	switch {
	case letter(c), first && (c == '/' || c == '!'), !first && c == '-':
		if len(h.word) < maxTag {
			h.word = append(h.word, lower(c))
		}
		if string(h.word) == "!--" {
			h.state, h.word = (*htmlReader).comment, h.word[:0]
		}
		return 1
	case first: // a < that is none
		h.write('<')
		h.state = (*htmlReader).text
	default:
		h.state = (*htmlReader).tag
	}
	return 0
}

// tag is the state between the name of a tag and its >.
func (h *htmlReader) tag(p []byte) int {
	for i, c := range p {
		switch c {
		case '"', '\'':
			h.quote, h.state = c, (*htmlReader).attribute
			return i + 1
		case '>':
			h.tagEnd()
			return i + 1
		}
	}
	return len(p)
}

// attribute is the state inside of quotes in a tag.
func (h *htmlReader) attribute(p []byte) int {
	i := bytes.IndexByte(p, h.quote)
	if i < 0 {
		return len(p)
	}
	h.state = (*htmlReader).tag
	return i + 1
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

// comment is the state inside of <!-- -->; word holds the dashes just read, two
// at most.
func (h *htmlReader) comment(p []byte) int {
	switch c := p[0]; {
	case c == '-':
		if len(h.word) < 2 {
			h.word = append(h.word, c)
		}
		return 1
	case c == '>' && len(h.word) == 2:
		h.state, h.word = (*htmlReader).text, h.word[:0]
		return 1
	}
	h.word = h.word[:0]
	if i := bytes.IndexByte(p, '-'); i >= 0 {
		return i
	}
	return len(p)
}

// script is the state inside of a script or style; word holds what was just
// read of the tag that ends it.
func (h *htmlReader) script(p []byte) int {
	if lower(p[0]) != h.until[len(h.word)] {
		h.word = h.word[:0]
		i := bytes.IndexByte(p, '<')
		if i < 0 {
			return len(p)
		}
		if i > 0 {
			return i
		}
	}
	h.word = append(h.word, lower(p[0]))
	if len(h.word) == len(h.until) {
		h.state, h.word = (*htmlReader).tag, append(h.word[:0], '/')
	}
	return 1
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
