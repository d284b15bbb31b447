// Package me is where a person logs in, and the pages of what belongs to them:
// password, app passwords, sessions.
package me

import (
	"embed"
	"errors"
	"net/http"
	"net/netip"

	"posthorn/appliance/login"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

//go:embed all:templates
var files embed.FS

// Me serves the pages. Its fields must be set.
type Me struct {
	Site   *page.Site
	Keeper *login.Keeper

	area *page.Area
}

// Routes registers the pages.
func (m *Me) Routes() (err error) {
	if m.area, err = m.Site.Area(files, "me"); err != nil {
		return err
	}
	m.Site.Public("GET /login", m.login)
	m.Site.Public("POST /login", m.tryLogin, page.Body(maxLogin))
	m.Site.Public("POST /logout", m.logout, page.Clear)
	m.Site.Person("GET /me/confirm", m.confirm)
	m.Site.Person("POST /me/confirm", m.tryConfirm, page.Body(maxLogin))
	m.Site.Person("GET /me", m.overview)
	m.Site.Navigate(page.Entry{Path: "/me", Key: "frame.nav.me", Icon: "me", Order: 50})
	return nil
}

// overview shows what a person can set.
func (m *Me) overview(w http.ResponseWriter, r *http.Request) { m.area.Show(w, r, "me.html", nil) }

// maxLogin is how many octets the form of a login may have.
const maxLogin = 8 << 10

// loginForm is the form as it is shown again after a mistake, without the
// password.
type loginForm struct {
	To, Name, Wrong string
}

func (m *Me) login(w http.ResponseWriter, r *http.Request) {
	to := page.LocalPath(r.URL.Query().Get("to"), "/")
	if session.From(r.Context()) != nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	m.area.Show(w, r, "login.html", loginForm{To: to})
}

func (m *Me) tryLogin(w http.ResponseWriter, r *http.Request) {
	form := loginForm{To: page.LocalPath(r.PostFormValue("to"), "/"), Name: r.PostFormValue("name")}
	id, err := m.Keeper.Login(r.Context(), form.Name, r.PostFormValue("password"), from(r), "web")
	if errors.Is(err, login.ErrRefused) || err == nil && id.AppPassword != "" {
		form.Wrong = "me.login.wrong"
		m.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "login.html", form)
		return
	}
	if errors.Is(err, login.ErrDisabled) {
		form.Wrong = "me.login.disabled"
		m.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "login.html", form)
		return
	}
	if err == nil {
		err = m.Site.Sessions.Begin(w, r, id.Account)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, form.To, http.StatusSeeOther)
}

func (m *Me) logout(w http.ResponseWriter, r *http.Request) {
	if err := m.Site.Sessions.End(w, r); err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// confirm asks for the password again, before what a thief at an open browser
// would do.
func (m *Me) confirm(w http.ResponseWriter, r *http.Request) {
	m.area.Show(w, r, "confirm.html", loginForm{To: page.LocalPath(r.URL.Query().Get("to"), "/me")})
}

func (m *Me) tryConfirm(w http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	form := loginForm{To: page.LocalPath(r.PostFormValue("to"), "/me")}
	id, err := m.Keeper.Login(r.Context(), p.Name, r.PostFormValue("password"), from(r), "web")
	if errors.Is(err, login.ErrRefused) || err == nil && (id.AppPassword != "" || id.Account.ID != p.Account) {
		form.Wrong = "me.confirm.wrong"
		m.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "confirm.html", form)
		return
	}
	if err == nil {
		err = m.Site.Sessions.Prove(r)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, form.To, http.StatusSeeOther)
}

// from is the browser's address, for the slowing of guessers.
func from(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http's own; an invalid one is a stranger
	return addr.Addr()
}
