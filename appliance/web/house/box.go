package house

import (
	"io"
	"net/http"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
)

// Pages about the box itself.
const (
	pathHousehold = "/settings/household"
	pathScreen    = "/settings/screen"
	pathAccess    = "/settings/access"
)

func (h *House) boxRoutes() {
	s := h.Site
	s.Owner("GET "+pathHousehold, h.choicesPage("household.html"))
	s.Owner("POST "+pathHousehold, h.setChoices(pathHousehold, "household", "language", "timezone", "rescue-days"))
	s.Owner("GET "+pathScreen, h.choicesPage("screen.html"))
	s.Owner("POST "+pathScreen, h.setChoices(pathScreen, "screen-sender", "screen-subject", "screen-blank",
		"screen-night-from", "screen-night-to", "led-errors-only"))
	s.Owner("GET "+pathAccess, h.access)
	s.Owner("POST "+pathAccess, h.setChoices(pathAccess, "page-without-tls", "page-from-everywhere", "open-to-internet"), page.Proved)
	s.Owner("POST "+pathAccess+"/certificate", h.putCertificate, page.Proved, page.Upload(maxCertificate))
	s.Owner("POST "+pathAccess+"/certificate/remove", h.removeCertificate, page.Proved)
}

// choices are the owner's settings by name.
func (h *House) choices() (map[string]string, error) {
	list, err := h.Control.Choices()
	all := make(map[string]string, len(list))
	for _, c := range list {
		all[c.Name] = c.Value
	}
	return all, err
}

// choicesPage shows settings.
func (h *House) choicesPage(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all, err := h.choices()
		h.show(w, r, name, all, err)
	}
}

// setChoices takes the settings of those names from a form. A box that is not
// ticked is not sent: it is "no".
func (h *House) setChoices(path string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now, err := h.choices()
		if err != nil {
			h.area.Fail(w, r, err)
			return
		}
		values := make(map[string]string)
		for _, name := range names {
			v, sent := strings.TrimSpace(r.PostFormValue(name)), r.PostForm.Has(name)
			switch {
			case sent:
				values[name] = v
			case now[name] == "yes":
				values[name] = "no"
			}
		}
		h.answer(w, r, h.Control.SetChoices(values), path, "settings.saved")
	}
}

type accessPage struct {
	Choices     map[string]string
	Certificate control.Certificate
}

func (h *House) access(w http.ResponseWriter, r *http.Request) {
	var p accessPage
	var err error
	if p.Choices, err = h.choices(); err == nil {
		p.Certificate, err = h.Control.Certificate()
	}
	h.show(w, r, "access.html", p, err)
}

// maxCertificate is how many octets the form of a certificate may have.
const maxCertificate = 512 << 10

func (h *House) putCertificate(w http.ResponseWriter, r *http.Request) {
	parts, err := h.Site.Parts(r)
	if err != nil {
		h.area.Fail(w, r, err)
		return
	}
	var f control.CertificateFiles
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			h.area.Fail(w, r, err)
			return
		}
		text, err := io.ReadAll(part)
		if err != nil {
			h.area.Fail(w, r, err)
			return
		}
		switch part.FormName() {
		case "chain":
			f.Chain = string(text)
		case "key":
			f.Key = string(text)
		}
	}
	h.answer(w, r, h.Control.SetCertificate(f), pathAccess, "settings.access.certificate.put")
}

func (h *House) removeCertificate(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.Control.RemoveCertificate(), pathAccess, "settings.access.certificate.removed")
}
