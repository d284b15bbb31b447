// Package web is the box's pages, rendered on the box and usable without
// JavaScript.
//
// A page is a template in templates/ over templates/layout.html, with its
// words taken by key from the catalogue in text.go, so that a translation is
// one more catalogue. Nothing is loaded from elsewhere: the pages work in a
// home whose Internet is down.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"

	"posthorn/appliance/documents"
)

//go:embed templates static
var files embed.FS

// Server makes the pages. What changes while the box runs is a function.
type Server struct {
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
	// Log gets what goes wrong; nil discards.
	Log *slog.Logger
}

// Handler returns the pages as one handler. The error is a template that
// cannot be read, which is a mistake in this package.
func (s *Server) Handler() (http.Handler, error) {
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pages, err := readPages(log)
	if err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("read the pages' files: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	c := &connect{s, pages}
	mux.Handle("GET /{$}", http.RedirectHandler("/connect", http.StatusFound))
	mux.HandleFunc("GET /connect", c.choose)
	mux.HandleFunc("GET /connect/{device}", c.guide)
	mux.HandleFunc("GET /connect/{device}/qr.png", c.code)
	return secured(mux), nil
}

// secured lets the pages load nothing but the box's own style and pictures.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}

// pages are the parsed templates, each with the layout.
type pages struct {
	byName map[string]*template.Template
	log    *slog.Logger
}

func readPages(log *slog.Logger) (*pages, error) {
	p := &pages{byName: map[string]*template.Template{}, log: log}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	words := english()
	funcs := template.FuncMap{"text": words.text}
	for _, name := range names {
		t, err := template.New("layout.html").Funcs(funcs).Option("missingkey=error").ParseFS(files, "templates/layout.html", name)
		if err != nil {
			return nil, fmt.Errorf("read the template %s: %w", name, err)
		}
		p.byName[name[len("templates/"):]] = t
	}
	return p, nil
}

// show renders a page whole before anything is sent, so that a mistake is an
// error and not half a page.
func (p *pages) show(w http.ResponseWriter, name string, data any) {
	var out bytes.Buffer
	if err := p.byName[name].Execute(&out, data); err != nil {
		p.log.Error("page not made", "page", name, "err", err)
		http.Error(w, "the page could not be made; the log tells why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(out.Bytes())
}
