package post

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Lengths of an address in octets (RFC 5321 section 4.5.3.1).
const (
	MaxLocalPart = 64
	MaxDomain    = 255
)

// Split cuts an address at its last "@" and checks both sides: lengths, no
// control characters, valid UTF-8. The error is ErrAddress with the reason.
func Split(address string) (local, domain string, err error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", "", fmt.Errorf("%w: no @ in it", ErrAddress)
	}
	local, domain = address[:at], strings.TrimSuffix(address[at+1:], ".")
	switch {
	case local == "" || domain == "":
		return "", "", fmt.Errorf("%w: one side of the @ is empty", ErrAddress)
	case len(local) > MaxLocalPart:
		return "", "", fmt.Errorf("%w: local part is longer than %d octets", ErrAddress, MaxLocalPart)
	case len(domain) > MaxDomain:
		return "", "", fmt.Errorf("%w: domain is longer than %d octets", ErrAddress, MaxDomain)
	case !utf8.ValidString(address):
		return "", "", fmt.Errorf("%w: not UTF-8", ErrAddress)
	case strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }):
		return "", "", fmt.Errorf("%w: control character in it", ErrAddress)
	case !plainDomain(domain):
		return "", "", fmt.Errorf("%w: bad character in the domain", ErrAddress)
	}
	return local, domain, nil
}

// plainDomain keeps out what would break a Received or Return-Path field.
func plainDomain(domain string) bool {
	if strings.HasPrefix(domain, "[") {
		return strings.HasSuffix(domain, "]") && !strings.ContainsAny(domain[1:len(domain)-1], "[]<>()\\ \t\"")
	}
	return !strings.ContainsAny(domain, "[]<>()\\ \t\",;:@")
}

// path writes an address as RFC 5321 section 4.1.2 wants it between angle
// brackets, with the quotes the protocol parser took off.
func path(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	local := address[:at]
	if dotString(local) {
		return address
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local)
	return `"` + quoted + `"` + address[at:]
}

// dotString reports whether local needs no quotes (RFC 5321 Dot-string).
func dotString(local string) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	return !strings.ContainsAny(local, "()<>[]:;@\\,\" \t")
}

// canonical is the form in which domains are compared: lower case, without
// the final dot, internationalised labels in ASCII (RFC 5890).
func canonical(domain string) string {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// isLocal reports whether mail for domain stays on this box.
func (d *directory) isLocal(domain string) bool {
	if strings.HasPrefix(domain, "[") && strings.HasSuffix(domain, "]") {
		return d.ownAddress(domain[1 : len(domain)-1])
	}
	domain = canonical(domain)
	is := func(own string) bool { return canonical(own) == domain }
	return is(d.name) || slices.ContainsFunc(d.formerly, is) || slices.ContainsFunc(d.settings.Domains, is)
}

// ownAddress reports whether the inside of an address literal (RFC 5321
// section 4.1.3) is an address of this box.
func (d *directory) ownAddress(literal string) bool {
	if len(literal) > 5 && strings.EqualFold(literal[:5], "IPv6:") {
		literal = literal[5:]
	}
	addr, err := netip.ParseAddr(literal)
	if err != nil {
		return false
	}
	return addr.IsLoopback() || slices.Contains(d.addresses(), addr.Unmap())
}

// kernelAddresses lists the addresses of the network interfaces.
func kernelAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap().WithZone(""))
		}
	}
	return addrs
}
