package me

import (
	"errors"
	"net/http"
	"strings"

	"posthorn/appliance/login"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// passwordForm is the form of a new password.
type passwordForm struct {
	Wrong    string
	WrongOld bool // else it is the new one
}

func (m *Me) password(w http.ResponseWriter, r *http.Request) {
	m.area.Show(w, r, "password.html", passwordForm{})
}

// setPassword changes the password, which ends every session that began with
// the old one; this browser gets a new one.
func (m *Me) setPassword(w http.ResponseWriter, r *http.Request) {
	again := func(form passwordForm) {
		m.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "password.html", form)
	}
	ok, err := m.right(r, r.PostFormValue("old"))
	if err == nil && !ok {
		again(passwordForm{"me.password.wrong", true})
		return
	}
	if err == nil {
		err = m.Keeper.SetPassword(r.Context(), session.From(r.Context()).Account, r.PostFormValue("password"))
	}
	var bad *login.PasswordError
	if errors.As(err, &bad) {
		again(passwordForm{"me.password.unfit", false})
		return
	}
	var a *store.Account
	if err == nil {
		err = m.Site.Store.View(func(tx *store.Tx) (err error) {
			a, err = tx.Account(session.From(r.Context()).Account)
			return err
		})
	}
	if err == nil {
		err = m.Site.Sessions.Begin(w, r, a)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, "me.told.password")
	m.Site.Notice(w, r, "me.password.changed")
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

// appsPage lists app passwords, and one that was just made.
type appsPage struct {
	Apps         []store.AppPassword
	Label, Wrong string
	Secret       string // of the new one, shown once
}

func (m *Me) apps(w http.ResponseWriter, r *http.Request) {
	m.showApps(w, r, http.StatusOK, appsPage{})
}

func (m *Me) showApps(w http.ResponseWriter, r *http.Request, status int, p appsPage) {
	err := m.Site.Store.View(func(tx *store.Tx) error {
		a, err := tx.Account(session.From(r.Context()).Account)
		if err == nil {
			p.Apps = a.AppPasswords
		}
		return err
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.area.ShowStatus(w, r, status, "apps.html", p)
}

func (m *Me) addApp(w http.ResponseWriter, r *http.Request) {
	p := appsPage{Label: r.PostFormValue("label")}
	secret, added, err := m.Keeper.AddAppPassword(session.From(r.Context()).Account, p.Label)
	var bad *login.PasswordError
	switch {
	case errors.As(err, &bad):
		p.Wrong = "me.apps.wrong.label"
	case errors.Is(err, store.ErrExists):
		p.Wrong = "me.apps.wrong.taken"
	case errors.Is(err, login.ErrTooManyAppPasswords):
		p.Wrong = "me.apps.wrong.many"
	case err != nil:
		m.area.Fail(w, r, err)
		return
	default:
		m.Site.Record(r, "me.told.app", added.Label)
		m.showApps(w, r, http.StatusOK, appsPage{Label: added.Label, Secret: secret})
		return
	}
	m.showApps(w, r, http.StatusUnprocessableEntity, p)
}

func (m *Me) revokeApp(w http.ResponseWriter, r *http.Request) {
	err := m.Keeper.RevokeAppPassword(session.From(r.Context()).Account, r.PostFormValue("id"))
	if err != nil && !errors.Is(err, login.ErrNoAppPassword) { // gone already is what was wanted
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, "me.told.app.off")
	m.Site.Notice(w, r, "me.apps.revoked")
	http.Redirect(w, r, "/me/apps", http.StatusSeeOther)
}

func (m *Me) sessions(w http.ResponseWriter, r *http.Request) {
	list, err := m.Site.Sessions.List(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	for i := range list {
		list[i].Agent = agentName(list[i].Agent)
	}
	m.area.Show(w, r, "sessions.html", list)
}

// agentName makes what people call a browser of what it calls itself; what is
// not known stays as it is. The order matters: each names those after it, too.
func agentName(agent string) string {
	first := func(known [][2]string) string {
		for _, k := range known {
			if strings.Contains(agent, k[0]) {
				return k[1]
			}
		}
		return ""
	}
	browser := first([][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}})
	system := first([][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	if browser == "" || system == "" {
		return agent
	}
	return browser + ", " + system
}

// endSession ends the session that is named, or all others.
func (m *Me) endSession(w http.ResponseWriter, r *http.Request) {
	var err error
	if id := r.PostFormValue("id"); id != "" {
		err = m.Site.Sessions.EndOne(r, id)
	} else {
		err = m.Site.Sessions.EndOthers(r)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Notice(w, r, "me.sessions.ended")
	http.Redirect(w, r, "/me/sessions", http.StatusSeeOther)
}
