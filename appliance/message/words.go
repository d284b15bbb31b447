package message

import (
	"encoding/base64"
	"strings"
)

// maxWord is the longest text in bytes of one encoded word. RFC 2047 section 2
// allows 75 for the whole word; some programs put a long subject into one.
const maxWord = 4096

// DecodeHeader returns the text of a raw header field body as UTF-8: folds
// undone, encoded words (RFC 2047) decoded, raw 8-bit bytes taken as UTF-8 or
// else as Windows-1252, control characters made spaces. It never fails: a word
// that cannot be decoded stays as it is.
func DecodeHeader(raw string) string {
	if strings.IndexByte(raw, '\n') >= 0 {
		raw = string(unfold([]byte(raw)))
	}
	if !strings.Contains(raw, "=?") {
		return decodeText(raw)
	}
	var out strings.Builder
	var charset string // of the words in run
	var run []byte     // decoded bytes of adjacent words, which may share a character
	inRun := false
	flush := func() {
		out.WriteString(decodeText(decodeCharset(charset, run)))
		run, inRun = run[:0], false
	}
	for at := 0; ; {
		i := strings.Index(raw[at:], "=?")
		if i < 0 {
			break
		}
		i += at
		w, ok := cutWord(raw[i:])
		if !ok {
			at = i + len("=?")
			continue
		}
		// Blanks between two encoded words are not shown (section 6.2).
		between := raw[:i]
		switch {
		case !inRun || strings.Trim(between, " \t") != "":
			flush()
			out.WriteString(decodeText(between))
		case !strings.EqualFold(charset, w.charset):
			flush()
		}
		charset, run, inRun = w.charset, append(run, w.text...), true
		raw, at = raw[i+w.size:], 0
	}
	flush()
	out.WriteString(decodeText(raw))
	return out.String()
}

// A word is an encoded word, its encoding undone but not its charset.
type word struct {
	charset string
	text    []byte
	size    int // of the word as written
}

// cutWord reads the encoded word that s starts with. It tolerates blanks in
// the text and base64 without its padding, which are common.
func cutWord(s string) (w word, ok bool) {
	charset, rest, ok := strings.Cut(s[2:min(len(s), 2+64)], "?")
	if !ok || charset == "" || strings.ContainsAny(charset, " \t\"") {
		return w, false
	}
	at := 2 + len(charset) + 1
	if len(rest) < 2 || rest[1] != '?' {
		return w, false
	}
	at += 2
	n := strings.Index(s[at:min(len(s), at+maxWord)], "?=")
	if n < 0 {
		return w, false
	}
	text := s[at : at+n]
	w.charset, _, _ = strings.Cut(charset, "*") // RFC 2231 section 5: a language
	w.size = at + n + len("?=")
	switch rest[0] {
	case 'q', 'Q':
		w.text = decodeQ(text)
	case 'b', 'B':
		text = strings.TrimRight(strings.ReplaceAll(text, " ", ""), "=")
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil && len(b) == 0 && text != "" {
			return w, false
		}
		w.text = b
	default:
		return w, false
	}
	return w, true
}

// decodeQ undoes the Q encoding (RFC 2047 section 4.2).
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '_' {
			c = ' '
		} else if c == '=' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}

// unhex returns the value of a hexadecimal digit, -1 for another character.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
