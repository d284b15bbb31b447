package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
)

//go:embed all:templates static
var frame embed.FS

// Area is one area of the pages: templates and static files of its own.
type Area struct {
	site   *Site
	name   string
	files  fs.FS
	static *static
	pages  []string // names of templates that are pages
	parts  []string // of those that are parts of them
}

// Area makes an area from files: templates/*.html, and static/* if there are
// any. A template is parsed when it is first shown; a small board would start
// seconds later otherwise. [Site.ParseAll] finds mistakes in them.
func (s *Site) Area(files fs.FS, area string) (*Area, error) {
	if s.own == nil && area != "frame" {
		if err := s.init(); err != nil {
			return nil, err
		}
	}
	a := &Area{site: s, name: area, files: files}
	var err error
	if a.static, err = newStatic(files, area); err != nil {
		return nil, fmt.Errorf("static files of %s: %w", area, err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		switch base := path.Base(name); {
		case base == "layout.html":
		case strings.HasPrefix(base, "_"):
			a.parts = append(a.parts, name)
		default:
			a.pages = append(a.pages, name)
		}
	}
	if area == "frame" {
		s.own = a
	}
	s.areas[area] = a
	if a.static != nil {
		s.mux.Handle("GET "+a.static.prefix, a.static)
	}
	return a, nil
}

// ParseAll parses every page of every area in every language: for tests, which
// thereby find a mistake in a template.
func (s *Site) ParseAll() error {
	for _, a := range s.areas {
		for _, c := range s.Words.All() {
			for _, name := range a.pages {
				if _, err := a.parse(c, time.UTC, path.Base(name)); err != nil {
					return fmt.Errorf("template %s of %s: %w", path.Base(name), a.name, err)
				}
			}
		}
	}
	return nil
}

// init makes the frame's own area.
func (s *Site) init() error {
	s.areas = make(map[string]*Area)
	s.sets = make(map[setKey]*set)
	if _, err := s.Area(frame, "frame"); err != nil {
		return err
	}
	s.Public("GET /language/{tag}", s.chooseLanguage, Clear)
	s.Public("/", func(w http.ResponseWriter, r *http.Request) { s.Fail(w, r, ErrNoPage) }, Clear)
	return nil
}

// setKey names the templates of one language and time zone. Their functions
// are bound when they are parsed, so there is a set for each.
type setKey struct {
	area, page, language, zone string
}

// set is a page's templates.
type set struct {
	page *template.Template
	used time.Time
}

// maxSets is how many templates are kept parsed; the least recently used go.
const maxSets = 120

// template returns a page's templates for a language and time zone.
func (a *Area) template(c *words.Catalogue, zone *time.Location, name string) (*template.Template, error) {
	key := setKey{a.name, name, c.Tag, zone.String()}
	if t := a.site.parsed(key); t != nil {
		return t, nil
	}
	// Not under the lock: it takes a while, and other pages are ready. Who
	// asks for the same meanwhile parses it, too.
	t, err := a.parse(c, zone, name)
	if err != nil {
		return nil, err
	}
	a.site.keep(key, t)
	return t, nil
}

// parsed returns a page's templates if they are kept.
func (s *Site) parsed(key setKey) *template.Template {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sets[key]
	if found == nil {
		return nil
	}
	found.used = time.Now()
	return found.page
}

// keep keeps them, in the place of those not used for longest.
func (s *Site) keep(key setKey, t *template.Template) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sets) >= maxSets {
		var oldest setKey
		for k, one := range s.sets {
			if oldest.page == "" || one.used.Before(s.sets[oldest].used) {
				oldest = k
			}
		}
		delete(s.sets, oldest)
	}
	s.sets[key] = &set{t, time.Now()}
}

func (a *Area) parse(c *words.Catalogue, zone *time.Location, name string) (*template.Template, error) {
	funcs := formats{c, zone}.funcs()
	funcs["asset"] = a.static.url
	funcs["frame"] = a.site.own.static.url
	funcs["icon"] = a.site.icon
	t, err := template.New("layout.html").Funcs(funcs).Option("missingkey=error").ParseFS(frame, "templates/layout.html", "templates/_fields.html")
	if err != nil {
		return nil, err
	}
	return t.ParseFS(a.files, append(a.parts[:len(a.parts):len(a.parts)], "templates/"+name)...)
}

// icon is a picture of the frame's icons.svg, for decoration.
func (s *Site) icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` +
		template.HTMLEscapeString(s.own.static.url("icons.svg")+"#"+name) + `"/></svg>`)
}

// view is what a template is given.
type view struct {
	Data      any
	Person    *session.Person // nil: nobody is logged in
	Path      string          // of the page
	Household string
	Language  *words.Catalogue
	Languages []*words.Catalogue
	Notice    *shown
	Nav       []place
	Protected bool // the connection is

	csrf func() string
}

// CSRF is the token for this page's forms.
func (v *view) CSRF() string { return v.csrf() }

// shown is a notice with its words.
type shown struct {
	*Notice
	Text string
}

// place is an entry of the main menu as a page shows it.
type place struct {
	Entry
	Here bool // the page is of it
}

func (s *Site) view(w http.ResponseWriter, r *http.Request, c *words.Catalogue, data any) *view {
	p := session.From(r.Context())
	v := &view{Data: data, Person: p, Path: r.URL.Path, Household: s.Facts.Household(), Language: c, Protected: s.Protected(r)}
	if r.Context().Value(strangeKey{}) != nil {
		return v
	}
	v.Languages = s.Words.All()
	token := ""
	v.csrf = func() string {
		if token == "" {
			token = s.Sessions.Token(w, r)
		}
		return token
	}
	if n := takeNotice(w, r); n != nil {
		v.Notice = &shown{n, c.Text(n.Key, n.words()...)}
	}
	for _, e := range s.nav {
		if (p == nil && !e.Open) || (e.Owner && (p == nil || !p.Owner)) {
			continue
		}
		v.Nav = append(v.Nav, place{e, r.URL.Path == e.Path || strings.HasPrefix(r.URL.Path, e.Path+"/")})
	}
	return v
}

// Show renders a page whole and then sends it, so that a mistake is an error
// and not half a page.
func (a *Area) Show(w http.ResponseWriter, r *http.Request, name string, data any) {
	a.show(w, r, http.StatusOK, name, "layout.html", data)
}

// ShowStatus is Show with an HTTP status: 422 for a form that is shown again.
func (a *Area) ShowStatus(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	a.show(w, r, status, name, "layout.html", data)
}

// ShowPart renders one template a page defines, without the layout: for
// scripts that put it into a page they have.
func (a *Area) ShowPart(w http.ResponseWriter, r *http.Request, name, part string, data any) {
	a.show(w, r, http.StatusOK, name, part, data)
}

func (a *Area) show(w http.ResponseWriter, r *http.Request, status int, name, part string, data any) {
	s := a.site
	c, zone := s.Language(r), time.UTC
	if p := session.From(r.Context()); p != nil {
		zone = p.TimeZone
	}
	var out bytes.Buffer
	t, err := a.template(c, zone, name)
	if err == nil {
		err = t.ExecuteTemplate(&out, part, s.view(w, r, c, data))
	}
	if err != nil {
		s.Log.Error("page not made", "area", a.name, "page", name, "error", err)
		http.Error(w, c.Text("frame.problem.unknown"), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", c.Tag)
	h.Set("Cache-Control", "no-store")
	s.send(w, r, status, out.Bytes())
}

// JSON answers a script.
func (s *Site) JSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.Log.Error("answer not made", "path", r.URL.Path, "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	s.send(w, r, status, text)
}

// wantsJSON tells whether a script asks.
func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}
