package house

import (
	"net/http"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/stick"
	"posthorn/appliance/web/page"
)

// stickNews is for how long the page tells what became of a backup onto a
// stick.
const stickNews = time.Hour

func (h *House) stickRoutes() {
	h.Site.Owner("POST "+pathBackup+"/stick", h.toStick, page.Proved)
}

// stickPart is the page's part about the USB stick.
type stickPart struct {
	Job    *control.StickBackup
	Failed string // key of why Job failed
	There  stick.Stick
	Not    string // key of why none can be used
}

func (h *House) stickPart() (p stickPart) {
	if p.Job = h.Control.LastStick(); p.Job != nil && !p.Job.Running && time.Since(p.Job.Ended) > stickNews {
		p.Job = nil
	}
	if p.Job != nil && p.Job.Err != nil {
		p.Failed = stickWrong(p.Job.Err)
	}
	var err error
	if p.There, err = stick.Find("/"); err != nil {
		p.Not = stickWrong(err)
	}
	return p
}

// stickWrong is wrong, with words for whatever else a stick may do.
func stickWrong(err error) string {
	if key, _ := wrong(err); key != "" {
		return key
	}
	return "settings.wrong.stick.other"
}

// toStick starts a backup onto the stick, which goes on when nobody looks.
func (h *House) toStick(w http.ResponseWriter, r *http.Request) {
	passphrase := r.PostFormValue("passphrase")
	if passphrase != r.PostFormValue("again") {
		h.bad(w, r, pathBackup, "settings.wrong.again")
		return
	}
	h.answer(w, r, h.Control.StartStick(passphrase), pathBackup, "settings.stick.started")
}
