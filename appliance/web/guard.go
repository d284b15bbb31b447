package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"posthorn/appliance/web/page"
	"posthorn/store"
)

// secured lets the pages load nothing but the box's own files, and nobody else
// load or frame them. An area may set a policy of its own for one answer.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.TLS != nil {
			head.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.ServeHTTP(w, r)
	})
}

// homeNetwork refuses who is not at home, unless the owner opened the page.
func (s *Server) homeNetwork(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !AtHome(r) && !s.open() {
			http.Error(w, s.site.Language(r).Text("frame.problem.home"), http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// open tells whether the owner opened the page to everywhere. If that can't be
// read, it is not.
func (s *Server) open() bool {
	var set store.Settings
	err := s.Store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	return err == nil && set.OpenPage
}

// AtHome tells whether a request comes from a local network: a loopback,
// private (RFC 1918, RFC 4193) or link-local address, or one on the same IPv6
// link as the address it came to.
func AtHome(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	client := from.Addr().Unmap().WithZone("")
	if client.IsLoopback() || client.IsPrivate() || client.IsLinkLocalUnicast() {
		return true
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !client.Is6() {
		return false
	}
	link, err := own.AddrPort().Addr().Unmap().WithZone("").Prefix(64)
	return err == nil && link.Addr().Is6() && link.Contains(client)
}

// homeSuffixes are what routers put behind the names of a home's devices. None
// of them can be registered by a stranger (RFC 6762, RFC 8375, ICANN's
// .internal), but for fritz.box, which belongs to the maker of the router.
func homeSuffixes() []string {
	return []string{"local", "lan", "home", "internal", "home.arpa", "localdomain", "fritz.box"}
}

// OwnNames guards h as the pages are: nobody at home reaches it under a name that
// is not the box's. Who is not at home is for h to refuse. Call Handler first.
func (s *Server) OwnNames(h http.Handler) http.Handler {
	guarded := s.ownNames(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if AtHome(r) {
			guarded.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ownNames answers only to the box's names and addresses. A web site can have
// its own name point at the box and so have a browser treat both as one; it
// cannot do that with a name that is not its own, nor with an address.
func (s *Server) ownNames(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The look of the page that explains this is no secret.
		if host := hostOf(r); !s.knows(host) && !strings.HasPrefix(r.URL.Path, "/static/") {
			s.strange(w, r, host)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// hostOf is the Host a request names, without its port, in lower case.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

func (s *Server) knows(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	names := append(s.Names(), s.Facts.Host())
	if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host) }) {
		return true
	}
	// Under the bare name, or as the router calls it.
	first, rest, dotted := strings.Cut(host, ".")
	if dotted && !slices.Contains(homeSuffixes(), rest) {
		return false
	}
	return slices.ContainsFunc(names, func(n string) bool {
		label, suffix, _ := strings.Cut(n, ".")
		return suffix == "local" && strings.EqualFold(label, first)
	})
}

// strange tells under which names the box is to be reached.
func (s *Server) strange(w http.ResponseWriter, r *http.Request, host string) {
	var ways []string
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	for _, h := range s.hosts() {
		ways = append(ways, scheme+"://"+s.withPort(h, r))
	}
	s.site.Strange(w, r, host, ways)
}

// hosts are name and addresses people use.
func (s *Server) hosts() []string {
	list := []string{s.Facts.Host()}
	for _, a := range s.Facts.Addresses() {
		list = append(list, a.String())
	}
	return list
}

// withPort adds the port the request came to, unless it is the usual one.
func (s *Server) withPort(host string, r *http.Request) string {
	port, usual := s.Facts.Ports.HTTP, 80
	if r.TLS != nil {
		port, usual = s.Facts.Ports.HTTPS, 443
	}
	return page.HostPort(host, port, usual)
}
