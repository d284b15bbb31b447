package house

import (
	"errors"
	"io"
	"net/http"

	"posthorn/appliance/update"
	"posthorn/appliance/web/page"
)

const pathSystem = "/settings/system"

// maxBundle is how many octets an update has at most: a slot, which compresses,
// and its head.
const maxBundle = update.MaxSlot + 1<<20

func (h *House) systemRoutes() {
	s := h.Site
	s.Owner("GET "+pathSystem, h.system)
	s.Owner("POST "+pathSystem+"/update", h.install, page.Proved, page.Upload(maxBundle))
	s.Owner("POST "+pathSystem+"/trial", h.try, page.Proved)
	s.Owner("POST "+pathSystem+"/restart", h.restart)
	s.Owner("POST "+pathSystem+"/off", h.off)
}

type systemPage struct {
	Version string
	Update  *update.State // nil: the box does not run from a card image
	Trouble string        // why that can't be told
}

func (h *House) system(w http.ResponseWriter, r *http.Request) {
	st, err := h.Control.Status()
	if err != nil {
		h.area.Fail(w, r, err)
		return
	}
	p := systemPage{Version: st.Version}
	if u, err := h.Control.Update(); err == nil {
		p.Update = &u
	} else if !errors.Is(err, update.ErrNoCard) {
		p.Trouble = err.Error()
	}
	h.area.Show(w, r, "system.html", p)
}

func (h *House) install(w http.ResponseWriter, r *http.Request) {
	err := h.readUpload(r, func(_ map[string]string, file io.Reader) error {
		_, err := h.Control.InstallUpdate(r.Context(), file)
		return err
	})
	h.answer(w, r, err, pathSystem, "settings.system.installed")
}

func (h *House) try(w http.ResponseWriter, r *http.Request) {
	if err := h.Control.TryUpdate(r.Context()); err != nil {
		h.refuse(w, r, err, pathSystem)
		return
	}
	h.stopping(w, r, "update")
}

func (h *House) restart(w http.ResponseWriter, r *http.Request) {
	if err := h.Control.Reboot(); err != nil {
		h.refuse(w, r, err, pathSystem)
		return
	}
	h.stopping(w, r, "restart")
}

func (h *House) off(w http.ResponseWriter, r *http.Request) {
	if err := h.Control.Off(); err != nil {
		h.refuse(w, r, err, pathSystem)
		return
	}
	h.stopping(w, r, "off")
}

// stopping is the last page of a box that stops: what is restart, update or
// off. Its script tells when the box is gone, and when it is back.
func (h *House) stopping(w http.ResponseWriter, r *http.Request, what string) {
	h.Site.Record(r, "settings.stopping."+what)
	h.area.Show(w, r, "stopping.html", what)
}
