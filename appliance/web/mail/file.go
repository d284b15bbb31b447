package mail

import (
	"archive/zip"
	"bufio"
	"bytes"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/web/clean"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// Limits of files.
const (
	// maxZipped is how many files of one message are put into an archive.
	maxZipped = 250
	// sendTime is how long the sending of a file may stand still, and sendStep
	// how many octets are to go in that time.
	sendTime = time.Minute
	sendStep = 64 << 10
)

// part sends a file of a message: to be saved, or with ?show=1 to be looked at
// if it is, by its octets, a picture or a PDF.
func (m *Mail) part(w http.ResponseWriter, r *http.Request) {
	l, p, err := m.piece(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.send(w, r, l, func(blob *store.BlobReader) error {
		in := bufio.NewReader(decoded(blob, p))
		head, err := in.Peek(512)
		if err != nil && err != io.EOF {
			return err
		}
		media, how := "application/octet-stream", "attachment"
		if r.URL.Query().Get("show") != "" {
			media, how = viewable(head)
		}
		fileHeaders(w, media, disposition(how, p.Name()))
		_, err = io.Copy(&patient{w: w}, in)
		return err
	})
}

// viewable says by a file's first octets how it is sent to be looked at. What
// it says of itself counts for nothing.
func viewable(head []byte) (media, how string) {
	if media := clean.PictureType(head); media != "" {
		return media, "inline"
	}
	if bytes.HasPrefix(head, []byte("%PDF-")) {
		return "application/pdf", "inline"
	}
	return "application/octet-stream", "attachment"
}

// fileHeaders keep a file from being anything but that file: it can't become a
// page of this site, run, or load something.
func fileHeaders(w http.ResponseWriter, media, disposition string) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", disposition)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	policy := "default-src 'none'; frame-ancestors 'none'"
	if media != "application/pdf" {
		policy += "; sandbox" // browsers show a PDF by a program of theirs, which a sandbox stops
	}
	h.Set("Content-Security-Policy", policy)
}

// source shows a message as it came, or with ?save=1 sends it as a file.
func (m *Mail) source(w http.ResponseWriter, r *http.Request) {
	l, _, err := m.load(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.send(w, r, l, func(blob *store.BlobReader) error {
		media, how := "text/plain; charset=utf-8", "inline"
		if r.URL.Query().Get("save") != "" {
			media, how = "message/rfc822", "attachment"
		}
		name := piece{Part: &l.info.Root}.of(l.Envelope.Subject)
		fileHeaders(w, media, disposition(how, name))
		w.Header().Set("Content-Length", strconv.FormatInt(blob.Size(), 10))
		_, err := io.Copy(&patient{w: w}, blob)
		return err
	})
}

// of is the name a whole message is saved under.
func (p piece) of(subject string) string {
	p.DispositionParams = map[string]string{"filename": strings.ReplaceAll(strings.ReplaceAll(subject, "/", "-"), `\`, "-") + ".eml"}
	return p.Name()
}

// send opens a message's octets for fn, which writes the answer.
func (m *Mail) send(w http.ResponseWriter, r *http.Request, l *letter, fn func(*store.BlobReader) error) {
	blob, err := m.Store.OpenBlob(l.blob)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	defer blob.Close()
	if err := fn(blob); err != nil {
		// The answer is under way: all that can be said is that it is not whole.
		m.Site.Log.Info("file of a message not sent to its end", "mailbox", l.Mailbox, "uid", l.UID, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// zip sends all files of a message as one archive, made on the way. They are
// stored as they are: most are compressed already, and a small board has better
// things to do.
func (m *Mail) zip(w http.ResponseWriter, r *http.Request) {
	l, _, err := m.load(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	files := sortPieces(l.info, false).files
	if l.opaque() {
		err = page.Refuse(http.StatusRequestEntityTooLarge, "mail.parts")
	} else if len(files) > maxZipped {
		err = page.Refuse(http.StatusRequestEntityTooLarge, "mail.files.many", strconv.Itoa(len(files)), strconv.Itoa(maxZipped))
	} else if len(files) == 0 {
		err = page.ErrNoPage
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.send(w, r, l, func(blob *store.BlobReader) error {
		name := strings.TrimSuffix(piece{Part: &l.info.Root}.of(l.Envelope.Subject), ".eml") + ".zip"
		fileHeaders(w, "application/zip", disposition("attachment", name))
		out := zip.NewWriter(&patient{w: w})
		taken := make(map[string]bool)
		for _, f := range files {
			entry, err := out.CreateHeader(&zip.FileHeader{Name: untaken(taken, f.Name()), Method: zip.Store, Modified: l.At})
			if err != nil {
				return err
			}
			if _, err := io.Copy(entry, decoded(blob, f)); err != nil {
				return err
			}
		}
		return out.Close()
	})
}

// untaken makes a name that no other file of the archive has, on systems that
// don't tell capitals apart either.
func untaken(taken map[string]bool, name string) string {
	ending := path.Ext(name)
	base := strings.TrimSuffix(name, ending)
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name = base + " (" + strconv.Itoa(n) + ")" + ending
	}
	taken[strings.ToLower(name)] = true
	return name
}

// patient gives a slow reader time as long as something moves.
type patient struct {
	w    http.ResponseWriter
	left int
}

func (p *patient) Write(b []byte) (int, error) {
	if p.left <= 0 {
		if err := http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
			return 0, err
		}
		p.left = sendStep
	}
	p.left -= len(b)
	return p.w.Write(b)
}
