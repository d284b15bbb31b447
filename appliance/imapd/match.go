package imapd

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxPattern is the length of a pattern of LIST in bytes; a longer one
	// matches no name the store would take.
	maxPattern = 1024
	// maxPatterns is how many patterns one LIST may have (RFC 5258).
	maxPatterns = 32
)

// pattern is a mailbox name with wild cards: "*" stands for anything, "%" for
// anything but "/". It takes time in proportion to its length times that of the
// name, whatever it looks like; the library's matcher takes exponential time.
type pattern string

// newPattern joins reference and pattern of LIST, RFC 9051 section 6.3.9, in the
// form in which names are stored: composed, and what lies below INBOX with that
// in capitals.
func newPattern(reference, p string) pattern {
	p = norm.NFC.String(strings.TrimPrefix(reference+p, "/"))
	if level := "INBOX/"; len(p) >= len(level) && strings.EqualFold(p[:len(level)], level) {
		p = level + p[len(level):]
	}
	return pattern(p)
}

// match says whether the pattern stands for name. INBOX is the same in any case.
func (p pattern) match(name string) bool {
	if len(p) > maxPattern {
		return false
	}
	if name == "INBOX" {
		p = pattern(strings.Map(upper, string(p)))
	}
	// at[i] says that what was read of name can be the first i bytes of p.
	at, next := make([]bool, len(p)+1), make([]bool, len(p)+1)
	at[0] = true
	p.pass(at)
	for i := range len(name) {
		if !p.step(at, next, name[i]) {
			return false
		}
		at, next = next, at
	}
	return at[len(p)]
}

// step reads one more byte of the name, from the states at to the states next,
// and says whether a match is still possible.
func (p pattern) step(at, next []bool, b byte) bool {
	clear(next)
	any := false
	for i := range len(p) {
		if !at[i] {
			continue
		}
		switch {
		case p[i] == '*', p[i] == '%' && b != '/':
			next[i], any = true, true
		case p[i] == b && p[i] != '%':
			next[i+1], any = true, true
		}
	}
	p.pass(next)
	return any
}

// pass lets wild cards stand for nothing.
func (p pattern) pass(at []bool) {
	for i := range len(p) {
		if at[i] && (p[i] == '*' || p[i] == '%') {
			at[i+1] = true
		}
	}
}

// upper makes an ASCII letter a capital. Others stay: the capital of the dotless
// i of Turkish is that of INBOX.
func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}
