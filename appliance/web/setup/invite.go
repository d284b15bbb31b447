package setup

import (
	"errors"
	"net/http"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

// invited shows somebody who follows an invitation's link what to fill in.
func (s *Setup) invited(w http.ResponseWriter, r *http.Request) {
	i, err := s.Control.Invitation(r.PathValue("secret"))
	if err != nil {
		s.area.Fail(w, r, gone(err))
		return
	}
	s.area.Show(w, r, "invite.html", personPage{Action: r.URL.Path, Domain: s.Site.Facts.Domain(), Display: i.For, Inviter: i.By})
}

// join makes the account and logs in.
func (s *Setup) join(w http.ResponseWriter, r *http.Request) {
	secret := r.PathValue("secret")
	i, err := s.Control.Invitation(secret)
	if err != nil {
		s.area.Fail(w, r, gone(err))
		return
	}
	form, n := s.readPerson(r)
	form.Inviter = i.By
	a, err := s.Control.Join(secret, n)
	if err != nil {
		if form.wrong(err) {
			s.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "invite.html", form)
			return
		}
		s.area.Fail(w, r, gone(err))
		return
	}
	if err := s.Site.Sessions.Begin(w, r, a); err != nil {
		s.area.Fail(w, r, err)
		return
	}
	session.DropCookie(w, r, holderCookie)
	http.Redirect(w, r, "/connect?name="+a.Name, http.StatusSeeOther)
}

// gone says it of an invitation that is used or over.
func gone(err error) error {
	if errors.Is(err, control.ErrNoInvitation) {
		return page.Refuse(http.StatusGone, "setup.invite.gone")
	}
	return err
}
