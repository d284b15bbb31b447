package write

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// undoTimes are the undo times offered, in seconds.
var undoTimes = []int{0, 10, 30, 60, 120, 300, 600}

// sendingPage is what a person chooses about sending.
type sendingPage struct {
	Undo      int // seconds
	Times     []int
	Signature string
	Address   string
	From      []compose.Address
	Away      post.Vacation
	Forward   string // addresses
	Keep      bool
	Leaves    bool // mail can leave the box
}

// sending shows what a person has chosen about sending.
func (w *Write) sending(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	d, err := w.desk(r.Context(), p)
	var undo time.Duration
	if err == nil {
		undo, err = w.Office.Undo(p.Account)
	}
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	data := sendingPage{Undo: int(undo.Seconds()), Times: undoTimes, Signature: d.Signature, Address: d.from[0].Address, From: d.from,
		Leaves: d.leaves}
	data.Away, err = w.Box.Vacation(p.Name)
	if err == nil {
		var f post.Forward
		f, err = w.Box.Forward(p.Name)
		data.Forward, data.Keep = strings.Join(f.To, ", "), f.Keep
	}
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	w.area.Show(rw, r, "sending.html", data)
}

// saveSending takes the form.
func (w *Write) saveSending(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	seconds, err := strconv.Atoi(r.PostFormValue("undo"))
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > store.MaxUndo {
		w.area.Fail(rw, r, page.Refuse(http.StatusUnprocessableEntity, "write.undo.range"))
		return
	}
	d, err := w.desk(r.Context(), p)
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	own, ok := d.identity(r.PostFormValue("address"))
	if !ok {
		w.area.Fail(rw, r, page.Refuse(http.StatusForbidden, "write.problem.notyours", r.PostFormValue("address")))
		return
	}
	signature := strings.Trim(strings.ReplaceAll(r.PostFormValue("signature"), "\r\n", "\n"), "\n")
	err = w.Box.SetUndo(p.Name, time.Duration(seconds)*time.Second)
	if err == nil {
		err = w.Store.Update(func(tx *store.Tx) error {
			return choices{Signature: signature, Address: own.Address}.save(tx, p.Account)
		})
	}
	w.chosen(rw, r, err)
}
