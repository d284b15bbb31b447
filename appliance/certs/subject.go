package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

const (
	// MaxNames is how many host names SetNames takes.
	MaxNames = 64
	// MaxAddresses is how many private addresses SetNames takes.
	MaxAddresses = 64
)

// subject is what leaves are to certify: lower-case names and private
// addresses, each sorted and once.
type subject struct {
	names []string
	ips   []netip.Addr
}

func newSubject(names []string, ips []netip.Addr) subject {
	s := subject{names: []string{"localhost"}}
	for _, n := range names {
		s.names = append(s.names, strings.ToLower(strings.TrimSuffix(n, ".")))
	}
	s.ips = append(s.ips, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	for _, ip := range ips {
		if ip = ip.Unmap().WithZone(""); private(ip) {
			s.ips = append(s.ips, ip)
		}
	}
	s.sort()
	return s
}

// merge adds what a certificate found on disk covers.
func (s *subject) merge(cert *x509.Certificate) {
	s.names = append(s.names, cert.DNSNames...)
	for _, b := range cert.IPAddresses {
		if ip, ok := netip.AddrFromSlice(b); ok {
			s.ips = append(s.ips, ip.Unmap())
		}
	}
	s.sort()
}

func (s *subject) sort() {
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	slices.SortFunc(s.ips, netip.Addr.Compare)
	s.ips = slices.Compact(s.ips)
}

// check refuses what cannot stand in a certificate.
func (s *subject) check() error {
	if len(s.names) > MaxNames {
		return fmt.Errorf("%d names for a certificate, at most %d fit: remove some domains", len(s.names), MaxNames)
	}
	if len(s.ips) > MaxAddresses {
		return fmt.Errorf("%d addresses for a certificate, at most %d fit: remove some from the network interfaces", len(s.ips), MaxAddresses)
	}
	for _, n := range s.names {
		if !hostName(n) {
			return fmt.Errorf("%q is no host name a certificate can carry: use letters, digits, hyphens and dots", n)
		}
	}
	return nil
}

// home is the part every certificate of the authority permits.
func (s *subject) home() subject {
	h := subject{ips: s.ips}
	for _, n := range s.names {
		if within(n, homeDomains()) {
			h.names = append(h.names, n)
		}
	}
	return h
}

// domain is the rest: names under domains of the owner's, as far as the
// authority's present certificate permits them.
func (s *subject) domain(permitted []string) subject {
	var d subject
	for _, n := range s.names {
		if !within(n, homeDomains()) && within(n, permitted) {
			d.names = append(d.names, n)
		}
	}
	return d
}

func (s *subject) empty() bool { return len(s.names) == 0 && len(s.ips) == 0 }

// covers reports whether cert certifies exactly this.
func (s *subject) covers(cert *x509.Certificate) bool {
	var have subject
	have.merge(cert)
	return slices.Equal(have.names, s.names) && slices.Equal(have.ips, s.ips)
}

func (s *subject) netIPs() []net.IP {
	var out []net.IP
	for _, ip := range s.ips {
		out = append(out, net.IP(ip.AsSlice()))
	}
	return out
}

func private(ip netip.Addr) bool {
	for _, n := range privateNets() {
		if n.Contains(net.IP(ip.AsSlice())) {
			return true
		}
	}
	return false
}

// within reports whether name is one of the domains or below one.
func within(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// smallest drops the domains that lie below another of the list.
func smallest(domains []string) []string {
	var out []string
	for i, d := range domains {
		others := slices.Delete(slices.Clone(domains), i, i+1)
		if !within(d, others) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hostName checks the letters-digits-hyphen rule of RFC 1123 section 2.1;
// international names come in their xn-- form.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// maxCommonName is the longest CommonName a certificate may have (RFC 5280
// appendix A.1, ub-common-name).
const maxCommonName = 64

// distinguishedName names the box by its shortest name, which is the one people
// use, and by localhost only when it has no other.
// Programs go by the alternative names, but fetchmail 6.4 refuses a
// certificate without a CommonName before it looks at them.
func (s subject) distinguishedName() pkix.Name {
	n := pkix.Name{Organization: []string{"Posthorn"}}
	for _, name := range s.names {
		if len(name) > maxCommonName {
			continue
		}
		if n.CommonName == "" || n.CommonName == "localhost" || name != "localhost" && len(name) < len(n.CommonName) {
			n.CommonName = name
		}
	}
	return n
}
