package imapd

import (
	"bytes"
	"strings"
)

// words reads the arguments of the commands that the library does not know. It
// works on a command whose literals have become quoted strings.
type words struct{ rest []byte }

// byte takes b if it is next.
func (w *words) byte(b byte) bool {
	if len(w.rest) == 0 || w.rest[0] != b {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

// space takes one or more spaces.
func (w *words) space() bool {
	n := len(w.rest)
	w.rest = bytes.TrimLeft(w.rest, " ")
	return len(w.rest) < n
}

// end says whether nothing is left.
func (w *words) end() bool { return len(w.rest) == 0 }

// atom takes an atom; wild characters and "\" count as part of it, so that
// sequence sets and flags are atoms too.
func (w *words) atom() (string, bool) {
	n := 0
	for n < len(w.rest) && w.rest[n] > ' ' && w.rest[n] != 0x7f && strings.IndexByte(`(){"`, w.rest[n]) < 0 {
		n++
	}
	word := string(w.rest[:n])
	w.rest = w.rest[n:]
	return word, n > 0
}

// quoted takes a quoted string.
func (w *words) quoted() (string, bool) {
	if len(w.rest) == 0 || w.rest[0] != '"' {
		return "", false
	}
	var word []byte
	for i := 1; i < len(w.rest); i++ {
		switch b := w.rest[i]; {
		case b == '"':
			w.rest = w.rest[i+1:]
			return string(word), true
		case b == '\\' && i+1 < len(w.rest):
			i++
			word = append(word, w.rest[i])
		default:
			word = append(word, b)
		}
	}
	return "", false
}

// astring takes an atom or a quoted string.
func (w *words) astring() (string, bool) {
	if s, ok := w.quoted(); ok {
		return s, true
	}
	return w.atom()
}

// printable returns s, cut to n bytes and without control characters, for the log.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(n, len(s))], "")
}

// quotedString writes s as a quoted string; s holds no NUL, CR or LF.
func quotedString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
