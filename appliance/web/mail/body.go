package mail

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/web/clean"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// maxBodyTime is how long one text of HTML may take to be cleaned and sent.
const maxBodyTime = 30 * time.Second

// frameHead begins the document in a message's frame. Mail is written for white
// paper: it stays that in the dark.
const frameHead = `<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light"><title>%s</title><style>
html{background:#fff;color:#1d1b16}body{margin:0;padding:1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
img{max-width:100%%;height:auto}table{max-width:100%%}pre{white-space:pre-wrap}blockquote{margin:.5rem 0 .5rem .25rem;padding-left:.75rem;border-left:3px solid #d9d4c7}
@media (max-width:37rem){table,td,th{width:auto!important;height:auto!important}img{max-width:100%%!important}}
.posthorn-head{border-bottom:1px solid #888;margin-bottom:1rem;padding-bottom:1rem}.posthorn-head h1{font-size:1.3rem;margin:0 0 .5rem}.posthorn-head p{margin:0}
</style></head><body>
`

// body is the document in a message's frame.
func (m *Mail) body(w http.ResponseWriter, r *http.Request) {
	l, part, err := m.piece(r)
	if err == nil && !(part.Type == "text" && part.Subtype == "html") {
		err = page.ErrNoPage
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	blob, err := m.Store.OpenBlob(l.blob)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	defer blob.Close()
	remote := r.URL.Query().Get("pictures") != ""
	head := w.Header()
	head.Set("Content-Security-Policy", clean.Policy(remote))
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxBodyTime))
	fmt.Fprintf(w, frameHead, template.HTMLEscapeString(l.Envelope.Subject))
	if r.URL.Query().Get("print") != "" {
		m.printHead(w, r, l)
	}
	pictures := sortPieces(l.info, false).pictures
	h := &clean.HTML{Remote: remote, Picture: func(cid string) (io.Reader, error) {
		p, ok := pictures[cid]
		if !ok {
			return nil, clean.ErrNoPicture
		}
		return decoded(blob, p), nil
	}}
	found, err := h.Write(r.Context(), w, message.PartSource(blob, part.Part))
	words := m.Site.Language(r)
	switch {
	case err != nil:
		m.Site.Log.Warn("message not shown to its end", "mailbox", l.Mailbox, "uid", l.UID, "error", err)
		fmt.Fprintf(w, `<p><b>%s</b></p>`, template.HTMLEscapeString(words.Text("mail.damaged")))
	case found.Cut:
		fmt.Fprintf(w, `<p><b>%s</b></p>`, template.HTMLEscapeString(words.Text("mail.cut")))
	}
	io.WriteString(w, "</body></html>\n")
}

// printHead says on paper whose message it is.
func (m *Mail) printHead(w io.Writer, r *http.Request, l *letter) {
	words := m.Site.Language(r)
	line := func(key, text string) {
		if text != "" {
			fmt.Fprintf(w, "<p>%s: %s</p>", template.HTMLEscapeString(words.Text(key)), template.HTMLEscapeString(text))
		}
	}
	fmt.Fprintf(w, `<div class="posthorn-head"><h1>%s</h1>`, template.HTMLEscapeString(l.Envelope.Subject))
	line("mail.from", addresses(l.Envelope.From))
	line("mail.to", addresses(l.Envelope.To))
	line("mail.cc", addresses(l.Envelope.Cc))
	line("mail.date", l.At.Format(time.RFC1123Z))
	io.WriteString(w, "</div>")
}

// addresses writes people with their addresses.
func addresses(list []message.Address) string {
	var all []string
	for _, a := range list {
		switch {
		case a.Host == "":
		case a.Name == "":
			all = append(all, a.String())
		default:
			all = append(all, a.Name+" <"+a.String()+">")
		}
	}
	return strings.Join(all, ", ")
}

// piece finds the part of a message that a path names.
func (m *Mail) piece(r *http.Request) (*letter, piece, error) {
	l, _, err := m.load(r)
	if err != nil {
		return nil, piece{}, err
	}
	number := r.PathValue("part")
	var path []int
	for s := range strings.SplitSeq(number, ".") {
		n, err := strconv.Atoi(s)
		if err != nil || len(path) > message.MaxDepth {
			return nil, piece{}, page.ErrNoPage
		}
		path = append(path, n)
	}
	p := l.info.Find(path)
	if p == nil || p.Multipart() {
		return nil, piece{}, page.ErrNoPage
	}
	return l, piece{p, number}, nil
}

// decoded reads a part without its transfer encoding.
func decoded(blob *store.BlobReader, p piece) io.Reader {
	return message.Decode(io.NewSectionReader(blob, p.BodyOffset, p.BodySize), p.Encoding)
}
