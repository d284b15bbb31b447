package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Field is one header field as it stands in the message.
type Field struct {
	// Name is the name as written, without the colon; "" for a line that is
	// no field.
	Name string
	// Raw is the whole field, name, folds and line ends included.
	Raw []byte
}

// Value returns the field's body, folds undone and spaces at the ends taken
// off, otherwise raw: bytes, perhaps not UTF-8. DecodeHeader makes text of it.
func (f Field) Value() string {
	_, v, _ := bytes.Cut(f.Raw, []byte{':'})
	return string(unfold(v))
}

// ReadHeader reads the header of size bytes at offset off of r and returns its
// fields in order, without the empty line at its end. At most MaxHeader bytes
// and MaxFields fields are returned; a field cut by the limit is left out. It
// fails only with r's error.
func ReadHeader(r io.ReaderAt, off, size int64) ([]Field, error) {
	cut := size > MaxHeader
	b := make([]byte, min(max(size, 0), MaxHeader))
	if n, err := r.ReadAt(b, off); err != nil && !(errors.Is(err, io.EOF) && n == len(b)) {
		return nil, fmt.Errorf("reading header of %d bytes at %d: %w", size, off, err)
	}
	var fields []Field
	for len(b) > 0 && len(fields) < MaxFields {
		raw, rest := nextField(b)
		if len(bytes.TrimRight(raw, "\r\n")) == 0 || cut && len(rest) == 0 {
			break
		}
		b = rest
		fields = append(fields, Field{Name: string(fieldName(raw)), Raw: raw})
	}
	return fields, nil
}

// nextField cuts the first line and the folded lines that follow it off b.
func nextField(b []byte) (field, rest []byte) {
	for n := 0; ; {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return b, nil
		}
		n += i + 1
		if n == len(b) || b[n] != ' ' && b[n] != '\t' {
			return b[:n], b[n:]
		}
	}
}

// fieldName returns the name of the field that a line starts, nil if the line
// starts none. Spaces before the colon are an old form (RFC 5322 section 4.5).
func fieldName(line []byte) []byte {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return nil
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return nil
		}
	}
	return name
}

// unfold takes line ends out of a field's body, and spaces off its ends.
func unfold(b []byte) []byte {
	b = bytes.Trim(b, " \t\r\n")
	if bytes.IndexByte(b, '\n') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}

// FilterHeader returns the fields with one of the names, any case, or with not
// the others, in their order and with the empty line that ends a header: what
// BODY[HEADER.FIELDS (...)] and BODY[HEADER.FIELDS.NOT (...)] show.
func FilterHeader(fields []Field, names []string, not bool) []byte {
	var b []byte
	for _, f := range fields {
		named := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, f.Name) })
		if named == not || f.Name == "" {
			continue
		}
		b = append(b, f.Raw...)
		if b[len(b)-1] != '\n' {
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}
