package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// host is a server that may take mail for a domain.
type host struct {
	name       string
	preference uint16
}

// exchangers finds a domain's servers in the order in which they are to be
// tried (RFC 5321 section 5.1): its MX, or itself when it has none.
func (r *Relay) exchangers(ctx context.Context, domain string) ([]host, error) {
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		return []host{{name: strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "ipv6:")}}, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return nil, &Failure{Status: "5.1.2", Permanent: true, Text: fmt.Sprintf("%q can't be the name of a mail domain", domain)}
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	records, err := r.resolver().LookupMX(ctx, ascii+".")
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound:
		return []host{{name: ascii}}, nil
	case err != nil && len(records) == 0:
		return nil, dnsFailure(domain, err)
	}
	var hosts []host
	for _, mx := range records {
		name := strings.ToLower(strings.TrimSuffix(mx.Host, "."))
		if name != "" {
			hosts = append(hosts, host{name, mx.Pref})
		}
	}
	if len(hosts) == 0 { // RFC 7505; more than one of these says nothing else
		return nil, &Failure{Status: "5.1.10", Permanent: true, Text: fmt.Sprintf("%s says that it takes no mail (null MX)", domain)}
	}
	return hosts, nil
}

func dnsFailure(name string, err error) *Failure {
	return &Failure{Status: "4.4.3", Connection: true, Text: fmt.Sprintf("looking up %s failed: %v", name, err)}
}

// endpoint is one address of a host.
type endpoint struct {
	host string
	addr netip.AddrPort
}

// endpoints finds where to connect for a route, in order. The domain's policy
// may leave some of them out.
func (r *Relay) endpoints(ctx context.Context, route Route, p *policy) ([]endpoint, error) {
	if s := route.Smarthost; s != nil {
		addrs, err := r.addresses(ctx, s.Host)
		if err != nil {
			return nil, soften(route, err)
		}
		return toEndpoints(s.Host, addrs, s.Port), nil
	}
	hosts, err := r.exchangers(ctx, route.Domain)
	if err != nil {
		return nil, err
	}
	if p.binds() {
		hosts = slices.DeleteFunc(hosts, func(h host) bool { return !p.allows(h.name) })
		if len(hosts) == 0 {
			return nil, &Failure{Status: "4.7.5", Connection: true, Text: fmt.Sprintf(
				"none of the servers of %s is one that its own policy allows (MTA-STS)", route.Domain)}
		}
	}
	port := r.MXPort
	if port == 0 {
		port = 25
	}
	var all []endpoint
	var failed error
	for i, h := range hosts {
		if i == maxHosts {
			break
		}
		itself := strings.EqualFold(h.name, r.Hostname())
		var addrs []netip.Addr
		if !itself {
			if addrs, err = r.addresses(ctx, h.name); err != nil {
				failed = err
				continue
			}
			itself = slices.ContainsFunc(addrs, r.own)
		}
		if itself {
			// This box is a server of the domain: those it would come to now
			// would give the mail back to it (RFC 5321 section 5.1).
			all = before(all, hosts, h.preference)
			failed = &Failure{Status: "5.4.6", Permanent: true, Text: fmt.Sprintf(
				"mail for %s would come back to this box, which does not know the domain as its own; posthorn domain add makes it so", route.Domain)}
			break
		}
		all = append(all, toEndpoints(h.name, addrs, port)...)
	}
	if len(all) == 0 {
		return nil, failed
	}
	return all, nil
}

// before keeps the endpoints of hosts preferred to a preference.
func before(all []endpoint, hosts []host, preference uint16) []endpoint {
	var kept []endpoint
	for _, e := range all {
		for _, h := range hosts {
			if h.name == e.host && h.preference < preference {
				kept = append(kept, e)
				break
			}
		}
	}
	return kept
}

// addresses looks a server's addresses up.
func (r *Relay) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	addrs, err := r.resolver().LookupNetIP(ctx, "ip", name)
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return nil, &Failure{Status: "5.1.2", Permanent: true, Text: fmt.Sprintf("there is no mail server for %s: the name does not exist", name)}
	}
	if err != nil {
		return nil, dnsFailure(name, err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	return addrs[:min(len(addrs), maxAddresses)], nil
}

func toEndpoints(name string, addrs []netip.Addr, port int) []endpoint {
	all := make([]endpoint, len(addrs))
	for i, a := range addrs {
		all[i] = endpoint{name, netip.AddrPortFrom(a, uint16(port))}
	}
	return all
}

// soften makes a failure to get through one that passes: a server that sends
// everybody away does so for a time, and a smarthost's name was right once or
// will be put right by the owner. Only what would go round in circles stays,
// and a message that asks for more than there is.
func soften(route Route, err error) error {
	var f *Failure
	if !errors.As(err, &f) || f.Status == "5.4.6" && route.Smarthost == nil || f.demand {
		return err
	}
	soft := *f
	soft.Permanent, soft.Connection = false, true
	if rest, hard := strings.CutPrefix(soft.Status, "5"); hard {
		soft.Status = "4" + rest
	}
	return &soft
}
