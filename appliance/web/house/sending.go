package house

import (
	"net/http"
	"strconv"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/relay"
	"posthorn/appliance/web/page"
)

const pathSending = "/settings/sending"

func (h *House) sendingRoutes() {
	s := h.Site
	s.Owner("GET "+pathSending, h.sending)
	s.Owner("POST "+pathSending+"/way", h.setSending, page.Proved)
	s.Owner("POST "+pathSending+"/server", h.putSmarthost, page.Proved)
	s.Owner("POST "+pathSending+"/remove", h.removeSmarthost, page.Proved)
	s.Owner("POST "+pathSending+"/test", h.testSmarthosts)
	s.Owner("POST "+pathSending+"/undo", h.setUndo)
}

// sendingPage is how mail leaves the box.
type sendingPage struct {
	Way       string
	Ways      []string
	Servers   []control.Smarthost
	Providers []control.Provider
	Undo      string // seconds
	Undos     []undo
	Form      serverForm
	Tests     []control.SmarthostTest

	Securities []relay.Security
}

// undo is a time that can be chosen.
type undo struct {
	Value string
	Key   string // words, counted
	Count int
}

func undos() []undo {
	return []undo{{"0s", "settings.undo.none", 0}, {"10s", "settings.undo.seconds", 10}, {"30s", "settings.undo.seconds", 30},
		{"1m0s", "settings.undo.minutes", 1}, {"5m0s", "settings.undo.minutes", 5}, {"10m0s", "settings.undo.minutes", 10}}
}

// serverForm is the form for a server as it is shown again after a mistake,
// without the password.
type serverForm struct {
	Provider, Host, Port, User, Senders string
	Security                            relay.Security
	Wrong                               string // words
	Detail                              string // what the server said
}

func (h *House) sendingPage() (*sendingPage, error) {
	p := &sendingPage{Ways: []string{"none", "smarthost", "direct"}, Providers: control.Providers(), Undos: undos(),
		Securities: []relay.Security{relay.TLS, relay.STARTTLS, relay.Clear}, Form: serverForm{Port: "465", Security: relay.TLS}}
	chosen, err := h.choices()
	p.Undo = chosen["undo"]
	if err == nil {
		p.Way, err = h.Control.Sending()
	}
	if err == nil {
		p.Servers, err = h.Control.Smarthosts()
	}
	return p, err
}

func (h *House) sending(w http.ResponseWriter, r *http.Request) {
	p, err := h.sendingPage()
	h.show(w, r, "sending.html", p, err)
}

func (h *House) setSending(w http.ResponseWriter, r *http.Request) {
	way := r.PostFormValue("way")
	if list, err := h.Control.Smarthosts(); err == nil && way == "smarthost" && len(list) == 0 {
		h.bad(w, r, pathSending, "settings.sending.first")
		return
	}
	h.answer(w, r, h.Control.SetSending(way), pathSending, "settings.saved")
}

// putSmarthost sets a provider's server after trying it, unless the owner wants
// it all the same.
func (h *House) putSmarthost(w http.ResponseWriter, r *http.Request) {
	form := serverForm{Provider: r.PostFormValue("provider"), Host: strings.TrimSpace(r.PostFormValue("host")), Port: r.PostFormValue("port"),
		User: strings.TrimSpace(r.PostFormValue("user")), Senders: r.PostFormValue("senders"), Security: relay.Security(r.PostFormValue("security"))}
	port, err := strconv.Atoi(form.Port)
	if err != nil {
		port = 0 // which Check refuses
	}
	server := relay.Smarthost{Host: form.Host, Port: port, Security: form.Security, User: form.User,
		Password: r.PostFormValue("password"), Senders: strings.Fields(strings.ReplaceAll(form.Senders, ",", " "))}
	for _, known := range control.Providers() {
		if known.ID == form.Provider {
			server.Host, server.Port, server.Security = known.Host, known.Port, known.Security
		}
	}
	if err := server.Check(); err != nil {
		form.Wrong, form.Detail = "settings.sending.wrong", err.Error()
	} else if r.PostFormValue("untested") != "yes" {
		if t := h.Control.TestSmarthost(r.Context(), server); t.Fails != "" {
			form.Wrong, form.Detail = "settings.sending.fails", t.Fails
		}
	}
	if form.Wrong != "" {
		p, err := h.sendingPage()
		if err != nil {
			h.area.Fail(w, r, err)
			return
		}
		p.Form = form
		h.area.ShowStatus(w, r, http.StatusUnprocessableEntity, "sending.html", p)
		return
	}
	h.answer(w, r, h.Control.PutSmarthost(server), pathSending, "settings.sending.put", server.Host)
}

func (h *House) removeSmarthost(w http.ResponseWriter, r *http.Request) {
	host := r.PostFormValue("host")
	h.answer(w, r, h.Control.RemoveSmarthost(host), pathSending, "settings.sending.removed", host)
}

// testSmarthosts shows what came of connecting to each server.
func (h *House) testSmarthosts(w http.ResponseWriter, r *http.Request) {
	p, err := h.sendingPage()
	if err == nil {
		p.Tests, err = h.Control.TestSmarthosts(r.Context())
	}
	h.show(w, r, "sending.html", p, err)
}

func (h *House) setUndo(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.Control.SetChoices(map[string]string{"undo": r.PostFormValue("undo")}), pathSending, "settings.saved")
}
