package message

import (
	"bytes"
	"encoding/binary"
)

// maxBoundaryLine is the longest line in bytes that can be a boundary line:
// two dashes before the boundary, two after it, and some blanks.
const maxBoundaryLine = MaxBoundary + 56

// A Scanner reads one message that is written to it in pieces of any size.
// Make one with NewScanner. It holds the open line of a header, or the start
// of the open line of a body, and what goes into the Info: some KB for a common
// mail, 1 MB for the worst. It is not safe for use by several goroutines.
type Scanner struct {
	open []*entity // the parts being read, outermost first; never empty before Finish
	head header    // the header being read: that of the innermost part
	done *Info

	line   []byte // start of the open line, if it came in several pieces
	held   int64  // how many bytes of the open line came in earlier pieces
	last   byte   // the last of these
	offset int64  // where the open line starts
	lines  int64  // lines before it
	end    int64  // length of the line end before it: 0, 1 or 2
	empty  bool   // the line before it was nothing but a line end

	parts int // parts opened so far
	room  int // bytes of text that may still be kept

	cr, crlf            int64
	bareLF, nul         bool
	eightHead, eightBit bool
}

// An entity is a part that is being read.
type entity struct {
	part      Part
	info      *Info  // the message whose root this is; nil for a part of a multipart
	boundary  []byte // of a multipart whose last part has not ended
	inHeader  bool
	typed     bool  // a Content-Type field was found
	rest      bool  // opaque: runs to the end of the multipart it is in
	headLines int64 // lines of the message before the header
	bodyLines int64 // lines of the message before the body
	bodyEnd   int64 // end of the last finished child
}

// NewScanner returns a Scanner for one message.
func NewScanner() *Scanner {
	s := &Scanner{room: MaxKept}
	s.push(&entity{info: new(Info), inHeader: true}, 0, 0)
	return s
}

// Write takes the next piece of the message. It keeps nothing of p and never
// fails.
func (s *Scanner) Write(p []byte) (int, error) {
	size := len(p)
	s.cr += int64(bytes.Count(p, []byte{'\r'}))
	s.nul = s.nul || bytes.IndexByte(p, 0) >= 0
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.hold(p)
			break
		}
		s.endLine(p[:i+1])
		p = p[i+1:]
	}
	return size, nil
}

// Finish ends the message and returns what was found. Nothing may be written
// after it.
func (s *Scanner) Finish() *Info {
	if s.done != nil {
		return s.done
	}
	if s.held > 0 {
		s.readLine(s.line, s.held, 0)
	}
	s.end = 0 // what ends here is ended by the message, not by a boundary
	for len(s.open) > 0 {
		s.finishInner()
	}
	s.done.BareLF, s.done.BareCR, s.done.NUL = s.bareLF, s.cr > s.crlf, s.nul
	s.done.EightBitHeader, s.done.EightBitBody = s.eightHead, s.eightBit
	return s.done
}

// hold keeps the part of an open line that may be needed when it ends.
func (s *Scanner) hold(p []byte) {
	s.mark(p)
	limit := s.lineLimit()
	if n := limit - len(s.line); n > 0 {
		s.line = append(s.line, p[:min(n, len(p))]...)
	}
	s.held += int64(len(p))
	s.last = p[len(p)-1]
}

// lineLimit is how many bytes of a line are looked at.
func (s *Scanner) lineLimit() int {
	if s.inner().inHeader {
		return MaxField
	}
	return maxBoundaryLine
}

// endLine takes the end of a line, with the line feed.
func (s *Scanner) endLine(p []byte) {
	before := s.last
	if len(p) > 1 {
		before = p[len(p)-2]
	}
	end := int64(1)
	if before == '\r' && s.held+int64(len(p)) > 1 {
		end = 2
		s.crlf++
	} else {
		s.bareLF = true
	}
	if s.held == 0 {
		s.mark(p)
		s.readLine(p, int64(len(p)), end)
		return
	}
	s.hold(p)
	s.readLine(s.line, s.held, end)
	s.line, s.held = s.line[:0], 0
}

// mark notes 8-bit bytes.
func (s *Scanner) mark(p []byte) {
	seen := &s.eightBit
	if s.inner().inHeader {
		seen = &s.eightHead
	}
	if !*seen && !ascii(p) {
		*seen = true
	}
}

// readLine reads a whole line of size bytes, the last end of which are its
// line end. line may be cut to what is looked at.
func (s *Scanner) readLine(line []byte, size, end int64) {
	line = line[:min(len(line), s.lineLimit())]
	next := s.offset + size
	switch {
	case size >= 2 && size <= maxBoundaryLine && line[0] == '-' && line[1] == '-' && s.boundaryLine(line, next):
	case s.inner().inHeader:
		s.headerLine(line, size == end, next)
	}
	s.offset = next
	s.lines++
	s.end = end
	s.empty = size == end
}

func (s *Scanner) inner() *entity { return s.open[len(s.open)-1] }

// boundaryLine reads a line that starts with two dashes, and tells whether it
// was a boundary. next is the offset of the line after it.
//
// A boundary of an outer multipart ends all that is open inside it (RFC 2046
// section 5.1.2). The whole line is compared, so a boundary that starts with
// another is no trouble; the innermost multipart comes first, so one that has
// its parent's boundary takes it until it is closed.
func (s *Scanner) boundaryLine(line []byte, next int64) bool {
	word := bytes.TrimRight(line[2:], " \t\r\n")
	for k := len(s.open) - 1; k >= 0; k-- {
		e := s.open[k]
		if e.boundary == nil || !bytes.HasPrefix(word, e.boundary) {
			continue
		}
		switch string(word[len(e.boundary):]) {
		case "":
			if k+1 < len(s.open) && s.open[k+1].rest {
				return false
			}
			s.finishTo(k)
			s.openPart(next)
			return true
		case "--":
			s.finishTo(k)
			e.boundary = nil
			return true
		}
	}
	return false
}

// openPart starts the next part of the innermost multipart at an offset.
func (s *Scanner) openPart(at int64) {
	e := &entity{inHeader: true}
	if s.parts >= MaxParts {
		e = &entity{rest: true, part: opaque(Part{})}
	}
	s.push(e, at, s.lines+1)
}

func (s *Scanner) push(e *entity, at, lines int64) {
	e.part.HeaderOffset, e.part.BodyOffset = at, at
	e.headLines, e.bodyLines = lines, lines
	s.open = append(s.open, e)
	s.parts++
}

// opaque makes a part a leaf that nobody looks into.
func opaque(p Part) Part {
	p.Type, p.Subtype, p.Params, p.Encoding = "application", "octet-stream", nil, "7bit"
	return p
}

// plain makes a part what it is without a Content-Type (RFC 2045 section 5.2).
func plain(p Part) Part {
	p.Type, p.Subtype, p.Params = "text", "plain", map[string]string{"charset": "us-ascii"}
	return p
}

// endHeader ends the innermost part's header at an offset, with so many lines
// of the message before its body, and decides what the body is.
func (s *Scanner) endHeader(at, lines int64) {
	s.endField()
	boundary := s.head.boundary
	s.head = header{value: s.head.value[:0]}
	e := s.inner()
	p := &e.part
	e.inHeader = false
	e.bodyLines = lines
	p.BodyOffset = at
	p.HeaderSize = at - p.HeaderOffset
	if e.info != nil {
		e.info.HeaderSize = p.HeaderSize
	}
	if p.Encoding == "" {
		p.Encoding = "7bit"
	}
	if !e.typed {
		*p = plain(*p)
		if len(s.open) > 1 && e.info == nil && s.open[len(s.open)-2].part.Subtype == "digest" {
			p.Type, p.Subtype, p.Params = "message", "rfc822", nil // RFC 2046 section 5.1.5
		}
	}
	message := p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global")
	switch {
	case !message && !p.Multipart():
	case len(s.open) > MaxDepth, s.parts >= MaxParts:
		*p = opaque(*p)
	case p.Multipart() && (len(boundary) == 0 || len(boundary) > MaxBoundary):
		*p = plain(*p)
	case p.Multipart():
		e.boundary = boundary
		p.Encoding = identity(p.Encoding)
	case p.Encoding != identity(p.Encoding):
		p.Type, p.Subtype = "application", "octet-stream" // RFC 2046 section 5.2.1 forbids it
	default:
		s.push(&entity{info: new(Info), inHeader: true}, at, lines)
	}
}

// identity returns the encoding if it changes nothing, else "7bit": multiparts
// have no other (RFC 2045 section 6.4).
func identity(encoding string) string {
	switch encoding {
	case "7bit", "8bit", "binary":
		return encoding
	}
	return "7bit"
}

// finishTo finishes all that is open inside the multipart at index k. The open
// line is the boundary that does it.
func (s *Scanner) finishTo(k int) {
	for len(s.open)-1 > k {
		s.finishInner()
	}
}

// finishInner finishes the innermost part before the open line, or only its
// header if that turns out to open a message.
func (s *Scanner) finishInner() {
	e := s.inner()
	if e.inHeader {
		s.endHeader(s.offset, s.lines)
		if s.inner() != e {
			return
		}
	}
	p := &e.part
	end := max(s.offset-s.end, p.BodyOffset, e.bodyEnd)
	p.BodySize = end - p.BodyOffset
	if p.BodySize > 0 {
		p.Lines = s.lines - e.bodyLines
		if end < s.offset && s.empty {
			p.Lines-- // the line end of this empty line is the boundary's
		}
	}
	if p.Multipart() && len(p.Children) == 0 {
		*p = plain(*p)
	}
	if e.info != nil {
		e.info.Size = end - p.HeaderOffset
		e.info.Lines = e.bodyLines - e.headLines + p.Lines
		e.info.Root = *p
	}
	s.open = s.open[:len(s.open)-1]
	if len(s.open) == 0 {
		s.done = e.info
		return
	}
	parent := s.inner()
	parent.bodyEnd = end
	if e.info != nil {
		parent.part.Embedded = e.info
	} else {
		parent.part.Children = append(parent.part.Children, *p)
	}
}

// ascii tells whether all bytes are under 128.
func ascii(p []byte) bool { return asciiPrefix(p) == len(p) }

// asciiPrefix returns how many bytes p starts with that are under 128.
func asciiPrefix(p []byte) int {
	const high = 0x8080808080808080
	n := 0
	for len(p)-n >= 8 && binary.LittleEndian.Uint64(p[n:])&high == 0 {
		n += 8
	}
	for n < len(p) && p[n] < 0x80 {
		n++
	}
	return n
}
