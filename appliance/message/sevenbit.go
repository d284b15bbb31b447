package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
)

// ErrSevenBit says that a message can't be made one of ASCII text without
// doing harm to it. It comes wrapped with the reason.
var ErrSevenBit = errors.New("message can't be changed to 7-bit text")

// maxPlainLine is the longest line in bytes, without its end, that can be sent
// as it is (RFC 5321 section 4.5.3.1.6).
const maxPlainLine = 998

// A SevenBit is a message as a server takes it that knows neither 8BITMIME nor
// BINARYMIME: parts that are not lines of ASCII are quoted-printable if they
// are text, else base64, and everything else is as it was (RFC 6152 section 3).
// The message is read again each time; none of it is held in memory.
type SevenBit struct {
	r     io.ReaderAt
	from  int64
	info  *Info
	unfit map[*Part]bool // parts that are changed, or have such below them
}

// NewSevenBit looks through the message in r, without its bytes before from,
// which must lie between two fields of its header. It fails with ErrSevenBit
// where a header is not ASCII, where a signed or encrypted part would have to
// be changed, and where a part is not what it says; or with r's error.
func NewSevenBit(r io.ReaderAt, from int64, i *Info) (*SevenBit, error) {
	s := &SevenBit{r: r, from: from, info: i, unfit: make(map[*Part]bool)}
	if i.EightBitHeader {
		return nil, fmt.Errorf("%w: its header has characters beyond ASCII", ErrSevenBit)
	}
	_, err := s.survey(&i.Root)
	return s, err
}

// survey finds out what has to be changed in a part and those below it.
func (s *SevenBit) survey(p *Part) (unfit bool, err error) {
	switch {
	case p.Multipart() && p.Subtype != "signed" && p.Subtype != "encrypted":
		at := p.BodyOffset
		for i := range p.Children {
			child := &p.Children[i]
			below, err := s.survey(child)
			if err != nil {
				return false, err
			}
			between, err := s.look(at, child.HeaderOffset)
			if err != nil {
				return false, err
			}
			unfit = unfit || below || between.eight
			at = child.BodyOffset + child.BodySize
		}
		rest, err := s.look(at, p.BodyOffset+p.BodySize)
		if err != nil {
			return false, err
		}
		unfit = unfit || rest.eight || p.Encoding != "7bit"
	case p.Embedded != nil:
		if unfit, err = s.survey(&p.Embedded.Root); err != nil {
			return false, err
		}
		unfit = unfit || p.Encoding != "7bit"
	default:
		fit, err := s.look(p.BodyOffset, p.BodyOffset+p.BodySize)
		if err != nil {
			return false, err
		}
		if fit.eight || fit.ragged || fit.cr {
			unfit = true
			if err := s.changeable(p); err != nil {
				return false, err
			}
		}
	}
	if unfit {
		s.unfit[p] = true
		_, err = s.wholeHeader(p)
	}
	return unfit, err
}

// look reads the message from start to end.
func (s *SevenBit) look(start, end int64) (f fitness, err error) {
	if start < end {
		_, err = io.Copy(&f, io.NewSectionReader(s.r, start, end-start))
	}
	return f, err
}

// changeable tells why a part's body can't be encoded; nil: it can.
func (s *SevenBit) changeable(p *Part) error {
	if p.Multipart() {
		return fmt.Errorf("%w: a part of it is %s, and changing that would break it", ErrSevenBit, p.Subtype)
	}
	fields, err := s.wholeHeader(p)
	if err != nil {
		return err
	}
	for _, f := range fields {
		value := strings.ToLower(strings.TrimSpace(f.Value()))
		switch strings.ToLower(f.Name) {
		case "content-type": // one that could not be looked into
			if strings.HasPrefix(value, "multipart/") || strings.HasPrefix(value, "message/") {
				return fmt.Errorf("%w: a part of it is damaged, or nested too deep", ErrSevenBit)
			}
		case "content-transfer-encoding":
			if value != "7bit" && value != "8bit" && value != "binary" {
				return fmt.Errorf("%w: a part of it says that it is %s, and is not", ErrSevenBit, p.Encoding)
			}
		}
	}
	return nil
}

// wholeHeader reads a part's header, of which nothing may get lost when it is
// written anew.
func (s *SevenBit) wholeHeader(p *Part) ([]Field, error) {
	fields, err := ReadHeader(s.r, p.HeaderOffset, p.HeaderSize)
	if err == nil && (p.HeaderSize > MaxHeader || len(fields) == MaxFields) {
		err = fmt.Errorf("%w: the header of a part is too long", ErrSevenBit)
	}
	return fields, err
}

// fitness watches bytes for what can't be sent as lines of ASCII.
type fitness struct {
	eight  bool // bytes beyond ASCII, or NUL
	ragged bool // lines with other ends, or too long
	line   int  // bytes since its start
	cr     bool // the last byte
}

func (f *fitness) Write(p []byte) (int, error) {
	for _, c := range p {
		f.line++
		f.eight = f.eight || c >= 0x80 || c == 0
		f.ragged = f.ragged || f.cr != (c == '\n') || f.line > maxPlainLine+2
		if f.cr = c == '\r'; c == '\n' {
			f.line = 0
		}
	}
	return len(p), nil
}

// Open returns the message. Close must be called; it ends the work, after which
// the stored message is not read any more.
func (s *SevenBit) Open() io.ReadCloser {
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out := &sevenBitWriter{SevenBit: s, w: bufio.NewWriterSize(w, 4<<10), at: s.from}
		err := out.part(&s.info.Root, true)
		if err == nil {
			err = out.w.Flush()
		}
		w.CloseWithError(err)
	}()
	return &sevenBitReader{r, ended}
}

// sevenBitReader is the end at which the message comes out.
type sevenBitReader struct {
	*io.PipeReader
	ended <-chan struct{}
}

// Close has the writer stop, and waits until it has.
func (r *sevenBitReader) Close() error {
	err := r.PipeReader.Close()
	<-r.ended
	return err
}

// sevenBitWriter writes a message once.
type sevenBitWriter struct {
	*SevenBit
	w  *bufio.Writer
	at int64 // how far the message is written
}

// part writes what is left of the message before the end of a part, which may
// be a whole message.
func (s *sevenBitWriter) part(p *Part, whole bool) error {
	end := p.BodyOffset + p.BodySize
	if err := s.copy(ascii7{s.w}, p.HeaderOffset); err != nil {
		return err
	}
	if !s.unfit[p] {
		return s.copy(s.w, end)
	}
	encoding := ""
	if !p.Multipart() && p.Embedded == nil {
		encoding = "base64"
		if p.Type == "text" {
			encoding = "quoted-printable"
		}
	}
	if err := s.header(p, encoding, whole); err != nil {
		return err
	}
	switch {
	case p.Embedded != nil:
		if err := s.part(&p.Embedded.Root, true); err != nil {
			return err
		}
	case p.Multipart():
		for i := range p.Children {
			if err := s.part(&p.Children[i], false); err != nil {
				return err
			}
		}
	case encoding == "base64":
		lines := &foldedLines{w: s.w}
		b := base64.NewEncoder(base64.StdEncoding, lines)
		return errors.Join(s.copy(b, end), b.Close())
	default:
		q := quotedprintable.NewWriter(s.w)
		return errors.Join(s.copy(q, end), q.Close())
	}
	return s.copy(ascii7{s.w}, end)
}

// header writes a part's header with another encoding, "" for none.
func (s *sevenBitWriter) header(p *Part, encoding string, whole bool) error {
	start := max(s.at, p.HeaderOffset)
	fields, err := ReadHeader(s.r, start, p.BodyOffset-start)
	if err != nil {
		return err
	}
	typed, mime := false, !whole
	for _, f := range fields {
		switch strings.ToLower(f.Name) {
		case "content-transfer-encoding":
			continue
		case "content-type":
			typed = true
		case "mime-version":
			mime = true
		}
		s.w.Write(f.Raw) // an error stays with the writer
	}
	if !mime {
		s.w.WriteString("MIME-Version: 1.0\r\n")
	}
	if encoding != "" && !typed {
		s.w.WriteString("Content-Type: text/plain; charset=unknown-8bit\r\n") // RFC 1428
	}
	if encoding != "" {
		s.w.WriteString("Content-Transfer-Encoding: " + encoding + "\r\n")
	}
	s.at = p.BodyOffset
	_, err = s.w.WriteString("\r\n")
	return err
}

// copy writes the message to w as far as end.
func (s *sevenBitWriter) copy(w io.Writer, end int64) error {
	if end <= s.at {
		return nil
	}
	n, err := io.Copy(w, io.NewSectionReader(s.r, s.at, end-s.at))
	s.at += n
	return err
}

// ascii7 is for what lies between parts, where nobody looks: bytes beyond
// ASCII become question marks.
type ascii7 struct{ w io.Writer }

func (a ascii7) Write(p []byte) (int, error) {
	out := bytes.Clone(p)
	for i, c := range out {
		if c >= 0x80 || c == 0 {
			out[i] = '?'
		}
	}
	return a.w.Write(out)
}

// foldedLines breaks base64 into lines (RFC 2045 section 6.8).
type foldedLines struct {
	w   io.Writer
	col int
}

func (f *foldedLines) Write(p []byte) (n int, err error) {
	const width = 76
	for len(p) > 0 && err == nil {
		if f.col == width {
			_, err = io.WriteString(f.w, "\r\n")
			f.col = 0
		}
		k := min(width-f.col, len(p))
		if err == nil {
			_, err = f.w.Write(p[:k])
		}
		f.col, n, p = f.col+k, n+k, p[k:]
	}
	return n, err
}
