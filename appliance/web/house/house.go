// Package house is the pages about the box as a whole: how it fares, for
// everybody, and the owner's settings.
//
// What a page does is an operation of package control, the same that the
// command line does; here are forms for it and words for what came of it. After
// a POST the browser is led back to the page it came from, which says in a
// notice what was done, or what was wrong and how to put it right.
//
//	/status          how the box fares; a person sees their own mail
//	/status/events   says when there is something new to see
//	/settings        an owner's settings, by subject
//	/me/rescue       what a POP3 program deleted, to bring back
package house

import (
	"embed"
	"errors"
	"net/http"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/events"
	"posthorn/appliance/login"
	"posthorn/appliance/stick"
	"posthorn/appliance/update"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

//go:embed templates templates/_parts.html static
var files embed.FS

// House serves the pages. Its fields must be set.
type House struct {
	Site    *page.Site
	Store   *store.Store
	Hub     *events.Hub
	Control *control.Box

	area    *page.Area
	streams page.Places // of events
}

// Routes registers the pages.
func (h *House) Routes() (err error) {
	if h.area, err = h.Site.Area(files, "house"); err != nil {
		return err
	}
	h.streams.Most, h.streams.Own = maxStreams, maxStreamsPerPerson
	h.Site.Navigate(page.Entry{Path: "/status", Key: "status.nav", Icon: "status", Order: 20})
	h.Site.Navigate(page.Entry{Path: "/settings", Key: "settings.nav", Icon: "settings", Order: 30, Owner: true})
	h.Site.Person("GET /status", h.status)
	h.Site.Person("GET /status/events", h.events)
	h.Site.Owner("GET /settings", func(w http.ResponseWriter, r *http.Request) { h.area.Show(w, r, "settings.html", sections()) })
	h.peopleRoutes()
	h.addressRoutes()
	h.sendingRoutes()
	h.boxRoutes()
	h.backupRoutes()
	h.systemRoutes()
	h.rescueRoutes()
	return nil
}

// section is an entry of the settings' first page. Its words are
// settings.PATH and settings.PATH.what.
type section struct{ Path string }

func sections() []section {
	return []section{{"people"}, {"addresses"}, {"sending"}, {"domains"}, {"devices"}, {"household"}, {"screen"},
		{"access"}, {"backup"}, {"system"}}
}

// done leads back to a page, which says what was done. What an owner did is
// recorded in the same words, unless they say too little: then by its path.
func (h *House) done(w http.ResponseWriter, r *http.Request, to, key string, args ...any) {
	if strings.HasPrefix(to, "/settings") && key != "settings.saved" {
		h.Site.Record(r, key, args...)
	}
	h.Site.Notice(w, r, key, args...)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// answer leads back to a page with what came of an operation.
func (h *House) answer(w http.ResponseWriter, r *http.Request, err error, to, key string, args ...any) {
	if err != nil {
		h.refuse(w, r, err, to)
		return
	}
	h.done(w, r, to, key, args...)
}

// refuse leads back to a page, which says what was wrong. What is no mistake of
// the person's is a page of its own.
func (h *House) refuse(w http.ResponseWriter, r *http.Request, err error, to string) {
	key, args := wrong(err)
	if key == "" {
		h.area.Fail(w, r, err)
		return
	}
	h.bad(w, r, to, key, args...)
}

// bad leads back to a page, which says what was wrong.
func (h *House) bad(w http.ResponseWriter, r *http.Request, to, key string, args ...string) {
	h.Site.Tell(w, r, page.Notice{Key: key, Args: args, Bad: true})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// wrong is what to say about an error; "" for one the frame explains.
func wrong(err error) (key string, args []string) {
	var (
		choice   *control.ChoiceError
		password *login.PasswordError
	)
	for _, c := range []struct {
		is  error
		key string
	}{
		{control.ErrLastOwner, "settings.wrong.owner"},
		{control.ErrPassphraseShort, "settings.wrong.passphrase"},
		{control.ErrPassphraseNeeded, "settings.wrong.sealed"},
		{control.ErrPassphrase, "settings.wrong.key"},
		{control.ErrBackupBusy, "settings.wrong.busy"},
		{control.ErrNoIncoming, "settings.wrong.noincoming"},
		{control.ErrNoOwner, "settings.wrong.noowner"},
		{stick.ErrNone, "settings.wrong.stick.none"},
		{stick.ErrSeveral, "settings.wrong.stick.several"},
		{stick.ErrInUse, "settings.wrong.stick.used"},
		{stick.ErrFormat, "settings.wrong.stick.format"},
		{stick.ErrProtected, "settings.wrong.stick.protected"},
		{stick.ErrFull, "settings.wrong.stick.full"},
		{stick.ErrLarge, "settings.wrong.stick.large"},
		{stick.ErrGone, "settings.wrong.stick.gone"},
		{stick.ErrNotAllowed, "settings.wrong.stick.root"},
		{store.ErrBackup, "settings.wrong.backup"},
		{store.ErrExists, "settings.wrong.exists"},
		{store.ErrNotFound, "settings.wrong.notfound"},
		{login.ErrNoAppPassword, "settings.wrong.notfound"},
		{control.ErrNoInvitation, "settings.wrong.notfound"},
		{store.ErrInvalidName, "settings.wrong.name"},
		{store.ErrQuota, "settings.wrong.quota"},
		{store.ErrFull, "settings.wrong.full"},
		{update.ErrBusy, "settings.wrong.updating"},
		{update.ErrNoCard, "settings.wrong.nocard"},
		{update.ErrNothingToTry, "settings.wrong.notry"},
	} {
		if errors.Is(err, c.is) {
			return c.key, nil
		}
	}
	switch {
	case errors.As(err, &choice):
		return "settings.wrong.choice." + choice.Name, nil
	case errors.As(err, &password):
		return "settings.wrong.password", nil
	case errors.Is(err, control.ErrUsage), update.Refused(err):
		return "settings.wrong.other", []string{short(err.Error())}
	}
	return "", nil
}

// maxDetail is how many octets of an error in English a notice carries.
const maxDetail = 300

func short(text string) string {
	if len(text) > maxDetail {
		return text[:maxDetail] + "…"
	}
	return text
}

// owner is who is logged in, for the log.
func owner(r *http.Request) string { return session.From(r.Context()).Name }
