package house

import (
	"net/http"
	"strconv"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

const pathRescue = "/me/rescue"

func (h *House) rescueRoutes() {
	h.Site.Person("GET "+pathRescue, h.rescue)
	h.Site.Person("POST "+pathRescue, h.bringBack)
}

type rescuePage struct {
	Days     int // for which what POP3 deletes is kept
	Messages []control.Deleted
	Most     int // that are shown
	Now      time.Time
}

func (h *House) rescue(w http.ResponseWriter, r *http.Request) {
	p := rescuePage{Most: control.MaxDeleted, Now: time.Now()}
	var err error
	if p.Messages, err = h.Control.Deleted(session.From(r.Context()).Name); err == nil {
		err = h.Store.View(func(tx *store.Tx) error {
			set, err := tx.Settings()
			p.Days = set.POP3RescueDays
			return err
		})
	}
	h.show(w, r, "rescue.html", p, err)
}

// bringBack moves messages back into the INBOX.
func (h *House) bringBack(w http.ResponseWriter, r *http.Request) {
	r.PostFormValue("uid") // parses the form
	var uids []uint32
	for _, text := range r.PostForm["uid"] {
		if uid, err := strconv.ParseUint(text, 10, 32); err == nil {
			uids = append(uids, uint32(uid))
		}
	}
	n, err := h.Control.Rescue(session.From(r.Context()).Name, uids)
	if err == nil && n == 0 {
		h.bad(w, r, pathRescue, "settings.rescue.nothing")
		return
	}
	h.answer(w, r, err, pathRescue, "settings.rescue.done", n)
}

// countDeleted is how many messages of a person can be brought back.
func (h *House) countDeleted(who store.AccountID) (n int, err error) {
	err = h.Store.View(func(tx *store.Tx) error {
		n, err = control.CountDeleted(tx, who)
		return err
	})
	return n, err
}
