package message

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold brings text into the form in which it is compared: lower case, composed
// (NFC), and any run of white space and line ends as one space, because mail
// programs break lines where they like.
func Fold(s string) string {
	var f folding
	return strings.ToValidUTF8(string(f.append(nil, norm.NFC.Bytes([]byte(s)), true)), "\uFFFD")
}

// folding does it piece by piece.
type folding struct {
	space bool // the last byte appended was a space for white space
	left  []byte
}

// append appends the folded form of p to dst. What may be the start of a
// character is kept for the next piece, unless last.
func (f *folding) append(dst, p []byte, last bool) []byte {
	if len(f.left) > 0 {
		p = append(f.left, p...)
		f.left = nil
	}
	for len(p) > 0 {
		if !last && !utf8.FullRune(p) {
			f.left = bytes.Clone(p)
			return dst
		}
		r, n := utf8.DecodeRune(p)
		p = p[n:]
		if unicode.IsSpace(r) {
			if !f.space {
				dst = append(dst, ' ')
			}
			f.space = true
			continue
		}
		f.space = false
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	}
	return dst
}

// Contains looks for a needle, folded by Fold, in the text of r, which it reads
// to the end or to the first hit, in constant memory. The error is r's.
func Contains(r io.Reader, needle string) (bool, error) {
	if needle == "" {
		return true, nil
	}
	var f folding
	r = norm.NFC.Reader(r)
	in := make([]byte, 8<<10)
	var text []byte
	for {
		n, err := r.Read(in)
		text = f.append(text, in[:n], err != nil)
		if bytes.Contains(text, []byte(needle)) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		// The end of this piece may be the start of a hit.
		text = append(text[:0], text[max(0, len(text)-len(needle)+1):]...)
	}
}
