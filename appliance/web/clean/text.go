package clean

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Limits of plain text that is shown. The rest is not, and the reader told.
const (
	MaxText  = 512 << 10 // octets
	MaxLines = 10_000
)

// foldFrom is how many lines of quotation are folded away. Fewer are read at a
// glance, and are often what an answer between the lines is about.
const foldFrom = 6

// Kind says what a block of text is.
type Kind uint8

// The kinds of block. A signature begins with "-- " on a line of its own
// (RFC 3676 section 4.3).
const (
	Plain Kind = iota
	Quote
	Signature
)

// Block is a run of lines of one kind.
type Block struct {
	Kind  Kind
	Lines []Line
}

// Folded tells whether the block is better folded away at first.
func (b Block) Folded() bool { return b.Kind == Quote && len(b.Lines) >= foldFrom }

// Count is how many lines the block has.
func (b Block) Count() int { return len(b.Lines) }

// Line is one line of text, without its quotation marks.
type Line struct {
	Depth int // of quotation
	Spans []Span
}

// Marks has one element for each level of quotation.
func (l Line) Marks() []struct{} { return make([]struct{}, l.Depth) }

// Span is a run of text, and where it leads if it is a link.
type Span struct {
	Text string
	Href string
}

// Mail tells of a link to an address of mail.
func (s Span) Mail() bool { return strings.HasPrefix(s.Href, "mailto:") }

// Flow is how the lines of a text are broken (RFC 3676).
type Flow struct {
	Flowed bool // format=flowed: lines that end in a space go on in the next
	DelSp  bool // delsp=yes: that space is not part of the text
}

// Text reads plain text in UTF-8 and returns its blocks. cut tells that a limit
// was reached.
func Text(r io.Reader, flow Flow) (blocks []Block, cut bool, err error) {
	in := bufio.NewReader(io.LimitReader(r, MaxText+1))
	t := &textBlocks{flow: flow}
	for read := 0; ; {
		line, err := in.ReadString('\n')
		if read += len(line); read > MaxText || len(t.lines) >= MaxLines {
			cut = true
			break
		}
		if line != "" {
			t.add(strings.TrimRight(line, "\r\n"))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, fmt.Errorf("read the text of a message: %w", err)
		}
	}
	return t.blocks(), cut, nil
}

// textBlocks gathers lines, joined where they flow.
type textBlocks struct {
	flow  Flow
	lines []textLine
}

type textLine struct {
	depth int
	text  string
	open  bool // goes on in the next line
}

func (t *textBlocks) add(s string) {
	depth, s := quoted(s, t.flow.Flowed)
	open := false
	if t.flow.Flowed {
		s = strings.TrimPrefix(s, " ") // space-stuffing, RFC 3676 section 4.4
		open = strings.HasSuffix(s, " ") && s != "-- "
		if open && t.flow.DelSp {
			s = s[:len(s)-1]
		}
	}
	if n := len(t.lines); n > 0 && t.lines[n-1].open && t.lines[n-1].depth == depth && s != "-- " {
		t.lines[n-1].text += s
		t.lines[n-1].open = open
		return
	}
	t.lines = append(t.lines, textLine{depth, s, open})
}

// quoted counts the quotation marks before a line and takes them off. In
// flowed text they stand without spaces between them.
func quoted(s string, flowed bool) (depth int, rest string) {
	for {
		next, ok := strings.CutPrefix(s, ">")
		if !ok {
			break
		}
		s = next
		depth++
		if !flowed && strings.HasPrefix(s, " >") {
			s = s[1:]
		}
	}
	if depth > 0 && !flowed {
		s = strings.TrimPrefix(s, " ")
	}
	return depth, s
}

// blocks makes blocks of the lines. Blank lines between two quotations belong
// to them; others stay where they are.
func (t *textBlocks) blocks() []Block {
	var all []Block
	signed := false
	for _, l := range t.lines {
		kind := Plain
		switch {
		case l.depth > 0:
			kind = Quote
		case signed, l.text == "-- ":
			kind, signed = Signature, true
		}
		if n := len(all); n == 0 || all[n-1].Kind != kind {
			all = append(all, Block{Kind: kind})
		}
		last := &all[len(all)-1]
		last.Lines = append(last.Lines, Line{Depth: l.depth, Spans: Links(l.text)})
	}
	for i := range all {
		all[i].Lines = trimBlank(all[i].Lines)
	}
	return all
}

// trimBlank leaves out blank lines at both ends: the distance between blocks is
// the page's.
func trimBlank(lines []Line) []Line {
	blank := func(l Line) bool {
		return len(l.Spans) == 0 || len(l.Spans) == 1 && strings.TrimSpace(l.Spans[0].Text) == ""
	}
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// Links cuts a line into text and the links in it: those that begin with
// http://, https:// or www., and addresses of mail.
func Links(s string) []Span {
	var spans []Span
	plain := 0
	for at := 0; at < len(s); {
		end := at + strings.IndexFunc(s[at:], separates)
		if end < at {
			end = len(s)
		}
		if word, href := linkIn(s[at:end]); href != "" {
			start := at + strings.Index(s[at:end], word)
			if start > plain {
				spans = append(spans, Span{Text: s[plain:start]})
			}
			spans = append(spans, Span{Text: word, Href: href})
			plain = start + len(word)
		}
		at = end + 1
	}
	if plain < len(s) {
		spans = append(spans, Span{Text: s[plain:]})
	}
	return spans
}

// separates is what a link can't have in it.
func separates(r rune) bool {
	return r < 0x80 && (unicode.IsSpace(r) || strings.ContainsRune(`<>"|`+"`", r))
}

// linkIn finds the link in a word without spaces, and where it leads.
func linkIn(s string) (word, href string) {
	lower := asciiLower(s)
	for _, begin := range []string{"https://", "http://", "www."} {
		if i := strings.Index(lower, begin); i >= 0 {
			word = trimEnd(s[i:])
			href = word
			if begin == "www." {
				href = "https://" + word
			}
			if len(word) <= len(begin)+1 {
				return "", ""
			}
			return word, link(href)
		}
	}
	word = strings.TrimPrefix(trimEnd(strings.TrimLeft(s, "([{*'")), "mailto:")
	local, domain, ok := strings.Cut(word, "@")
	if !ok || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(word, "()[]{},;:/\\?&=#%'") || strings.Contains(domain, "@") {
		return "", ""
	}
	return word, link("mailto:" + word)
}

// asciiLower keeps the length, which strings.ToLower does not.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// trimEnd takes off what ends a sentence rather than a link, and a closing
// bracket that was not opened in it.
func trimEnd(s string) string {
	for s != "" {
		last := s[len(s)-1]
		switch {
		case strings.IndexByte(".,;:!?'*_", last) >= 0:
		case last == ')' && strings.Count(s, "(") < strings.Count(s, ")"):
		case last == ']' && strings.Count(s, "[") < strings.Count(s, "]"):
		default:
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}
