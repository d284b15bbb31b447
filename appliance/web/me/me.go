// Package me is where a person logs in, and the pages of what belongs to them:
// password, app passwords, sessions, second factors, language and time zone.
//
// A login is the password first and then, if the account has one, the second
// factor; package session keeps both steps apart. Whatever lets somebody else
// in for longer (a password, a factor, an app password) asks for the present
// password again.
package me

import (
	"embed"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/login"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

//go:embed all:templates static
var files embed.FS

// Me serves the pages. Its exported fields must be set.
type Me struct {
	Site    *page.Site
	Keeper  *login.Keeper
	Control *control.Box

	area *page.Area
}

// maxForm is how many octets the forms here may have.
const maxForm = 16 << 10

// Routes registers the pages.
func (m *Me) Routes() (err error) {
	if m.area, err = m.Site.Area(files, "me"); err != nil {
		return err
	}
	m.Site.Navigate(page.Entry{Path: "/me", Key: "frame.nav.me", Icon: "me", Order: 50})
	s, small := m.Site, page.Body(maxForm)
	s.About(page.Entry{Path: "/me/password", Key: "me.password", Order: 60})
	s.About(page.Entry{Path: "/me/apps", Key: "me.apps", Order: 70})
	s.About(page.Entry{Path: "/me/factors", Key: "me.factors", Order: 80})
	s.About(page.Entry{Path: "/me/sessions", Key: "me.sessions", Order: 90})
	s.About(page.Entry{Path: "/me/actions", Key: "me.actions", Order: 95, Owner: true})
	s.Public("GET /login", m.login)
	s.Public("POST /login", m.tryLogin, small)
	s.Public("GET /login/second", m.second)
	s.Public("POST /login/second", m.trySecond, small)
	s.Public("POST /login/passkey", m.askPasskey, small)
	s.Public("POST /login/passkey/answer", m.tryPasskey, page.Body(maxAnswer))
	s.Public("POST /logout", m.logout, page.Clear)
	s.Person("GET /me/confirm", m.confirm)
	s.Person("POST /me/confirm", m.tryConfirm, small)

	s.Person("GET /me", m.overview)
	s.Person("POST /me", m.setLanguage, small)
	s.Person("GET /me/password", m.password)
	s.Person("POST /me/password", m.setPassword, small)
	s.Person("GET /me/apps", m.apps)
	s.Person("POST /me/apps", m.addApp, small, page.Proved)
	s.Person("POST /me/apps/revoke", m.revokeApp, small)
	s.Person("GET /me/sessions", m.sessions)
	s.Person("POST /me/sessions/end", m.endSession, small)
	s.Owner("GET /me/actions", m.actions)
	s.Person("GET /me/factors", m.factors)
	s.Person("GET /me/factors/code", m.newTOTP, page.Proved)
	s.Person("POST /me/factors/code", m.setTOTP, small, page.Proved)
	s.Person("POST /me/factors/code/off", m.dropTOTP, small, page.Proved)
	s.Person("POST /me/factors/recovery", m.newRecovery, small, page.Proved)
	s.Person("POST /me/passkeys", m.newPasskey, small, page.Proved)
	s.Person("POST /me/passkeys/answer", m.addPasskey, page.Body(maxAnswer))
	s.Person("POST /me/passkeys/remove", m.removePasskey, small, page.Proved)
	return nil
}

// meForm is the form of the overview.
type meForm struct {
	Language string // "" = as the browser asks
	Zones    page.Zones
	Links    []page.Entry
}

// overview shows what a person can set.
func (m *Me) overview(w http.ResponseWriter, r *http.Request) {
	var a *store.Account
	err := m.Site.Store.View(func(tx *store.Tx) (err error) {
		a, err = tx.Account(session.From(r.Context()).Account)
		return err
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.area.Show(w, r, "me.html", meForm{a.Language, page.ZoneList(a.TimeZone), m.Site.OwnPages(session.From(r.Context()))})
}

func (m *Me) setLanguage(w http.ResponseWriter, r *http.Request) {
	tag, zone := r.PostFormValue("language"), r.PostFormValue("zone")
	if tag != "" && !m.Site.Words.Has(tag) {
		m.area.Fail(w, r, page.Refuse(http.StatusUnprocessableEntity, "me.wrong.language"))
		return
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		m.area.Fail(w, r, page.Refuse(http.StatusUnprocessableEntity, "me.wrong.zone"))
		return
	}
	err := m.Site.Store.Update(func(tx *store.Tx) error {
		a, err := tx.Account(session.From(r.Context()).Account)
		if err != nil {
			return err
		}
		a.Language, a.TimeZone = tag, zone
		return tx.PutAccount(a)
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Notice(w, r, "me.kept")
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

// from is the browser's address, for the slowing of guessers.
func from(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http's own; an invalid one is a stranger
	return addr.Addr()
}

// actions shows what owners did.
func (m *Me) actions(w http.ResponseWriter, r *http.Request) {
	list, err := m.Control.Actions()
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	type line struct {
		control.Action
		Words string
	}
	var lines []line
	for _, a := range list {
		one := line{a, a.Text}
		if a.Key != "" {
			args := make([]any, len(a.Args))
			for i := range a.Args {
				args[i] = a.Args[i]
			}
			one.Words = m.Site.Language(r).Text(a.Key, args...)
		}
		lines = append(lines, one)
	}
	m.area.Show(w, r, "actions.html", lines)
}

// right tells whether a password is that of the person of the request: true;
// false: it is not; else an error, such as that of too many attempts.
func (m *Me) right(r *http.Request, password string) (bool, error) {
	p := session.From(r.Context())
	id, err := m.Keeper.Login(r.Context(), p.Name, password, from(r), login.Web)
	if errors.Is(err, login.ErrRefused) {
		return false, nil
	}
	return err == nil && id.AppPassword == "" && id.Account.ID == p.Account, err
}
