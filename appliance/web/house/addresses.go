package house

import (
	"net/http"
	"slices"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
)

// Pages of addresses, domains and devices.
const (
	pathAddresses = "/settings/addresses"
	pathDomains   = "/settings/domains"
	pathDevices   = "/settings/devices"
)

func (h *House) addressRoutes() {
	s := h.Site
	s.Owner("GET "+pathAddresses, h.addresses)
	s.Owner("POST "+pathAddresses, h.putAlias)
	s.Owner("POST "+pathAddresses+"/remove", h.removeAlias)
	s.Owner("POST "+pathAddresses+"/nobody", h.setCatchAll)
	s.Owner("GET "+pathDomains, h.domains)
	s.Owner("POST "+pathDomains, h.addDomain, page.Proved)
	s.Owner("POST "+pathDomains+"/remove", h.removeDomain, page.Proved)
	s.Owner("GET "+pathDevices, h.devices)
	s.Owner("POST "+pathDevices, h.allowDevice, page.Proved)
	s.Owner("POST "+pathDevices+"/forbid", h.forbidDevice)
}

type addressesPage struct {
	Aliases  []control.Alias
	People   []control.Account
	Domain   string
	CatchAll string
}

func (h *House) addresses(w http.ResponseWriter, r *http.Request) {
	p := addressesPage{Domain: h.Site.Facts.Domain()}
	chosen, err := h.choices()
	p.CatchAll = chosen["catch-all"]
	if err == nil {
		p.Aliases, err = h.Control.Aliases()
	}
	if err == nil {
		p.People, err = h.Control.Accounts()
	}
	h.show(w, r, "addresses.html", p, err)
}

// putAlias makes an alias, or replaces its targets: names or addresses between
// commas, spaces or lines.
func (h *House) putAlias(w http.ResponseWriter, r *http.Request) {
	a := control.Alias{Address: strings.TrimSpace(r.PostFormValue("address")), Targets: strings.FieldsFunc(r.PostFormValue("targets"),
		func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\n' || c == '\r' })}
	a.Targets = append(a.Targets, r.PostForm["person"]...)
	if domain := "@" + h.Site.Facts.Domain(); strings.HasSuffix(strings.ToLower(a.Address), domain) {
		a.Address = a.Address[:len(a.Address)-len(domain)] // at all of the box's domains
	}
	h.answer(w, r, h.Control.PutAlias(a), pathAddresses, "settings.addresses.put", a.Address)
}

func (h *House) removeAlias(w http.ResponseWriter, r *http.Request) {
	address := r.PostFormValue("address")
	h.answer(w, r, h.Control.RemoveAlias(address), pathAddresses, "settings.addresses.removed", address)
}

func (h *House) setCatchAll(w http.ResponseWriter, r *http.Request) {
	err := h.Control.SetChoices(map[string]string{"catch-all": r.PostFormValue("catch-all")})
	h.answer(w, r, err, pathAddresses, "settings.saved")
}

// domain is a mail domain with what its owner should publish.
type domain struct {
	Name    string
	Main    bool
	Records []record
}

// record is a DNS record. Kind is what it is for: settings.record.KIND.
type record struct {
	control.Record
	Kind string
}

func kindOf(r control.Record) string {
	switch {
	case r.Type == "MX":
		return "mx"
	case strings.HasPrefix(r.Text, "v=spf1"):
		return "spf"
	case strings.HasPrefix(r.Text, "v=DMARC1"):
		return "dmarc"
	}
	return "dkim"
}

func (h *House) domains(w http.ResponseWriter, r *http.Request) {
	var p struct {
		Domains []domain
		Own     string
	}
	p.Own = h.Site.Facts.Host()
	names, err := h.Control.Domains()
	for i, name := range names {
		d := domain{Name: name, Main: i == 0}
		list, err := h.Control.Records(name)
		if err != nil {
			h.area.Fail(w, r, err)
			return
		}
		for _, one := range list {
			d.Records = append(d.Records, record{one, kindOf(one)})
		}
		p.Domains = append(p.Domains, d)
	}
	h.show(w, r, "domains.html", p, err)
}

func (h *House) addDomain(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	h.answer(w, r, h.Control.AddDomain(name, r.PostFormValue("main") == "yes"), pathDomains, "settings.domains.added", name)
}

func (h *House) removeDomain(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name")
	h.answer(w, r, h.Control.RemoveDomain(name), pathDomains, "settings.domains.removed", name)
}

// personDevices are the app passwords of one person.
type personDevices struct {
	control.Account
	Devices []control.AppPassword
}

func (h *House) devices(w http.ResponseWriter, r *http.Request) {
	var p struct {
		Allowed []string
		People  []personDevices
	}
	var err error
	if p.Allowed, err = h.Control.Devices(); err != nil {
		h.area.Fail(w, r, err)
		return
	}
	all, err := h.Control.Accounts()
	for _, a := range all {
		if a.AppPasswords == 0 {
			continue
		}
		d := personDevices{Account: a}
		if d.Devices, err = h.Control.AppPasswords(a.Name); err != nil {
			break
		}
		p.People = append(p.People, d)
	}
	h.show(w, r, "devices.html", p, err)
}

func (h *House) allowDevice(w http.ResponseWriter, r *http.Request) {
	from := strings.TrimSpace(r.PostFormValue("from"))
	list, err := h.Control.Devices()
	if err == nil && !slices.Contains(list, from) {
		err = h.Control.PutDevices(append(list, from))
	}
	h.answer(w, r, err, pathDevices, "settings.devices.allowed", from)
}

func (h *House) forbidDevice(w http.ResponseWriter, r *http.Request) {
	from := r.PostFormValue("from")
	list, err := h.Control.Devices()
	if err == nil {
		err = h.Control.PutDevices(slices.DeleteFunc(list, func(one string) bool { return one == from }))
	}
	h.answer(w, r, err, pathDevices, "settings.devices.forbidden", from)
}
