package message

import (
	"bytes"
	"errors"
	"io"
)

// ErrNoSection says that a message has no such section: a path that leads
// nowhere, or HEADER or TEXT of a part that is not a message.
var ErrNoSection = errors.New("message has no such section")

// A Specifier says what of a part is meant (RFC 9051 section 6.4.5.1).
type Specifier int

// The specifiers. Header, text and the two header field specifiers apply to
// the message itself (empty path) and to message/rfc822 parts; MIME applies to
// any part, not to an empty path.
const (
	SectionAll       Specifier = iota // BODY[] the message; BODY[1] the part's body
	SectionHeader                     // BODY[HEADER], with its empty line
	SectionFields                     // BODY[HEADER.FIELDS (...)]
	SectionFieldsNot                  // BODY[HEADER.FIELDS.NOT (...)]
	SectionText                       // BODY[TEXT]
	SectionMIME                       // BODY[1.MIME], the header of the part
)

// A Section names a piece of a message as IMAP does.
type Section struct {
	Path   []int // part numbers from 1; empty is the message itself
	What   Specifier
	Fields []string // names for SectionFields and SectionFieldsNot, any case
}

// Find returns the part at a path of part numbers as IMAP counts them (RFC
// 9051 section 6.4.5.1), Root for an empty path, nil if there is none. A
// message that is not a multipart has one part, itself, with number 1.
func (i *Info) Find(path []int) *Part {
	p, in := &i.Root, i // in: the message whose parts the next number counts
	for _, n := range path {
		if in == nil && p.Embedded != nil {
			in = p.Embedded
			p = &in.Root
		}
		switch {
		case p.Multipart():
			if n < 1 || n > len(p.Children) {
				return nil
			}
			p = &p.Children[n-1]
		case in == nil || n != 1:
			return nil
		}
		in = nil
	}
	return p
}

// Range returns where the bytes of a section lie in the outermost message, as
// offset and size in bytes. For SectionFields and SectionFieldsNot it is the
// header they are picked from. It fails with ErrNoSection.
func (i *Info) Range(path []int, what Specifier) (offset, size int64, err error) {
	p, in := &i.Root, i
	if len(path) > 0 {
		if p = i.Find(path); p == nil {
			return 0, 0, ErrNoSection
		}
		in = p.Embedded
	}
	switch {
	case what == SectionAll && len(path) > 0:
		return p.BodyOffset, p.BodySize, nil
	case what == SectionMIME && len(path) > 0:
		return p.HeaderOffset, p.HeaderSize, nil
	case in == nil:
		return 0, 0, ErrNoSection
	}
	start := in.Root.HeaderOffset
	switch what {
	case SectionAll:
		return start, in.Size, nil
	case SectionHeader, SectionFields, SectionFieldsNot:
		return start, in.HeaderSize, nil
	case SectionText:
		return start + in.HeaderSize, in.Size - in.HeaderSize, nil
	}
	return 0, 0, ErrNoSection
}

// Open returns a reader of a section of the message in r, which must be the
// bytes the Info was made of. It has a size and seeks, so that BODY[1]<0.1000>
// reads what is asked and no more. It fails with ErrNoSection, or, when a
// header must be read to pick fields from it, with r's error.
func (i *Info) Open(r io.ReaderAt, s Section) (*io.SectionReader, error) {
	offset, size, err := i.Range(s.Path, s.What)
	if err != nil {
		return nil, err
	}
	if s.What != SectionFields && s.What != SectionFieldsNot {
		return io.NewSectionReader(r, offset, size), nil
	}
	fields, err := ReadHeader(r, offset, size)
	if err != nil {
		return nil, err
	}
	b := FilterHeader(fields, s.Fields, s.What == SectionFieldsNot)
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), nil
}

// ErrUnknownEncoding says that a part has a Content-Transfer-Encoding that
// cannot be decoded (RFC 9051 calls it UNKNOWN-CTE).
var ErrUnknownEncoding = errors.New("content transfer encoding of the part is not known")

// OpenBinary returns a reader of the body of a part with its transfer encoding
// taken off, as IMAP's BINARY (RFC 9051 section 6.4.5). An empty path is the
// whole message as it is. It fails with ErrNoSection or ErrUnknownEncoding.
func (i *Info) OpenBinary(r io.ReaderAt, path []int) (io.Reader, error) {
	body, err := i.Open(r, Section{Path: path})
	if err != nil || len(path) == 0 {
		return body, err
	}
	p := i.Find(path)
	if p.Multipart() || p.Embedded != nil {
		return body, nil
	}
	if !KnownEncoding(p.Encoding) {
		return nil, ErrUnknownEncoding
	}
	return Decode(body, p.Encoding), nil
}

// BinarySize returns how many bytes OpenBinary's reader yields. For base64 and
// quoted-printable it has to read the part to know. It fails as OpenBinary
// does, and with r's error.
func (i *Info) BinarySize(r io.ReaderAt, path []int) (int64, error) {
	b, err := i.OpenBinary(r, path)
	if err != nil {
		return 0, err
	}
	if s, ok := b.(*io.SectionReader); ok {
		return s.Size(), nil
	}
	return io.Copy(io.Discard, b)
}
