package message

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/text/transform"
)

// Text returns a reader of the text a person would search in: the text parts
// of the message in r, decoded to UTF-8 and without HTML's tags, the names of
// attached files, and subjects and people of embedded messages; a line end
// stands between any two. It holds some KB, yields at most max bytes, and
// fails only with r's error.
func Text(r io.ReaderAt, i *Info, max int64) io.Reader {
	t := &textReader{r: r}
	t.collect(&i.Root)
	return io.LimitReader(t, max)
}

// A textReader yields its pieces one after the other.
type textReader struct {
	r      io.ReaderAt
	pieces []piece
	open   io.Reader
}

// A piece is a part to be read, or a line of text.
type piece struct {
	part *Part
	line string
}

// collect lists what is to be read of a part, in order.
func (t *textReader) collect(p *Part) {
	name := p.DispositionParams["filename"]
	if name == "" {
		name = p.Params["name"]
	}
	if name != "" {
		t.pieces = append(t.pieces, piece{line: name})
	}
	switch {
	case p.Multipart():
		for i := range p.Children {
			t.collect(&p.Children[i])
		}
	case p.Embedded != nil:
		t.envelope(&p.Embedded.Envelope)
		t.collect(&p.Embedded.Root)
	case p.Type == "text", p.Type == "message":
		t.pieces = append(t.pieces, piece{part: p})
	}
}

func (t *textReader) envelope(e *Envelope) {
	if e.Subject != "" {
		t.pieces = append(t.pieces, piece{line: e.Subject})
	}
	for _, list := range [][]Address{e.From, e.To, e.Cc} {
		for _, a := range list {
			t.pieces = append(t.pieces, piece{line: a.Name + " " + a.String()})
		}
	}
}

func (t *textReader) Read(b []byte) (int, error) {
	for {
		if t.open != nil {
			n, err := t.open.Read(b)
			if errors.Is(err, io.EOF) {
				t.open, err = nil, nil
			}
			if n > 0 || err != nil || len(b) == 0 {
				return n, err
			}
			continue
		}
		if len(t.pieces) == 0 {
			return 0, io.EOF
		}
		p := t.pieces[0]
		t.pieces = t.pieces[1:]
		text := io.Reader(strings.NewReader(p.line))
		if p.part != nil {
			text = PartText(t.r, p.part)
		}
		t.open = io.MultiReader(text, strings.NewReader("\n"))
	}
}

// PartText returns a reader of the text of one part of the message in r: its
// transfer encoding and its charset undone, HTML's tags taken out. It holds
// some KB and fails only with r's error.
func PartText(r io.ReaderAt, p *Part) io.Reader {
	text := PartSource(r, p)
	if p.Type == "text" && p.Subtype == "html" {
		return newHTMLReader(text)
	}
	return text
}

// PartSource is PartText with HTML's tags left in.
func PartSource(r io.ReaderAt, p *Part) io.Reader {
	body := Decode(io.NewSectionReader(r, p.BodyOffset, p.BodySize), p.Encoding)
	return transform.NewReader(body, decoderOf(p.Params["charset"]))
}
