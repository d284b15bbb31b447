package compose

import (
	"encoding/base64"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// ParseAddresses reads what a person typed or chose as recipients: addresses
// with or without a name, divided by commas, semicolons or line ends. A word
// without @ is somebody of the household: domain is put behind it. The error is
// a *Problem that names what is no address.
func ParseAddresses(text, domain string) (list []Address, err error) {
	for _, piece := range splitAddresses(text) {
		a, err := parseAddress(piece, domain)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
		if len(list) > MaxRecipients {
			return nil, &Problem{Word: "recipients"}
		}
	}
	return list, nil
}

// splitAddresses cuts text at what divides addresses, not within quotes or
// angle brackets.
func splitAddresses(text string) (pieces []string) {
	start, quoted, angle := 0, false, false
	add := func(end int) {
		if piece := strings.TrimSpace(text[start:end]); piece != "" {
			pieces = append(pieces, piece)
		}
		start = end + 1
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '\n' || c == '\r':
			add(i)
			quoted, angle = false, false
		case quoted:
		case c == '<' || c == '>':
			angle = c == '<'
		case !angle && (c == ',' || c == ';'):
			add(i)
		}
	}
	add(len(text))
	return pieces
}

// parseAddress reads one address. A name may hold what RFC 5322 wants quoted:
// people do not know that.
func parseAddress(piece, domain string) (Address, error) {
	name, address := "", piece
	if open := strings.LastIndexByte(piece, '<'); open >= 0 && strings.HasSuffix(piece, ">") {
		name, address = strings.TrimSpace(piece[:open]), piece[open+1:len(piece)-1]
		if len(name) > 1 && name[0] == '"' && name[len(name)-1] == '"' {
			name = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(name[1 : len(name)-1])
		}
	}
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "@") && domain != "" && !strings.ContainsAny(address, " \t") {
		address += "@" + domain
	}
	parsed, err := mail.ParseAddress("<" + address + ">")
	if err != nil || parsed.Name != "" {
		return Address{}, &Problem{"address", piece}
	}
	a := Address{Name: name, Address: parsed.Address}
	return a, a.check()
}

// String is the address as people write it, which ParseAddresses reads.
func (a Address) String() string {
	if a.Name == "" {
		return a.spec()
	}
	if strings.ContainsAny(a.Name, `<>;,\"`) {
		return quoted(a.Name) + " <" + a.spec() + ">"
	}
	return a.Name + " <" + a.spec() + ">"
}

// spec is the address with the quotes its local part may need.
func (a Address) spec() string {
	s := (&mail.Address{Address: a.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
}

// Join writes addresses one after the other, for a text field.
func Join(list []Address) string {
	all := make([]string, len(list))
	for i, a := range list {
		all[i] = a.String()
	}
	return strings.Join(all, ", ")
}

// header is the address as a header field has it.
func (a Address) header() string {
	spec := "<" + a.spec() + ">"
	switch {
	case a.Name == "":
		return a.spec()
	case !ascii(a.Name):
		return encodeWords(a.Name) + " " + spec
	case strings.ContainsAny(a.Name, `()<>[]:;@\,."=`):
		return quoted(a.Name) + " " + spec
	}
	return a.Name + " " + spec
}

// quoted is a name as a quoted string (RFC 5322 section 3.2.4).
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// maxWord is how many octets of text go into one encoded word, which has at
// most 75 (RFC 2047 section 2).
const maxWord = 36

// encodeWords writes text as encoded words (RFC 2047) with blanks between them,
// where a line can be folded.
func encodeWords(text string) string {
	var words []string
	for len(text) > 0 {
		n := min(len(text), maxWord)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, " ")
}
