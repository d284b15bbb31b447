package imapd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/appliance/message"
)

// part is one section of a message, opened and measured, ready to be sent.
type part struct {
	body   *imap.FetchItemBodySection // one of these three is set
	binary *imap.FetchItemBinarySection
	sizeOf *imap.FetchItemBinarySectionSize
	r      io.Reader
	size   int64
}

// openParts opens all sections a FETCH wants of a message, before anything is
// said of it: what fails here can still be refused.
func openParts(r io.ReaderAt, info *message.Info, p *plan) ([]part, error) {
	var parts []part
	for _, want := range p.BodySection {
		section, err := info.Open(r, toSection(want))
		if errors.Is(err, message.ErrNoSection) {
			section, err = io.NewSectionReader(bytes.NewReader(nil), 0, 0), nil
		}
		if err != nil {
			return nil, err
		}
		off, n := clip(want.Partial, section.Size())
		parts = append(parts, part{body: want, r: io.NewSectionReader(section, off, n), size: n})
	}
	for _, want := range p.BinarySection {
		opened, err := openBinary(r, info, want)
		if err != nil {
			return nil, err
		}
		parts = append(parts, opened)
	}
	for _, want := range p.BinarySectionSize {
		n, err := info.BinarySize(r, want.Part)
		if err != nil && !errors.Is(err, message.ErrNoSection) {
			return nil, err
		}
		parts = append(parts, part{sizeOf: want, size: n})
	}
	return parts, prefetchParts(parts)
}

// openBinary opens a decoded part. Its size has to be said first and is known
// only after decoding, so it is decoded twice.
func openBinary(r io.ReaderAt, info *message.Info, want *imap.FetchItemBinarySection) (part, error) {
	none := part{binary: want, r: bytes.NewReader(nil)}
	size, err := info.BinarySize(r, want.Part)
	if errors.Is(err, message.ErrNoSection) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	decoded, err := info.OpenBinary(r, want.Part)
	if err != nil {
		return none, err
	}
	off, n := clip(want.Partial, size)
	if s, ok := decoded.(*io.SectionReader); ok {
		return part{binary: want, r: io.NewSectionReader(s, off, n), size: n}, nil
	}
	if _, err := io.CopyN(io.Discard, decoded, off); err != nil {
		return none, err
	}
	return part{binary: want, r: io.LimitReader(decoded, n), size: n}, nil
}

// clip cuts <offset.size> to what is there, RFC 9051 section 6.4.5.
func clip(partial *imap.SectionPartial, size int64) (off, n int64) {
	if partial == nil {
		return 0, size
	}
	off = min(max(partial.Offset, 0), size)
	return off, min(max(partial.Size, 0), size-off)
}

// prefetchParts reads small sections whole.
func prefetchParts(parts []part) error {
	for i := range parts {
		p := &parts[i]
		if p.r == nil || p.size > prefetch {
			continue
		}
		b := make([]byte, p.size)
		if _, err := io.ReadFull(p.r, b); err != nil {
			return fmt.Errorf("read section: %w", err)
		}
		p.r = bytes.NewReader(b)
	}
	return nil
}

// write sends the section.
func (p *part) write(m *imapserver.FetchResponseWriter) error {
	var w io.WriteCloser
	switch {
	case p.body != nil:
		w = m.WriteBodySection(p.body, p.size)
	case p.binary != nil:
		w = m.WriteBinarySection(p.binary, p.size)
	default:
		m.WriteBinarySectionSize(p.sizeOf, uint32(min(p.size, math.MaxUint32)))
		return nil
	}
	_, copyErr := io.CopyBuffer(onlyWriter{w}, onlyReader{p.r}, make([]byte, min(p.size+1, gather)))
	closeErr := w.Close()
	return errors.Join(copyErr, closeErr)
}

// onlyWriter and onlyReader hide other methods, so that CopyBuffer uses its
// buffer.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

// toSection translates the name of a section.
func toSection(want *imap.FetchItemBodySection) message.Section {
	s := message.Section{Path: want.Part}
	switch want.Specifier {
	case imap.PartSpecifierHeader:
		s.What = message.SectionHeader
		if len(want.HeaderFields) > 0 {
			s.What, s.Fields = message.SectionFields, want.HeaderFields
		} else if len(want.HeaderFieldsNot) > 0 {
			s.What, s.Fields = message.SectionFieldsNot, want.HeaderFieldsNot
		}
	case imap.PartSpecifierMIME:
		s.What = message.SectionMIME
	case imap.PartSpecifierText:
		s.What = message.SectionText
	}
	return s
}
