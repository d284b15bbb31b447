package mailfile

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// base64 of RFC 3501 5.1.3: ',' instead of '/', no padding.
var mutf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// encodeName writes one level of a mailbox name as a file name: modified
// UTF-7, which is what Maildir++ programs use. Characters in also, which may
// stand for something in a file name, are encoded as well.
func encodeName(level, also string) string {
	var out strings.Builder
	var held []uint16
	flush := func() {
		if len(held) == 0 {
			return
		}
		raw := make([]byte, 0, 2*len(held))
		for _, u := range held {
			raw = binary.BigEndian.AppendUint16(raw, u)
		}
		out.WriteString("&" + mutf7.EncodeToString(raw) + "-")
		held = held[:0]
	}
	for _, r := range level {
		switch {
		case r == '&':
			flush()
			out.WriteString("&-")
		case r >= 0x20 && r < 0x7f && !strings.ContainsRune(also, r):
			flush()
			out.WriteByte(byte(r))
		default:
			held = utf16.AppendRune(held, r)
		}
	}
	flush()
	return out.String()
}

// decodeName reads a file name as one level of a mailbox name. A name that is
// not modified UTF-7 is taken as it is.
func decodeName(s string) string {
	var out strings.Builder
	rest := s
	for {
		plain, after, found := strings.Cut(rest, "&")
		out.WriteString(plain)
		if !found {
			break
		}
		code, tail, closed := strings.Cut(after, "-")
		if !closed {
			return strings.ToValidUTF8(s, "_")
		}
		if code == "" {
			out.WriteByte('&')
			rest = tail
			continue
		}
		raw, err := mutf7.DecodeString(code)
		if err != nil || len(raw)%2 != 0 {
			return strings.ToValidUTF8(s, "_")
		}
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(raw[2*i:])
		}
		for _, r := range utf16.Decode(units) {
			if r == utf8.RuneError {
				return strings.ToValidUTF8(s, "_")
			}
			out.WriteRune(r)
		}
		rest = tail
	}
	return strings.ToValidUTF8(out.String(), "_")
}
