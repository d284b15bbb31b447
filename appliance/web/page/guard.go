package page

import (
	"errors"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"posthorn/appliance/web/session"
)

// MaxBody is how many octets the body of a request may have unless its route
// says otherwise.
const MaxBody = 1 << 20

// A body must be there within bodyTime, and a second more for each bodyPace
// octets that the route takes: nobody can hold a connection by sending slowly.
const (
	bodyTime = 2 * time.Minute
	bodyPace = 64 << 10
)

// Option is what a route says beside its pattern.
type Option func(*route)

// route is one pattern with its guards.
type route struct {
	site    *Site
	handler http.HandlerFunc
	who     audience
	body    int64
	clear   bool
	streams bool
	proved  bool
}

type audience int

const (
	everybody audience = iota
	persons
	owners
)

// Clear lets a route answer on an unprotected connection as well: for what has
// no secrets in it.
func Clear(r *route) { r.clear = true }

// Body has a route take bodies of up to so many octets.
func Body(octets int64) Option { return func(r *route) { r.body = octets } }

// Upload has a route take a body of up to so many octets that is not read
// before the handler does, which must begin with [Site.Parts].
func Upload(octets int64) Option {
	return func(r *route) { r.body, r.streams = octets, true }
}

// Proved asks for the password first unless it was typed within
// [session.ProvedTime].
func Proved(r *route) { r.proved = true }

// Public registers a page for everybody.
func (s *Site) Public(pattern string, h http.HandlerFunc, options ...Option) {
	s.register(pattern, h, everybody, options)
}

// Person registers a page for those who are logged in; others are led to the
// login and back.
func (s *Site) Person(pattern string, h http.HandlerFunc, options ...Option) {
	s.register(pattern, h, persons, options)
}

// Owner registers a page for owners.
func (s *Site) Owner(pattern string, h http.HandlerFunc, options ...Option) {
	s.register(pattern, h, owners, options)
}

func (s *Site) register(pattern string, h http.HandlerFunc, who audience, options []Option) {
	rt := &route{site: s, handler: h, who: who, body: MaxBody}
	for _, o := range options {
		o(rt)
	}
	s.mux.Handle(pattern, rt)
}

// ServeHTTP lets a request through to the handler if all guards agree.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := rt.site
	r, err := s.Sessions.Attach(r)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, rt.body)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads {
		// Not every ResponseWriter can; those of the box's servers do.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime + time.Duration(rt.body/bodyPace)*time.Second))
	}
	switch p := session.From(r.Context()); {
	case !rt.clear && !s.Protected(r):
		rt.toProtected(w, r, reads)
		return
	case p == nil && rt.who != everybody && reads:
		http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	case p == nil && rt.who != everybody:
		s.Fail(w, r, session.ErrForged)
		return
	case rt.who == owners && !p.Owner:
		s.Fail(w, r, ErrOwnerOnly)
		return
	}
	if !reads && !rt.streams {
		if err := s.Sessions.Check(r); err != nil {
			s.Fail(w, r, tooLarge(r, err))
			return
		}
	}
	if rt.proved && !s.Sessions.Proved(r) {
		back := r.URL.RequestURI()
		if !reads {
			back = LocalPath(refererPath(r), s.Home(session.From(r.Context())))
		}
		http.Redirect(w, r, "/me/confirm?to="+url.QueryEscape(back), http.StatusSeeOther)
		return
	}
	if rt.who == owners && !reads {
		rt.recorded(w, r)
		return
	}
	rt.handler(w, r)
}

// tooLarge finds out whether a form had no token because it was cut off.
func tooLarge(r *http.Request, err error) error {
	var large *http.MaxBytesError
	if errors.As(r.ParseForm(), &large) {
		return large
	}
	return err
}

// Protected tells whether secrets may go over the connection: with TLS, from
// this machine itself, or because the owner said so.
func (s *Site) Protected(r *http.Request) bool {
	return r.TLS != nil || s.settings().PlainPage
}

// Secure is the URL of a path over TLS, under the name or address the browser
// used.
func (s *Site) Secure(r *http.Request, path string) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return "https://" + HostPort(strings.Trim(host, "[]"), s.Facts.Ports.HTTPS, 443) + path
}

// toProtected leads to the page that explains the way to a protected
// connection.
func (rt *route) toProtected(w http.ResponseWriter, r *http.Request, reads bool) {
	if !reads {
		rt.site.Fail(w, r, ErrClear)
		return
	}
	http.Redirect(w, r, "/welcome?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
}

// Parts begins to read a form with files, on a route with [Upload]. It returns
// [session.ErrForged] unless the token is in a header or the first field.
func (s *Site) Parts(r *http.Request) (*multipart.Reader, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, Refuse(http.StatusUnsupportedMediaType, "frame.problem.method")
	}
	if r.Header.Get(session.TokenHeader) == "" {
		first, err := parts.NextPart()
		if err != nil || first.FormName() != session.TokenField {
			return nil, session.ErrForged
		}
		token := make([]byte, 128)
		n, _ := first.Read(token)
		r.Header.Set(session.TokenHeader, string(token[:n]))
	}
	return parts, s.Sessions.Check(r)
}

// LocalPath returns to if it is a path on this box, which an address bar or a
// form may have given; else instead.
func LocalPath(to, instead string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > 2048 || u.Scheme != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return instead
	}
	return to
}

// refererPath is the path of the page a form was on.
func refererPath(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return ""
	}
	return u.RequestURI()
}

// chooseLanguage remembers the language a visitor picked.
func (s *Site) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	tag := r.PathValue("tag")
	if !s.Words.Has(tag) {
		s.Fail(w, r, ErrNoPage)
		return
	}
	s.RememberLanguage(w, r, tag)
	http.Redirect(w, r, LocalPath(refererPath(r), "/"), http.StatusSeeOther)
}

// RememberLanguage has this browser see the pages in a language, as long as
// nobody is logged in who wants another.
func (s *Site) RememberLanguage(w http.ResponseWriter, r *http.Request, tag string) {
	session.SetCookie(w, r, languageCookie, tag, 365*24*time.Hour)
}
