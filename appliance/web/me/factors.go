package me

import (
	"encoding/base32"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"rsc.io/qr"

	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

// maxAnswer is how many octets a browser's answer about a passkey may have.
const maxAnswer = 64 << 10

// factorsPage tells of the second factors.
type factorsPage struct {
	*session.Factors
	Works    bool // passkeys do, here
	Recovery []string
	Left     int // recovery codes
}

func (m *Me) factors(w http.ResponseWriter, r *http.Request) {
	m.showFactors(w, r, nil)
}

// showFactors shows them, with recovery codes that were just made.
func (m *Me) showFactors(w http.ResponseWriter, r *http.Request, codes []string) {
	f, err := m.Site.Sessions.Factors(session.From(r.Context()).Account)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.area.Show(w, r, "factors.html", factorsPage{f, session.PasskeysWork(r), codes, len(f.Recovery)})
}

// totpPage is the form that sets up time-based codes.
type totpPage struct {
	Secret   string // as it is typed and as the form carries it
	Picture  template.URL
	ClockSet bool
	Wrong    string
}

func (m *Me) newTOTP(w http.ResponseWriter, r *http.Request) {
	m.showTOTP(w, r, http.StatusOK, session.NewTOTP(), "")
}

func (m *Me) showTOTP(w http.ResponseWriter, r *http.Request, status int, secret []byte, wrong string) {
	link := session.TOTPLink(secret, m.Site.Facts.Host(), session.From(r.Context()).Name)
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	code.Scale = 5
	// The picture is in the page itself: nothing but the page knows the secret.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	m.area.ShowStatus(w, r, status, "totp.html", totpPage{Secret: session.TOTPText(secret), Wrong: wrong,
		Picture:  template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())),
		ClockSet: m.Site.Sessions.ClockSet == nil || m.Site.Sessions.ClockSet()})
}

// setTOTP takes a secret into use once the person's program shows its codes.
func (m *Me) setTOTP(w http.ResponseWriter, r *http.Request) {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(r.PostFormValue("secret"))
	if err != nil || len(secret) < 16 || len(secret) > 64 {
		m.area.Fail(w, r, session.ErrForged)
		return
	}
	var codes []string
	err = m.Site.Sessions.ChangeFactors(session.From(r.Context()).Account, func(f *session.Factors) error {
		codes = nil
		fresh := session.Factors{TOTP: secret}
		if err := fresh.Take(r.PostFormValue("code"), time.Now()); err != nil {
			return err
		}
		f.TOTP, f.Step = secret, fresh.Step
		if len(f.Recovery) == 0 {
			codes = f.NewRecovery()
		}
		return nil
	})
	if errors.Is(err, session.ErrNoFactor) {
		m.showTOTP(w, r, http.StatusUnprocessableEntity, secret, "me.totp.wrong")
		return
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, "me.told.totp")
	m.showFactors(w, r, codes)
}

func (m *Me) dropTOTP(w http.ResponseWriter, r *http.Request) {
	m.changeFactors(w, r, "me.told.totp.off", func(f *session.Factors) error {
		f.TOTP, f.Step = nil, 0
		return nil
	})
}

func (m *Me) changeFactors(w http.ResponseWriter, r *http.Request, key string, fn func(*session.Factors) error) {
	if err := m.Site.Sessions.ChangeFactors(session.From(r.Context()).Account, fn); err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, key)
	m.Site.Notice(w, r, "me.kept")
	http.Redirect(w, r, "/me/factors", http.StatusSeeOther)
}

func (m *Me) newRecovery(w http.ResponseWriter, r *http.Request) {
	var codes []string
	err := m.Site.Sessions.ChangeFactors(session.From(r.Context()).Account, func(f *session.Factors) error {
		if !f.Asked() {
			return page.ErrNoPage
		}
		codes = f.NewRecovery()
		return nil
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, "me.told.recovery")
	m.showFactors(w, r, codes)
}

func (m *Me) newPasskey(w http.ResponseWriter, r *http.Request) {
	options, err := m.Site.Sessions.BeginPasskey(r)
	if err != nil {
		m.area.Fail(w, r, explainPasskey(err))
		return
	}
	m.Site.JSON(w, r, http.StatusOK, options)
}

func (m *Me) addPasskey(w http.ResponseWriter, r *http.Request) {
	if err := m.Site.Sessions.FinishPasskey(r, r.URL.Query().Get("label")); err != nil {
		m.Site.Log.Warn("passkey not taken", "user", session.From(r.Context()).Name, "error", err)
		m.area.Fail(w, r, explainPasskey(err))
		return
	}
	m.Site.Record(r, "me.told.passkey")
	m.Site.JSON(w, r, http.StatusOK, map[string]string{"to": "/me/factors"})
}

func (m *Me) removePasskey(w http.ResponseWriter, r *http.Request) {
	at, err := strconv.Atoi(r.PostFormValue("at"))
	if err != nil {
		at = -1
	}
	if err := m.Site.Sessions.RemovePasskey(session.From(r.Context()).Account, at, r.PostFormValue("label")); err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Record(r, "me.told.passkey.off")
	m.Site.Notice(w, r, "me.kept")
	http.Redirect(w, r, "/me/factors", http.StatusSeeOther)
}

// explainPasskey gives an error of passkeys words.
func explainPasskey(err error) error {
	switch {
	case errors.Is(err, session.ErrNoPasskeys):
		return page.Refuse(http.StatusConflict, "me.passkey.nowhere")
	case errors.Is(err, session.ErrTooManyPasskeys):
		return page.Refuse(http.StatusConflict, "me.passkey.many")
	case errors.Is(err, session.ErrNoFactor):
		return page.Refuse(http.StatusUnprocessableEntity, "me.passkey.wrong")
	}
	return err
}

func (m *Me) askPasskey(w http.ResponseWriter, r *http.Request) {
	p := m.Site.Sessions.Awaited(r)
	if p == nil {
		m.area.Fail(w, r, session.ErrForged)
		return
	}
	options, err := m.Site.Sessions.AskPasskey(r, p)
	if err != nil {
		m.area.Fail(w, r, explainPasskey(err))
		return
	}
	m.Site.JSON(w, r, http.StatusOK, options)
}

func (m *Me) tryPasskey(w http.ResponseWriter, r *http.Request) {
	p := m.Site.Sessions.Awaited(r)
	if p == nil {
		m.area.Fail(w, r, session.ErrForged)
		return
	}
	err := m.Site.Sessions.TryPasskey(r, p)
	if err == nil {
		err = m.Site.Sessions.Arrive(w, r, p)
	}
	if err != nil {
		m.Site.Log.Warn("passkey refused", "account", p.Account, "from", from(r), "error", err)
		m.area.Fail(w, r, explainPasskey(err))
		return
	}
	m.Site.JSON(w, r, http.StatusOK, map[string]string{"to": p.To})
}
