package message

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"
)

// decodeText makes text of bytes that are said to be none but ASCII: UTF-8 if
// they are, else Windows-1252. Control characters become spaces, so that no
// text from a message can end a line or an argument of a protocol.
func decodeText(s string) string {
	if !utf8.ValidString(s) {
		s, _ = charmap.Windows1252.NewDecoder().String(s)
	}
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if control(r) {
			return ' '
		}
		return r
	}, s)
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// decodeCharset makes text of bytes in a charset; see charsetOf.
func decodeCharset(charset string, b []byte) string {
	if enc := charsetOf(charset); enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return string(out)
		}
	}
	return string(b)
}

// charsetOf returns a charset by its name in mail or on the web, nil for
// UTF-8, ASCII and names nobody knows: their bytes are taken as UTF-8 where
// they are and as Windows-1252 where they are not.
func charsetOf(name string) encoding.Encoding {
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown":
		return nil
	case "cp932", "ms932": // Windows names that the indexes do not have
		name = "shift_jis"
	case "cp949", "ms949":
		name = "euc-kr"
	}
	if len(name) > 64 {
		return nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		enc, err = ianaindex.MIME.Encoding(name)
	}
	if err != nil || enc == encoding.Replacement {
		return nil
	}
	return enc
}

// decoderOf returns what turns bytes in a charset into UTF-8 as they stream.
func decoderOf(charset string) transform.Transformer {
	if enc := charsetOf(charset); enc != nil {
		return enc.NewDecoder()
	}
	return mixedDecoder{}
}

// A mixedDecoder passes UTF-8 and takes any byte that is none as Windows-1252.
type mixedDecoder struct{ transform.NopResetter }

func (mixedDecoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if n := asciiPrefix(src[nSrc:]); n > 0 {
			n = copy(dst[nDst:], src[nSrc:nSrc+n])
			if n == 0 {
				return nDst, nSrc, transform.ErrShortDst
			}
			nDst, nSrc = nDst+n, nSrc+n
			continue
		}
		if !atEOF && !utf8.FullRune(src[nSrc:]) {
			return nDst, nSrc, transform.ErrShortSrc
		}
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(src[nSrc])
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	return nDst, nSrc, nil
}
