package write

import (
	"errors"
	"net/http"
	"strings"

	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

// awayProblem puts a setting that was refused into words.
func awayProblem(err error, key string) error {
	if errors.Is(err, post.ErrSetting) {
		return page.Refuse(http.StatusUnprocessableEntity, key)
	}
	return err
}

// saveAway takes the form of the automatic answer.
func (w *Write) saveAway(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	v := post.Vacation{On: r.PostFormValue("on") != "", Subject: strings.TrimSpace(r.PostFormValue("away-subject")),
		Text: strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("away-text"), "\r\n", "\n")),
		From: r.PostFormValue("away-from"), Until: r.PostFormValue("away-until")}
	err := w.Box.SetVacation(p.Name, v)
	if !v.On && v.Text == "" {
		err = w.Box.VacationOff(p.Name)
	}
	w.chosen(rw, r, awayProblem(err, "write.away.wrong"))
}

// saveForward takes the form of the forwarding.
func (w *Write) saveForward(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	f := post.Forward{Keep: r.PostFormValue("keep") != ""}
	list, err := compose.ParseAddresses(r.PostFormValue("forward"), "")
	for _, a := range list {
		f.To = append(f.To, a.Address)
	}
	if err == nil {
		err = w.Box.SetForward(p.Name, f)
	}
	w.chosen(rw, r, w.explain(awayProblem(err, "write.forward.wrong"), nil))
}

// chosen answers a form of the page.
func (w *Write) chosen(rw http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	w.Site.Notice(rw, r, "write.chosen")
	http.Redirect(rw, r, "/me/sending", http.StatusSeeOther)
}
