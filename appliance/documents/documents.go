// Package documents serves what mail programs look for to set themselves up:
//
//	/mail/config-v1.1.xml                          Thunderbird and its kin, Evolution, KMail, K-9
//	/.well-known/autoconfig/mail/config-v1.1.xml   the same
//	/autodiscover/autodiscover.xml                 Outlook, in any case of letters
//	/autodiscover/autodiscover.json                where the former is
//	/apple/NAME.mobileconfig                       iPhone, iPad, Mac
//	/ca.crt, /ca.pem                               the certificate of the box's authority
//
// What decides their form:
//
//   - They are served on both HTTP ports without a redirect and for any Host,
//     because a program that does not trust the box yet, or reaches it by
//     address, has only plain HTTP.
//   - Everything else in those trees is 404 and never a page: Thunderbird takes
//     the first answer with status 200, whatever is in it, and a friendly page
//     under /.well-known/ would hide the configuration. Of /mail/ that is what
//     begins with config-; the rest is the web mail's.
//   - Nothing here ever answers 401: a program would offer the mail password.
//     The methods by which programs probe for calendars get 405.
//   - Every name gets the same answer, whether there is such an account or
//     not, so nobody can try out who lives here. Nothing is read from the
//     store.
package documents

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Ports are the TCP ports the documents name; a service whose port is 0 is
// left out.
type Ports struct {
	IMAP, IMAPS, POP3, POP3S, Submission, Submissions, HTTP, HTTPS int
}

// Server makes the documents. All fields but Ports are functions, since names
// and certificates change while the box runs.
type Server struct {
	// Host is the name programs are to connect to, such as "mailbox.local".
	// It has to be one that the certificate covers and that resolves on the
	// home network; two labels if it ends in .local, because the resolver of
	// most Linux systems knows no longer ones.
	Host func() string
	// Domains are the mail domains, the main one first.
	Domains func() []string
	// Household is the name of the household for display; may be empty.
	Household func() string
	// CADER and CAPEM are the certificate of the box's authority.
	CADER, CAPEM func() []byte
	// Ports are those in use.
	Ports Ports
}

// Handler serves the documents and hands everything else to next.
func (s *Server) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if probing(r.Method) {
			w.Header().Set("Allow", "GET, HEAD, POST")
			http.Error(w, "there is no calendar or address book here", http.StatusMethodNotAllowed)
			return
		}
		path := r.URL.Path
		switch {
		case path == "/mail/config-v1.1.xml", path == "/.well-known/autoconfig/mail/config-v1.1.xml":
			get(s.autoconfig)(w, r)
		case strings.EqualFold(path, "/autodiscover/autodiscover.xml"):
			s.autodiscover(w, r)
		case strings.EqualFold(path, "/autodiscover/autodiscover.json"),
			hasPrefixFold(path, "/autodiscover/autodiscover.json/"):
			get(s.autodiscoverJSON)(w, r)
		case path == "/ca.crt":
			get(s.certificate(s.CADER, ".crt"))(w, r)
		case path == "/ca.pem":
			get(s.certificate(s.CAPEM, ".pem"))(w, r)
		case strings.HasPrefix(path, "/apple/"):
			get(s.profile)(w, r)
		case hasPrefixFold(path, "/.well-known/"), hasPrefixFold(path, "/mail/config-"), hasPrefixFold(path, "/autodiscover/"):
			http.NotFound(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// probing reports whether a method is one of those WebDAV adds (RFC 4918, RFC
// 4791), or PUT, which Thunderbird sends to see whether it may write.
func probing(method string) bool {
	switch method {
	case "PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR", "COPY", "MOVE", "LOCK", "UNLOCK", "PUT":
		return true
	}
	return false
}

// get lets GET and HEAD through.
func get(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// certificate serves the authority's certificate as a file to install.
func (s *Server) certificate(content func() []byte, ending string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(s.Host(), ".")
		send(w, "application/x-x509-ca-cert", `attachment; filename="`+name+ending+`"`, content())
	}
}

// send writes a whole document. It is made anew for each request and must not
// be kept: names and ports change.
func send(w http.ResponseWriter, contentType, disposition string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if disposition != "" {
		h.Set("Content-Disposition", disposition)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// secureURL is a URL of the box with TLS.
func (s *Server) secureURL(path string) string {
	host := s.Host()
	if s.Ports.HTTPS != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(s.Ports.HTTPS))
	}
	return "https://" + host + path
}

// title is what accounts are called in lists.
func (s *Server) title() string {
	if h := s.Household(); h != "" {
		return "Mail for " + h
	}
	return "Mail at home"
}
