package me

import (
	"errors"
	"net/http"

	"posthorn/appliance/login"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

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
	id, err := m.Keeper.Login(r.Context(), form.Name, r.PostFormValue("password"), from(r), login.Web)
	switch {
	case errors.Is(err, login.ErrRefused), err == nil && id.AppPassword != "":
		form.Wrong = "me.login.wrong"
	case errors.Is(err, login.ErrDisabled):
		form.Wrong = "me.login.disabled"
	}
	if form.Wrong != "" {
		m.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "login.html", form)
		return
	}
	var factors *session.Factors
	if err == nil {
		factors, err = m.Site.Sessions.Factors(id.Account.ID)
	}
	if err == nil && factors.Asked() {
		m.Site.Sessions.Await(w, r, id.Account, form.To)
		http.Redirect(w, r, "/login/second", http.StatusSeeOther)
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

// secondForm is the form that asks for the second factor.
type secondForm struct {
	Code, Passkey bool // what the account has
	Elsewhere     bool // it has passkeys that don't work at this address
	ClockSet      bool // codes that go by the time can be right
	Wrong         string
}

func (m *Me) secondForm(r *http.Request, p *session.Pending) (secondForm, error) {
	f, err := m.Site.Sessions.Factors(p.Account)
	if err != nil {
		return secondForm{}, err
	}
	works := session.PasskeysWork(r)
	return secondForm{Code: f.TOTP != nil, Passkey: len(f.Passkeys) > 0 && works, Elsewhere: len(f.Passkeys) > 0 && !works,
		ClockSet: m.Site.Sessions.ClockSet == nil || m.Site.Sessions.ClockSet()}, nil
}

func (m *Me) second(w http.ResponseWriter, r *http.Request) {
	m.showSecond(w, r, http.StatusOK, "")
}

func (m *Me) showSecond(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	p := m.Site.Sessions.Awaited(r)
	if p == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	form, err := m.secondForm(r, p)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	form.Wrong = wrong
	m.area.ShowStatus(w, r, status, "second.html", form)
}

func (m *Me) trySecond(w http.ResponseWriter, r *http.Request) {
	p := m.Site.Sessions.Awaited(r)
	if p == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	err := m.Site.Sessions.TryCode(p.Account, r.PostFormValue("code"))
	if errors.Is(err, session.ErrNoFactor) {
		m.showSecond(w, r, http.StatusUnprocessableEntity, "me.second.wrong")
		return
	}
	if err == nil {
		err = m.Site.Sessions.Arrive(w, r, p)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, p.To, http.StatusSeeOther)
}

// confirm asks for the password again, before what a thief at an open browser
// would do.
func (m *Me) confirm(w http.ResponseWriter, r *http.Request) {
	m.area.Show(w, r, "confirm.html", loginForm{To: page.LocalPath(r.URL.Query().Get("to"), "/me")})
}

func (m *Me) tryConfirm(w http.ResponseWriter, r *http.Request) {
	form := loginForm{To: page.LocalPath(r.PostFormValue("to"), "/me")}
	ok, err := m.right(r, r.PostFormValue("password"))
	if err == nil && !ok {
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
