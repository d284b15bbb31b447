package discovery

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// maxLabel is the longest DNS label in bytes (RFC 1035 section 2.3.4).
const maxLabel = 63

// style says how a number is added to a name.
type style struct{ before, after string }

var (
	hostStyle     = style{"-", ""}
	instanceStyle = style{" (", ")"}
)

// name is a wanted name and the number it has come to by conflicts; 1 is the
// name itself.
type name struct {
	base   string
	number int
	style  style
}

// String is the label: the base, cut so that the number fits.
func (n name) String() string {
	suffix := ""
	if n.number > 1 {
		suffix = n.style.before + strconv.Itoa(n.number) + n.style.after
	}
	return cutLabel(n.base, maxLabel-len(suffix)) + suffix
}

// resumeName starts at the number won last time, if won is base with one.
func resumeName(base, won string, s style) name {
	n := name{base: base, number: 1, style: s}
	text, ok := strings.CutSuffix(won, s.after)
	if i := strings.LastIndex(text, s.before); ok && i >= 0 {
		number, err := strconv.Atoi(text[i+len(s.before):])
		resumed := name{base, number, s}
		if err == nil && number > 1 && number < 1000 && resumed.String() == won {
			return resumed
		}
	}
	return n
}

// cutLabel shortens s to at most size bytes without splitting a character.
func cutLabel(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return strings.TrimRight(s[:size], " ")
}

// hostLabel reports whether s can be one label of a host name (RFC 1123
// section 2.1).
func hostLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// parseServiceType checks a type as RFC 6763 section 7 has them and returns
// its domain name.
func parseServiceType(s string) (string, error) {
	kind, transport, ok := strings.Cut(s, ".")
	short, under := strings.CutPrefix(kind, "_")
	if !ok || !under || !hostLabel(short) || len(short) > 15 || (transport != "_tcp" && transport != "_udp") {
		return "", fmt.Errorf("%q is no service type: it looks like _imaps._tcp", s)
	}
	return s + ".local.", nil
}

// escapeLabel writes one label of any bytes in the presentation form of
// github.com/miekg/dns, where a dot or a space in a label must not look like
// an end of it.
func escapeLabel(label string) string {
	var b strings.Builder
	for _, c := range []byte(label) {
		switch {
		case strings.IndexByte(`. '@;()"\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// nameKey is the form in which names are compared: the uncompressed wire form
// with ASCII letters in lower case (RFC 6762 section 16), so that no way of
// escaping matters. It is empty for what is no domain name.
func nameKey(name string) string {
	var buf [256]byte
	n, err := dns.PackDomainName(name, buf[:], 0, nil, false)
	if err != nil {
		return ""
	}
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	return string(buf[:n])
}
