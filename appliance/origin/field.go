package origin

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
)

// Field is the verdict as a header field, Authentication-Results of RFC 8601,
// with its line end; by is the name of who found it out.
func (v *Verdict) Field(by string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Authentication-Results: %s;\r\n\tspf=%s", by, v.SPF)
	if property := "smtp.mailfrom"; v.SPFDomain != "" {
		if v.Helo {
			property = "smtp.helo"
		}
		fmt.Fprintf(&b, " %s=%s", property, value(v.SPFDomain))
	}
	if len(v.Signatures) == 0 {
		b.WriteString(";\r\n\tdkim=none")
	}
	for _, s := range v.Signatures {
		fmt.Fprintf(&b, ";\r\n\tdkim=%s", s.Result)
		if s.Domain != "" {
			fmt.Fprintf(&b, " header.d=%s", value(s.Domain))
		}
	}
	fmt.Fprintf(&b, ";\r\n\tdmarc=%s", v.DMARC)
	if v.Policy != "" {
		fmt.Fprintf(&b, " (p=%s)", v.Policy)
	}
	if v.Author != "" {
		fmt.Fprintf(&b, " header.from=%s", value(v.Author))
	}
	b.WriteString("\r\n")
	return b.String()
}

// value writes a property's value, with quotes if it needs them (RFC 2045
// section 5.1). What came from outside can't end the field.
func value(s string) string {
	const max = 253
	s = s[:min(len(s), max)]
	plain := s != ""
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._@+", r):
			return r
		case r <= ' ' || r >= 0x7f || r == '"' || r == '\\':
			plain = false
			return '?'
		}
		plain = false
		return r
	}, s)
	if plain {
		return clean
	}
	return `"` + clean + `"`
}

// Authors reads the addresses of a From or Sender field strictly: what cannot
// be understood here might be understood differently elsewhere. Only display
// names are taken in any charset, as they play no part.
func Authors(raw []byte) ([]string, error) {
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{
		CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil },
	}}
	unfolded := strings.NewReplacer("\r\n", "", "\n", "", "\r", "").Replace(string(bytes.ToValidUTF8(raw, []byte("?"))))
	list, err := p.ParseList(unfolded)
	if err != nil {
		return nil, err
	}
	addresses := make([]string, len(list))
	for i, a := range list {
		addresses[i] = a.Address
	}
	return addresses, nil
}
