package panel

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"posthorn/hw"
	"posthorn/hw/font"
)

// maxText bounds what is looked at of a name or a subject; no screen shows
// more.
const maxText = 200

// clean makes text from the network fit to be shown: composed letters, no
// control or direction characters, runs of space as one.
func clean(s string) string {
	if len(s) > 4*maxText {
		s = s[:4*maxText]
	}
	s = norm.NFC.String(strings.ToValidUTF8(s, "�"))
	var out []rune
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		case unicode.In(r, unicode.C, unicode.Mn, unicode.Me, unicode.Variation_Selector):
		default:
			out = append(out, r)
		}
	}
	if len(out) > maxText {
		out = out[:maxText]
	}
	return strings.TrimSpace(string(out))
}

// drawable replaces what a font lacks: by a letter that reads the same, or by
// one replacement for a whole run, so that a subject in Chinese is a mark and
// not a row of them.
func drawable(face font.Font, s string) string {
	var out []rune
	for _, r := range clean(s) {
		if face.Has(r) {
			out = append(out, r)
			continue
		}
		if base, ok := latin(r); ok {
			out = append(out, []rune(base)...)
			continue
		}
		if n := len(out); n == 0 || out[n-1] != font.Replacement {
			out = append(out, font.Replacement)
		}
	}
	return string(out)
}

// onLCD replaces what an LCD's ROM lacks in the same way.
func onLCD(s string) string {
	var out []rune
	for _, r := range clean(s) {
		if lcdHas(r) {
			out = append(out, r)
			continue
		}
		if base, ok := latin(r); ok {
			out = append(out, []rune(base)...)
			continue
		}
		if n := len(out); n == 0 || out[n-1] != '?' {
			out = append(out, '?')
		}
	}
	return string(out)
}

// lcdHas says what a text frame may hold; see hw.Frame.
func lcdHas(r rune) bool {
	if r >= ' ' && r <= '}' && r != '\\' || strings.ContainsRune("äöüßñ°→", r) {
		return true
	}
	for _, g := range hw.Glyphs() {
		if g.Rune == r {
			return true
		}
	}
	return false
}

// latin spells a letter in ASCII: without its accents, or as Greek and
// Cyrillic are written in Latin (ISO 843 and ISO 9 as passports have them).
// Some letters are spelled with nothing; it reports false for what it does not
// know.
func latin(r rune) (string, bool) {
	if s, ok := spelled(unicode.ToLower(r)); ok {
		if unicode.IsUpper(r) && s != "" {
			return strings.ToUpper(s[:1]) + s[1:], true
		}
		return s, true
	}
	base := []rune(norm.NFD.String(string(r)))[0]
	switch {
	case base == r:
		return "", false
	case base < 0x80:
		return string(base), true
	}
	return latin(base)
}

// spelled is the table of latin, in lower case.
func spelled(r rune) (string, bool) {
	switch {
	case r >= 'α' && r <= 'ω':
		return strings.Fields("a v g d e z i th i k l m n x o p r s s t y f ch ps o")[r-'α'], true
	case r >= 'а' && r <= 'я':
		s := strings.Fields("a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya")[r-'а']
		return strings.Trim(s, "-"), true
	}
	others := []struct {
		r rune
		s string
	}{
		{'æ', "ae"}, {'ø', "o"}, {'œ', "oe"}, {'ð', "d"}, {'þ', "th"}, {'ł', "l"}, {'đ', "d"}, {'ı', "i"},
		{'ħ', "h"}, {'ŋ', "n"}, {'ß', "ss"}, {'ä', "ae"}, {'ö', "oe"}, {'ü', "ue"},
		{'є', "ye"}, {'і', "i"}, {'ї', "yi"}, {'ґ', "g"}, {'ё', "yo"}, {'ј', "j"}, {'љ', "lj"}, {'њ', "nj"},
		{'ћ', "c"}, {'ђ', "dj"}, {'џ', "dz"}, {'ў', "u"}, {'й', "y"},
		{'·', "-"}, {'–', "-"}, {'—', "-"}, {'…', "..."}, {'“', "\""}, {'”', "\""}, {'„', "\""},
		{'‘', "'"}, {'’', "'"}, {'‚', "'"}, {'«', "\""}, {'»', "\""}, {'€', "EUR"}, {'•', "-"}, {'\\', "/"}, {'~', "-"},
	}
	for _, o := range others {
		if o.r == r {
			return o.s, true
		}
	}
	return "", false
}

// cut shortens text to n characters, of which the last is a mark if something
// was cut off.
func cut(s string, n int, mark string) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n <= 1 {
		return string(r[:max(n, 0)])
	}
	return strings.TrimRight(string(r[:n-1]), " ") + mark
}

// wrap breaks text into lines of at most n characters, at spaces where there
// are any.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for len([]rune(word)) > n {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			r := []rune(word)
			lines, word = append(lines, string(r[:n])), string(r[n:])
		}
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// between fills a line of n characters with text on both sides; the left one
// is cut.
func between(left, right string, n int) string {
	room := n - len([]rune(right))
	if right != "" {
		room--
	}
	left = cut(left, room, ".")
	return left + strings.Repeat(" ", max(n-len([]rune(left))-len([]rune(right)), 0)) + right
}
