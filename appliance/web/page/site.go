// Package page is what all pages of the box share: routes with guards, the
// layout, words in the reader's language, notices, errors, and static files.
//
// An area of the pages (package connect, me, mail, ...) makes an [Area] from
// its templates and static files and registers routes with a [Site]:
//
//	func (m *Mail) Routes() error {
//		area, err := m.Site.Area(files, "mail")
//		if err != nil {
//			return err
//		}
//		m.Site.Navigate(page.Entry{Path: "/mail", Key: "mail.nav", Order: 10})
//		m.Site.Person("GET /mail", m.inbox)
//
// # Templates
//
// Each file templates/NAME.html is a page: it defines "title" and "main", and
// may define "head" for a stylesheet or script of its own. Files whose name
// begins with "_" are parts that all pages of the area can use. A template is
// given a view: .Data is the area's, .Person who is logged in (nil: nobody),
// .CSRF the token every form with method post carries as "csrf", .Path the
// page's own path. In it these functions speak the reader's language and time:
//
//	t KEY ARGS...    words             n KEY COUNT ARGS...  words for a number of things
//	date, day, clock, when, ago TIME   stamp TIME           for datetime attributes
//	size OCTETS                        asset NAME, icon NAME
//
// # Guards
//
// [Site.Public], [Site.Person] and [Site.Owner] say who may come. Whatever
// changes something is a POST, checked for forgery before the handler sees it,
// with a body of at most [MaxBody] octets unless the route says otherwise. On
// an unprotected connection only routes marked [Clear] answer.
package page

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"posthorn/appliance/control"
	"posthorn/appliance/documents"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

// Facts are what pages tell of the box. They change while it runs.
type Facts struct {
	// Host is the name programs are to connect to, such as "mailbox.local".
	Host func() string
	// Domain is the main mail domain.
	Domain func() string
	// Household is the name of the household; may be empty.
	Household func() string
	// Addresses are the box's on the home network.
	Addresses func() []netip.Addr
	// Fingerprint is the SHA-256 of the authority's certificate.
	Fingerprint func() string
	// NameHeld is the host name the box should have had and another device
	// holds, without ".local"; empty if there is none.
	NameHeld func() string
	// Ports are those in use.
	Ports documents.Ports
}

// Site is the pages together. Exported fields are set before the first call of
// a method and not changed after.
type Site struct {
	Facts    Facts
	Store    *store.Store
	Sessions *session.Manager
	Words    *words.Catalogues
	Log      *slog.Logger // not nil
	// Actions keeps what owners did; nil: nobody does.
	Actions func(control.Action) error

	mux   http.ServeMux
	own   *Area // the frame's own
	areas map[string]*Area
	nav   []Entry
	about []Entry

	mu   sync.Mutex
	sets map[setKey]*set

	zips sync.Pool // of *gzip.Writer: each is larger than the page it makes small
}

// Entry is a place in the main menu.
type Entry struct {
	Path  string // of the page, and the beginning of the paths of its further pages
	Key   string // words
	Icon  string // in the frame's icons.svg
	Order int    // lower comes first
	Owner bool   // for owners only
	Open  bool   // also for those who are not logged in
}

// Navigate adds an entry to the main menu.
func (s *Site) Navigate(e Entry) {
	s.nav = append(s.nav, e)
	slices.SortStableFunc(s.nav, func(a, b Entry) int { return cmp.Compare(a.Order, b.Order) })
}

// About adds an entry to the list on /me of what a person can set for
// themselves. Its words have two keys: Key, and Key + ".is" for what it does.
func (s *Site) About(e Entry) {
	s.about = append(s.about, e)
	slices.SortStableFunc(s.about, func(a, b Entry) int { return cmp.Compare(a.Order, b.Order) })
}

// OwnPages is that list for a person.
func (s *Site) OwnPages(p *session.Person) (list []Entry) {
	for _, e := range s.about {
		if !e.Owner || p.Owner {
			list = append(list, e)
		}
	}
	return list
}

// Home is the path of the page a person comes to first: an owner's is the
// status, everybody else's the first of the menu.
func (s *Site) Home(p *session.Person) string {
	first := "/"
	for _, e := range slices.Backward(s.nav) {
		if e.Owner && !p.Owner {
			continue
		}
		first = e.Path
		if p.Owner && e.Path == "/status" {
			break
		}
	}
	return first
}

// Handler serves the pages that were registered.
func (s *Site) Handler() http.Handler { return &s.mux }

// settings are the owner's choices; the defaults if they can't be read, which
// is logged.
func (s *Site) settings() (set store.Settings) {
	err := s.Store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	if err != nil {
		s.Log.Error("settings can't be read", "error", err)
	}
	return set
}

// languageCookie is what a visitor chose before there is an account to keep it.
const languageCookie = "language"

// Language returns the words for a request: in the person's language, or the
// one chosen on this browser, or what the browser asks for, or the household's.
func (s *Site) Language(r *http.Request) *words.Catalogue {
	var wishes []string
	if p := session.From(r.Context()); p != nil {
		wishes = append(wishes, p.Language)
	}
	if c, err := r.Cookie(session.CookieName(r, languageCookie)); err == nil {
		wishes = append(wishes, c.Value)
	}
	wishes = append(wishes, r.Header.Get("Accept-Language"))
	if len(wishes) < 3 {
		wishes = append(wishes, s.settings().Language)
	}
	return s.Words.Match(wishes...)
}
