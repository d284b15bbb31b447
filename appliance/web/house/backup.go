package house

import (
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

const pathBackup = "/settings/backup"

// maxRestore is how many octets a backup may have that is put back through the
// page: as many as a card has room for.
const maxRestore = 1 << 40

// Limits of a form with files.
const (
	maxField  = 4 << 10 // octets of a field
	maxFields = 20      // before the file
)

func (h *House) backupRoutes() {
	s := h.Site
	s.Owner("GET "+pathBackup, h.backups)
	s.Owner("POST "+pathBackup, h.download, page.Proved)
	h.stickRoutes()
	s.Owner("POST "+pathBackup+"/restore", h.readBackup, page.Proved, page.Upload(maxRestore))
	s.Owner("POST "+pathBackup+"/put", h.putBackup, page.Proved)
	s.Owner("POST "+pathBackup+"/drop", h.dropBackup)
	s.Owner("POST "+pathBackup+"/former", h.putFormer, page.Proved)
	s.Owner("POST "+pathBackup+"/forget", h.dropFormer, page.Proved)
}

type backupPage struct {
	Last     time.Time
	Size     int64 // of all mail, about
	Incoming *control.Incoming
	Mails    int // in it
	Former   bool
	Least    int // characters of a passphrase
	Stick    stickPart
}

func (h *House) backups(w http.ResponseWriter, r *http.Request) {
	p := backupPage{Incoming: h.Control.Incoming(), Former: h.Control.Former(), Least: control.MinPassphrase, Size: h.Store.Health().Used,
		Stick: h.stickPart()}
	if p.Incoming != nil {
		p.Mails = int(p.Incoming.Messages)
	}
	err := h.Store.View(func(tx *store.Tx) (err error) {
		p.Last, err = control.LastBackup(tx)
		return err
	})
	h.show(w, r, "backup.html", p, err)
}

// download sends a backup as it is made. Its length is not known before, so a
// broken one is told by the connection, which ends early.
func (h *House) download(w http.ResponseWriter, r *http.Request) {
	passphrase := r.PostFormValue("passphrase")
	if passphrase == "" && r.PostFormValue("plain") != "yes" {
		h.bad(w, r, pathBackup, "settings.wrong.passphrase")
		return
	}
	if passphrase != r.PostFormValue("again") {
		h.bad(w, r, pathBackup, "settings.wrong.again")
		return
	}
	name := "posthorn-" + time.Now().Format("2006-01-02") + ".backup"
	if passphrase != "" {
		name += ".age"
	}
	out := &lateHeader{w: w, name: name}
	err := h.Control.Backup(r.Context(), out, passphrase)
	switch {
	case err == nil:
	case !out.begun:
		h.refuse(w, r, err, pathBackup)
	default:
		h.Site.Log.Error("backup broken off", "by", owner(r), "error", err)
		panic(http.ErrAbortHandler) // so that half a backup is not taken for one
	}
}

// lateHeader sends the header of a file with its first octets, so that a
// refusal before them can still be a page.
type lateHeader struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

// Write implements io.Writer.
func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		head := l.w.Header()
		head.Set("Content-Type", "application/octet-stream")
		head.Set("Content-Disposition", `attachment; filename="`+l.name+`"`)
		head.Set("Cache-Control", "no-store")
	}
	return l.w.Write(p)
}

// readBackup reads a backup as it arrives into a store beside the one in use.
// The form's fields come before its file.
func (h *House) readBackup(w http.ResponseWriter, r *http.Request) {
	err := h.readUpload(r, func(fields map[string]string, file io.Reader) error {
		_, err := h.Control.ReadBackup(r.Context(), file, fields["passphrase"])
		return err
	})
	h.answer(w, r, err, pathBackup, "settings.backup.read")
}

// readUpload reads the fields of a form up to its file, which it gives to take.
func (h *House) readUpload(r *http.Request, take func(fields map[string]string, file io.Reader) error) error {
	parts, err := h.Site.Parts(r)
	if err != nil {
		return err
	}
	fields := make(map[string]string)
	for range maxFields {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if part.FileName() != "" {
			return drain(part, take(fields, part))
		}
		text, err := io.ReadAll(io.LimitReader(part, maxField))
		if err != nil {
			return err
		}
		fields[part.FormName()] = string(text)
	}
	return page.Refuse(http.StatusUnprocessableEntity, "settings.wrong.nofile")
}

// maxDrain is how much of a refused file is read all the same, for a browser
// shows the answer only when it has sent everything.
const maxDrain = 64 << 20

func drain(part *multipart.Part, err error) error {
	if err != nil {
		io.CopyN(io.Discard, part, maxDrain)
	}
	return err
}

// putBackup replaces everything; the owner has typed that it is meant.
func (h *House) putBackup(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("sure") != "yes" {
		h.bad(w, r, pathBackup, "settings.wrong.tick")
		return
	}
	if err := h.Control.PutBackup(); err != nil {
		h.refuse(w, r, err, pathBackup)
		return
	}
	h.stopping(w, r, "restart")
}

func (h *House) dropBackup(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.Control.DropBackup(), pathBackup, "settings.backup.dropped")
}

func (h *House) putFormer(w http.ResponseWriter, r *http.Request) {
	if err := h.Control.PutFormer(); err != nil {
		h.refuse(w, r, err, pathBackup)
		return
	}
	h.stopping(w, r, "restart")
}

func (h *House) dropFormer(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.Control.DropFormer(), pathBackup, "settings.backup.forgotten")
}
