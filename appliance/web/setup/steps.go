package setup

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/login"
	"posthorn/appliance/relay"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// homePage is the form of the household.
type homePage struct {
	Household, Language string
	Zones               page.Zones
	Wrong               string
}

func (s *Setup) home(w http.ResponseWriter, r *http.Request) {
	var set store.Settings
	err := s.Site.Store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	zone := set.TimeZone
	if zone == "" {
		zone = page.GuessZone(r)
	}
	s.area.Show(w, r, "home.html", homePage{set.Household, s.Site.Language(r).Tag, page.ZoneList(zone), ""})
}

func (s *Setup) setHome(w http.ResponseWriter, r *http.Request) {
	form := homePage{strings.TrimSpace(r.PostFormValue("household")), r.PostFormValue("language"), page.ZoneList(r.PostFormValue("zone")), ""}
	err := s.Control.SetChoices(map[string]string{"household": form.Household, "language": form.Language, "timezone": r.PostFormValue("zone")})
	var choice *control.ChoiceError
	if errors.As(err, &choice) {
		form.Wrong = "setup.home.wrong." + choice.Name
		s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "home.html", form)
		return
	}
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	s.Site.RememberLanguage(w, r, form.Language)
	http.Redirect(w, r, pathYou, http.StatusSeeOther)
}

// personPage is the form of a new person, here and for invitations.
type personPage struct {
	Action             string // where the form goes
	Display, Name      string
	Domain             string
	Wrong              string // words
	Args               []any
	WrongName          bool // else it is the password
	Household, Inviter string
}

func (s *Setup) you(w http.ResponseWriter, r *http.Request) {
	s.area.Show(w, r, "you.html", personPage{Action: pathYou, Domain: s.Site.Facts.Domain()})
}

// readPerson reads the form of a new person.
func (s *Setup) readPerson(r *http.Request) (personPage, control.NewAccount) {
	form := personPage{Action: r.URL.Path, Domain: s.Site.Facts.Domain(),
		Display: strings.TrimSpace(r.PostFormValue("display")), Name: strings.ToLower(strings.TrimSpace(r.PostFormValue("name")))}
	form.Name = strings.TrimSuffix(form.Name, "@"+form.Domain)
	return form, control.NewAccount{Name: form.Name, DisplayName: form.Display, Password: r.PostFormValue("password"),
		Language: s.Site.Language(r).Tag}
}

// wrong fills in what is wrong with a new person; false if it is nothing that
// the form can say.
func (p *personPage) wrong(err error) bool {
	var password *login.PasswordError
	switch {
	case errors.As(err, &password):
		p.Wrong = "setup.you.wrong.password"
		return true
	case errors.Is(err, store.ErrInvalidName):
		p.Wrong, p.WrongName = "setup.you.wrong.name", true
		return true
	case errors.Is(err, store.ErrExists):
		p.Wrong, p.WrongName = "setup.you.wrong.taken", true
		return true
	}
	return false
}

func (s *Setup) setYou(w http.ResponseWriter, r *http.Request) {
	form, n := s.readPerson(r)
	a, err := s.Control.AddOwner(n)
	if errors.Is(err, control.ErrSetUp) {
		err = page.Refuse(http.StatusForbidden, "setup.over")
	}
	if err != nil {
		if form.wrong(err) {
			s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "you.html", form)
			return
		}
		s.area.Fail(w, r, err)
		return
	}
	// From here on the owner logs in to go on.
	session.DropCookie(w, r, holderCookie)
	if err := s.leaveAt(pathSending); err != nil {
		s.Site.Log.Warn("where the set-up was left is not kept", "error", err)
	}
	if err := s.Site.Sessions.Begin(w, r, a); err != nil {
		s.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, pathSending, http.StatusSeeOther)
}

// leaveAt notes the page at which the owner takes the set-up up again; "" ends
// it.
func (s *Setup) leaveAt(path string) error {
	return s.Site.Store.Update(func(tx *store.Tx) error {
		if path == "" {
			return tx.DeleteValue(leftName)
		}
		return tx.PutValue(leftName, []byte(path))
	})
}

// sendingPage is the form of how mail leaves.
type sendingPage struct {
	Way, Provider, Host, Port, Security, User string

	Providers []control.Provider
	Server    string // that was tried
	Fails     string // what it said
	Wrong     string // words
}

func (s *Setup) sending(w http.ResponseWriter, r *http.Request) {
	way, err := s.Control.Sending()
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	s.area.Show(w, r, "sending.html", sendingPage{Way: way, Port: "465", Security: string(relay.TLS), Providers: control.Providers()})
}

func (s *Setup) setSending(w http.ResponseWriter, r *http.Request) {
	form := sendingPage{Way: r.PostFormValue("way"), Provider: r.PostFormValue("provider"), Host: strings.TrimSpace(r.PostFormValue("host")),
		Port: r.PostFormValue("port"), Security: r.PostFormValue("security"), User: strings.TrimSpace(r.PostFormValue("user")),
		Providers: control.Providers()}
	var err error
	switch form.Way {
	case "none", "direct":
		err = s.Control.SetSending(form.Way)
	case "smarthost":
		if !s.takeSmarthost(w, r, &form) {
			return
		}
	default:
		form.Wrong = "setup.sending.wrong.way"
		s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "sending.html", form)
		return
	}
	if err == nil {
		s.Site.Record(r, "setup.told.sending", form.Way)
		err = s.leaveAt("")
	}
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, pathDone, http.StatusSeeOther)
}

// takeSmarthost tries the provider's server and takes it if it works, or if
// the owner wants it all the same. False: the form was shown again.
func (s *Setup) takeSmarthost(w http.ResponseWriter, r *http.Request, form *sendingPage) bool {
	host := relay.Smarthost{Host: form.Host, Security: relay.Security(form.Security), User: form.User, Password: r.PostFormValue("password")}
	host.Port, _ = strconv.Atoi(form.Port) // 0 is refused below
	for _, p := range form.Providers {
		if p.ID == form.Provider {
			host.Host, host.Port, host.Security = p.Host, p.Port, p.Security
		}
	}
	if err := host.Check(); err != nil {
		form.Wrong = "setup.sending.wrong.server"
		s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "sending.html", form)
		return false
	}
	if r.PostFormValue("untried") == "" {
		t := s.Control.TestSmarthost(r.Context(), host)
		if t.Fails != "" {
			form.Server, form.Fails, form.Wrong = t.Server, t.Fails, "setup.sending.wrong.test"
			s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "sending.html", form)
			return false
		}
		s.Site.Notice(w, r, "setup.sending.works", t.Server)
	}
	if err := s.Control.PutSmarthost(host); err != nil {
		s.area.Fail(w, r, err)
		return false
	}
	return true
}

// donePage is what the last page tells.
type donePage struct {
	Address string
	Way     string
}

func (s *Setup) done(w http.ResponseWriter, r *http.Request) {
	way, err := s.Control.Sending()
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	s.area.Show(w, r, "done.html", donePage{session.From(r.Context()).Name + "@" + s.Site.Facts.Domain(), way})
}

// seconds writes a wait for words.
func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds() + 0.999)) }
