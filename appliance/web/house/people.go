package house

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"rsc.io/qr"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Pages of people.
const pathPeople = "/settings/people"

// gigabyte is the unit quotas are typed in, as sizes are shown.
const (
	gigabyte = 1_000_000_000
	maxQuota = 100_000 // gigabytes
)

func (h *House) peopleRoutes() {
	s := h.Site
	s.Owner("GET "+pathPeople, h.everybody)
	s.Owner("POST "+pathPeople, h.addPerson, page.Proved)
	s.Owner("POST "+pathPeople+"/invite", h.invite, page.Proved)
	s.Owner("POST "+pathPeople+"/uninvite", h.uninvite)
	s.Owner("GET "+pathPeople+"/{name}", h.person)
	s.Owner("POST "+pathPeople+"/{name}", h.changePerson, page.Proved)
	s.Owner("POST "+pathPeople+"/{name}/password", h.resetPassword, page.Proved)
	s.Owner("POST "+pathPeople+"/{name}/revoke", h.revoke)
	s.Owner("POST "+pathPeople+"/{name}/remove", h.removePerson, page.Proved)
}

// peoplePage lists everybody and who is invited.
type peoplePage struct {
	People      []personLine
	Invitations []control.Invitation
	Domain      string
}

func (h *House) everybody(w http.ResponseWriter, r *http.Request) {
	p := peoplePage{Domain: h.Site.Facts.Domain()}
	var err error
	if p.People, err = h.people(session.From(r.Context())); err == nil {
		p.Invitations, err = h.Control.Invitations()
	}
	h.show(w, r, "people.html", p, err)
}

// show shows a page unless there is an error.
func (h *House) show(w http.ResponseWriter, r *http.Request, name string, data any, err error) {
	if err != nil {
		h.area.Fail(w, r, err)
		return
	}
	h.area.Show(w, r, name, data)
}

// quotaOf reads a quota that was typed in gigabytes; empty and 0 are no limit.
func quotaOf(text string) (octets int64, ok bool) {
	text = strings.ReplaceAll(strings.TrimSpace(text), ",", ".")
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= maxQuota) {
		return 0, false
	}
	return int64(n * gigabyte), true
}

func (h *House) addPerson(w http.ResponseWriter, r *http.Request) {
	quota, ok := quotaOf(r.PostFormValue("quota"))
	if !ok {
		h.bad(w, r, pathPeople, "settings.wrong.size")
		return
	}
	n := control.NewAccount{Name: strings.ToLower(strings.TrimSpace(r.PostFormValue("name"))),
		DisplayName: strings.TrimSpace(r.PostFormValue("display")), Password: r.PostFormValue("password"), Quota: quota}
	h.answer(w, r, h.Control.AddAccount(n), pathPeople, "settings.people.added", n.Name+"@"+h.Site.Facts.Domain())
}

// invitePage shows an invitation, this once.
type invitePage struct {
	For, Link string
	Code      *code
}

// code is a square of dots for a camera: a path of an SVG.
type code struct {
	Size int
	Path string
}

func newCode(text string) (*code, error) {
	q, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, err
	}
	const quiet = 4 // dots around it, ISO/IEC 18004
	var path strings.Builder
	for y := range q.Size {
		for x := range q.Size {
			if q.Black(x, y) {
				path.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	return &code{q.Size + 2*quiet, path.String()}, nil
}

func (h *House) invite(w http.ResponseWriter, r *http.Request) {
	quota, ok := quotaOf(r.PostFormValue("quota"))
	who := strings.TrimSpace(r.PostFormValue("for"))
	if !ok {
		h.bad(w, r, pathPeople, "settings.wrong.size")
		return
	}
	secret, _, err := h.Control.Invite(session.From(r.Context()).Display, who, quota)
	if err != nil {
		h.refuse(w, r, err, pathPeople)
		return
	}
	p := invitePage{For: who, Link: h.link("/invite/" + url.PathEscape(secret))}
	p.Code, err = newCode(p.Link)
	h.show(w, r, "invited.html", p, err)
}

// link is a path as somebody else reaches it, on a protected connection.
func (h *House) link(path string) string {
	host := h.Site.Facts.Host()
	if port := h.Site.Facts.Ports.HTTPS; port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return "https://" + host + path
}

func (h *House) uninvite(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.Control.RevokeInvitation(r.PostFormValue("id")), pathPeople, "settings.people.uninvited")
}

// personPage is everything about one person an owner can change.
type personPage struct {
	control.Account
	Address   string
	Gigabytes string // quota as typed; "" = no limit
	Devices   []control.AppPassword
	Others    []string // names of those who could inherit the mail
	Self      bool
	Mails     int
}

func (h *House) person(w http.ResponseWriter, r *http.Request) {
	p, err := h.personPage(r)
	h.show(w, r, "person.html", p, err)
}

func (h *House) personPage(r *http.Request) (*personPage, error) {
	name := r.PathValue("name")
	list, err := h.Control.Accounts()
	if err != nil {
		return nil, err
	}
	var p *personPage
	var others []string
	for _, a := range list {
		if a.Name != name {
			others = append(others, a.Name)
			continue
		}
		p = &personPage{Account: a, Address: a.Name + "@" + h.Site.Facts.Domain(), Self: a.Name == owner(r), Mails: int(a.Messages)}
		if a.Quota > 0 {
			p.Gigabytes = strconv.FormatFloat(float64(a.Quota)/gigabyte, 'f', -1, 64)
		}
	}
	if p == nil {
		return nil, page.ErrNoPage
	}
	p.Others = others
	p.Devices, err = h.Control.AppPasswords(name)
	return p, err
}

// personPath is the page of one person.
func personPath(name string) string { return pathPeople + "/" + url.PathEscape(name) }

func (h *House) changePerson(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	quota, ok := quotaOf(r.PostFormValue("quota"))
	if !ok {
		h.bad(w, r, personPath(name), "settings.wrong.size")
		return
	}
	display := strings.TrimSpace(r.PostFormValue("display"))
	isOwner, disabled := r.PostFormValue("owner") == "yes", r.PostFormValue("disabled") == "yes"
	err := h.Control.ChangeAccount(name, control.AccountChange{DisplayName: &display, Owner: &isOwner, Disabled: &disabled})
	if err == nil {
		err = h.Control.SetQuota(name, quota)
	}
	h.answer(w, r, err, personPath(name), "settings.saved")
}

func (h *House) resetPassword(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	h.answer(w, r, h.Control.SetPassword(r.Context(), name, r.PostFormValue("password")), personPath(name), "settings.people.password.done", name)
}

func (h *House) revoke(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	h.answer(w, r, h.Control.RevokeAppPassword(name, r.PostFormValue("id")), personPath(name), "settings.people.revoked")
}

// removePerson wants the name typed: mail is not to be lost by a slip.
func (h *House) removePerson(w http.ResponseWriter, r *http.Request) {
	name, heir := r.PathValue("name"), r.PostFormValue("heir")
	if !strings.EqualFold(strings.TrimSpace(r.PostFormValue("sure")), name) {
		h.bad(w, r, personPath(name), "settings.wrong.sure")
		return
	}
	key := "settings.people.removed"
	if heir != "" {
		key = "settings.people.inherited"
	}
	err := h.Control.RemoveAccount(r.Context(), name, heir)
	if errors.Is(err, store.ErrQuota) {
		h.bad(w, r, personPath(name), "settings.wrong.heir", heir)
		return
	}
	if err != nil {
		h.refuse(w, r, err, personPath(name))
		return
	}
	h.done(w, r, pathPeople, key, name, heir)
}
