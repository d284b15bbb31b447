// Package setup is how a box gets its owner, and the owner's household its
// further people.
//
// # The first set-up
//
// It takes five pages at most:
//
//	/setup          the code from the box's screen or log
//	/setup/home     what the household is called, its language and time zone
//	/setup/you      the owner: name, address, password
//	/setup/sending  how mail leaves the box
//	/setup/done     what to do next
//
// The code shows that somebody stands before the box. It works once: the
// browser that typed it may set the box up until another one types the next
// code. What a page asked is kept as soon as it is sent, so the set-up can be
// left at any point and taken up again; the owner, once made, by logging in.
// From that moment no code lets anybody in: each request asks the store whether
// there is an account.
//
// # Invitations
//
// An owner lets others in by a link with a secret of its own, /invite/SECRET,
// which works once and for some days.
package setup

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

//go:embed all:templates static
var files embed.FS

// Setup serves the pages. Its exported fields must be set.
type Setup struct {
	Site    *page.Site
	Control *control.Box
	Code    *Code

	area *page.Area

	mu     sync.Mutex
	holder [sha256.Size]byte // of the cookie of the browser that typed the code; zero: nobody
}

// holderCookie is the cookie of the browser that typed the code.
const holderCookie = "setup"

// Paths of the pages.
const (
	pathCode    = "/setup"
	pathHome    = "/setup/home"
	pathYou     = "/setup/you"
	pathSending = "/setup/sending"
	pathDone    = "/setup/done"
)

// Routes registers the pages.
func (s *Setup) Routes() (err error) {
	if s.area, err = s.Site.Area(files, "setup"); err != nil {
		return err
	}
	s.Site.Public("GET "+pathCode, s.code)
	s.Site.Public("POST "+pathCode, s.tryCode, page.Body(maxForm))
	s.Site.Public("GET "+pathHome, s.held(s.home))
	s.Site.Public("POST "+pathHome, s.held(s.setHome), page.Body(maxForm))
	s.Site.Public("GET "+pathYou, s.held(s.you))
	s.Site.Public("POST "+pathYou, s.held(s.setYou), page.Body(maxForm))
	s.Site.Owner("GET "+pathSending, s.sending)
	s.Site.Owner("POST "+pathSending, s.setSending, page.Body(maxForm))
	s.Site.Owner("GET "+pathDone, s.done)
	s.Site.Public("GET /invite/{secret}", s.invited)
	s.Site.Public("POST /invite/{secret}", s.join, page.Body(maxForm))
	return nil
}

// maxForm is how many octets a form may have.
const maxForm = 16 << 10

// Needed tells whether the box has nobody yet.
func (s *Setup) Needed() (bool, error) {
	var none bool
	err := s.Site.Store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		none = len(all) == 0
		return err
	})
	return none, err
}

// leftName is the value of the store that names the page at which an owner
// left the set-up.
const leftName = "setup/left"

// Left is the path of the page at which an owner left the set-up; "" if it is
// done.
func (s *Setup) Left() string {
	var path string
	err := s.Site.Store.View(func(tx *store.Tx) error {
		v, err := tx.Value(leftName)
		path = string(v)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.Site.Log.Error("it is not known where the set-up was left", "error", err)
	}
	return path
}

// code asks for the code.
func (s *Setup) code(w http.ResponseWriter, r *http.Request) {
	needed, err := s.Needed()
	switch {
	case err != nil:
		s.area.Fail(w, r, err)
	case !needed:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case s.holds(r):
		http.Redirect(w, r, pathHome, http.StatusSeeOther)
	default:
		s.area.Show(w, r, "code.html", codePage{})
	}
}

// codePage is what the page of the code is given.
type codePage struct {
	Wrong string // words
	Args  []any
}

func (s *Setup) tryCode(w http.ResponseWriter, r *http.Request) {
	needed, err := s.Needed()
	if err == nil && !needed {
		err = page.Refuse(http.StatusForbidden, "setup.over")
	}
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http's own
	err = s.Code.Try(r.PostFormValue("code"), from.Addr())
	var pause *PauseError
	switch {
	case errors.As(err, &pause):
		s.Site.Log.Warn("set-up code not looked at: too many wrong ones", "from", from.Addr())
		s.area.ShowStatus(w, r, http.StatusTooManyRequests, "code.html", codePage{"setup.code.pause", []any{seconds(pause.Wait)}})
		return
	case err != nil:
		s.Site.Log.Warn("wrong set-up code", "from", from.Addr())
		s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "code.html", codePage{Wrong: "setup.code.wrong"})
		return
	}
	s.Site.Log.Info("set-up code typed", "from", from.Addr())
	s.hold(w, r)
	http.Redirect(w, r, pathHome, http.StatusSeeOther)
}

// hold makes the browser of the request the one that sets the box up.
func (s *Setup) hold(w http.ResponseWriter, r *http.Request) {
	var number [32]byte
	rand.Read(number[:])
	s.mu.Lock()
	s.holder = sha256.Sum256(number[:])
	s.mu.Unlock()
	session.SetCookie(w, r, holderCookie, base64.RawURLEncoding.EncodeToString(number[:]), 0)
}

// holds tells whether the browser of the request is the one that typed the
// code.
func (s *Setup) holds(r *http.Request) bool {
	c, err := r.Cookie(session.CookieName(r, holderCookie))
	if err != nil {
		return false
	}
	number, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(number) != 32 {
		return false
	}
	hash := sha256.Sum256(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	return subtle.ConstantTimeCompare(hash[:], s.holder[:]) == 1
}

// held lets only the browser that typed the code through, and only as long as
// nobody owns the box.
func (s *Setup) held(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		needed, err := s.Needed()
		switch {
		case err != nil:
			s.area.Fail(w, r, err)
		case !needed && r.Method == http.MethodGet:
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case !needed:
			s.area.Fail(w, r, page.Refuse(http.StatusForbidden, "setup.over"))
		case !s.holds(r):
			http.Redirect(w, r, pathCode, http.StatusSeeOther)
		default:
			h(w, r)
		}
	}
}
