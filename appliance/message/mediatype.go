package message

import (
	"fmt"
	"strings"
)

// maxParams is how many parameters of one field are kept, and how many pieces
// one of them may be in (RFC 2231 section 3).
const maxParams = 50

// cutMedia splits a field body like "text/plain; charset=utf-8" into its first
// word, in lower case without comments, and its parameters.
func cutMedia(value string) (word, params string) {
	word, params, _ = strings.Cut(value, ";")
	if i := strings.IndexByte(word, '('); i >= 0 { // a comment; a ; in it is forgiven
		word = word[:i]
	}
	word = strings.ToLower(strings.Join(strings.Fields(word), " "))
	word = strings.ReplaceAll(strings.ReplaceAll(word, " /", "/"), "/ ", "/")
	if w, rest, ok := strings.Cut(word, " "); ok {
		word = w
		if strings.Contains(rest, "=") { // the ; was forgotten
			params = value[strings.IndexByte(value, ' ')+1:]
		}
	}
	return strings.Trim(word, `"'`), params
}

// parseMedia splits a field body as cutMedia does and reads the parameters:
// names in lower case, values decoded, but for boundary, which is compared byte
// for byte. The first of two with the same name counts.
func parseMedia(value string) (word string, params map[string]string) {
	word, rest := cutMedia(value)
	params = make(map[string]string)
	pieces := make(map[string]*extended)
	for n := 0; rest != "" && n < maxParams; n++ {
		var name, v string
		name, v, rest = cutParam(rest)
		if name == "" {
			continue
		}
		base, ext, starred := strings.Cut(name, "*")
		if starred && base == "" {
			continue
		}
		if starred {
			if pieces[base] == nil {
				pieces[base] = new(extended)
			}
			pieces[base].add(ext, v)
			continue
		}
		if _, twice := params[name]; twice {
			continue
		}
		switch name {
		case "boundary":
		case "charset":
			v, _, _ = strings.Cut(v, " ")
			v = decodeText(v)
		default:
			v = DecodeHeader(v)
		}
		params[name] = v
	}
	for base, x := range pieces {
		if v, ok := x.value(); ok {
			params[base] = v
		}
	}
	return word, params
}

// cutParam reads one name=value; name is "" if there is none.
func cutParam(s string) (name, value, rest string) {
	i := strings.IndexAny(s, "=;")
	if i < 0 {
		return "", "", ""
	}
	if s[i] == ';' {
		return "", "", s[i+1:]
	}
	name = strings.ToLower(strings.TrimSpace(s[:i]))
	if !token(name) {
		name = ""
	}
	s = strings.TrimLeft(s[i+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		if value, rest, ok := cutQuoted(s); ok {
			_, rest, _ = strings.Cut(rest, ";")
			return name, value, rest
		}
	}
	value, rest, _ = strings.Cut(s, ";")
	return name, strings.Trim(value, " \t\""), rest
}

// cutQuoted reads the quoted string that s starts with. A backslash before
// anything but a quote or a backslash stands for itself: Windows paths.
func cutQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", s, false
}

// An extended parameter has a charset or comes in pieces (RFC 2231).
type extended struct {
	pieces map[int]string
	coded  map[int]bool
}

// add takes a piece by what follows the first star of its name: "" and "*" are
// alone, "2" and "2*" are numbered, a star at the end says percent-encoded.
func (x *extended) add(ext, value string) {
	number, coded := strings.CutSuffix(ext, "*")
	if number == "" {
		coded = true
	}
	n := 0
	for _, c := range []byte(number) {
		if c < '0' || c > '9' || n >= maxParams {
			return
		}
		n = 10*n + int(c-'0')
	}
	if x.pieces == nil {
		x.pieces, x.coded = make(map[int]string), make(map[int]bool)
	}
	if _, twice := x.pieces[n]; !twice {
		x.pieces[n], x.coded[n] = value, coded
	}
}

// value joins the pieces up to the first gap.
func (x *extended) value() (string, bool) {
	if _, ok := x.pieces[0]; !ok {
		return "", false
	}
	charset := ""
	var b []byte
	for n := 0; ; n++ {
		v, ok := x.pieces[n]
		if !ok {
			break
		}
		if !x.coded[n] {
			b = append(b, v...)
			continue
		}
		if n == 0 {
			if c, rest, ok := strings.Cut(v, "'"); ok {
				if _, text, ok := strings.Cut(rest, "'"); ok {
					charset, v = c, text
				}
			}
		}
		b = append(b, decodePercent(v)...)
	}
	return decodeText(decodeCharset(charset, b)), true
}

func decodePercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
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

// token tells whether s is a token of RFC 2045 section 5.1, 127 bytes at most
// (RFC 6838 section 4.2).
func token(s string) bool {
	if s == "" || len(s) > 127 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return true
}

// ASCIIParams returns parameters for a wire that takes ASCII only: a value
// that is not ASCII is percent-encoded under its name with a star (RFC 2231
// section 4).
func ASCIIParams(params map[string]string) map[string]string {
	if params == nil {
		return nil
	}
	out := make(map[string]string, len(params))
	for name, value := range params {
		if ascii([]byte(value)) {
			out[name] = value
			continue
		}
		var b strings.Builder
		b.WriteString("utf-8''")
		for _, c := range []byte(value) {
			if c < 0x80 && c != '*' && c != '\'' && c != '%' && token(string(rune(c))) {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		out[name+"*"] = b.String()
	}
	return out
}
