package connect

import (
	"net/http"

	"posthorn/appliance/web/page"
)

// welcomePage is the first look at a box, on a connection without TLS: what it
// is, and the one-time step of trusting it.
type welcomePage struct {
	Secure      string // URL to go on at
	Probe       string // URL of a small picture there, which loads only if the box is trusted
	Fingerprint []string
	New         bool // nobody has set the box up yet
}

func (c *Connect) welcome(w http.ResponseWriter, r *http.Request) {
	to := page.LocalPath(r.URL.Query().Get("to"), "/")
	if c.Site.Protected(r) {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	p := welcomePage{Secure: c.Site.Secure(r, to), Probe: c.Site.Secure(r, "/trusted.svg"), New: c.New(), Fingerprint: c.fingerprint()}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "+c.Site.Secure(r, "")+
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.area.Show(w, r, "welcome.html", p)
}

// trusted is a picture that a page without TLS tries to load over TLS: if it
// comes, the browser trusts the box, and nothing needs explaining.
func (c *Connect) trusted(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "no-store")
	w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`))
}

// fingerprint is the authority's in two lines; nil if there is none.
func (c *Connect) fingerprint() []string {
	if f := c.Site.Facts.Fingerprint(); len(f) == 95 {
		return []string{f[:47], f[48:]}
	}
	return nil
}
