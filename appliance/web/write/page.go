package write

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

// about is the message a letter answers or passes on.
type about struct {
	kind    string // reply, all, forward, whole
	mailbox store.MailboxID
	uid     uint32
}

func (a about) String() string {
	if a.kind == "" {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d", a.kind, a.mailbox, a.uid)
}

// parseAbout reads what String wrote; the zero about is what makes no sense.
func parseAbout(text string) about {
	kind, place, _ := strings.Cut(text, "/")
	switch kind {
	case "reply", "all", "forward", "whole":
		mb, uid, ok := parsePlace(place)
		if ok {
			return about{kind, mb, uid}
		}
	}
	return about{}
}

// parsePlace reads "MAILBOX/UID".
func parsePlace(text string) (store.MailboxID, uint32, bool) {
	left, right, _ := strings.Cut(text, "/")
	mb, err1 := strconv.ParseUint(left, 10, 64)
	uid, err2 := strconv.ParseUint(right, 10, 32)
	return store.MailboxID(mb), uint32(uid), err1 == nil && err2 == nil
}

// begin makes the letter that goes with a message: an answer or a forward. It
// is empty without one, or when the message is gone. leads has the words before
// what is quoted; nil: the text does not matter.
func (w *Write) begin(p *session.Person, d *desk, text string, leads *words.Catalogue) (*compose.Letter, error) {
	a := parseAbout(text)
	if a.kind == "" {
		return new(compose.Letter), nil
	}
	src, err := w.entrySource(p.Account, a.mailbox, a.uid)
	if errors.Is(err, store.ErrNotFound) {
		return new(compose.Letter), nil
	}
	if err != nil {
		return nil, err
	}
	lead := ""
	if leads != nil {
		lead = w.lead(leads, p, src, a.kind)
	}
	var l *compose.Letter
	if a.kind == "forward" || a.kind == "whole" {
		l, err = src.Forward(a.kind == "whole", lead)
	} else {
		l, err = src.Reply(a.kind == "all", d.own, lead)
	}
	if err != nil {
		return nil, err
	}
	l.About = a.String()
	for _, to := range append(src.Info.Envelope.To, src.Info.Envelope.Cc...) {
		if from, ok := d.identity(to.String()); ok {
			l.From = from // people answer as whom they were written to
			break
		}
	}
	return l, nil
}

// lead is the line before a quoted text, or what stands above a forwarded one.
func (w *Write) lead(c *words.Catalogue, p *session.Person, src *compose.Source, kind string) string {
	e := &src.Info.Envelope
	who := ""
	if len(e.From) > 0 {
		who = compose.Address{Name: e.From[0].Name, Address: e.From[0].String()}.String()
	}
	date := ""
	if !e.Date.IsZero() {
		date = w.Site.Date(c, p.TimeZone, e.Date)
	}
	if kind != "forward" {
		if len(e.From) > 0 && e.From[0].Name != "" {
			who = e.From[0].Name
		}
		return c.Text("write.lead.reply", date, who)
	}
	return c.Text("write.lead.forward", who, date, e.Subject)
}

// sheet is the writing page.
type sheet struct {
	*compose.Letter
	To, Cc, Bcc string
	From        []compose.Address
	Me          string // the address to write from
	Back        string // the page to return to
	When, At    string
	Earliest    string // of At
	Wrong       string // words: why the letter was not sent
	WrongAbout  string
	MaxSize     int64 // octets of files
	Every       int   // seconds between two saves
}

// write shows the writing page.
func (w *Write) write(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	d, err := w.desk(r.Context(), p)
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	q := r.URL.Query()
	var l *compose.Letter
	if id := q.Get("draft"); id != "" {
		l, err = w.openDraft(p, id)
	} else {
		l, err = w.newLetter(r, p, d)
	}
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	w.area.Show(rw, r, "write.html", w.sheet(p, d, l, page.LocalPath(q.Get("back"), "/mail")))
}

// newLetter begins a letter as the address of the page says.
func (w *Write) newLetter(r *http.Request, p *session.Person, d *desk) (*compose.Letter, error) {
	q := r.URL.Query()
	text := ""
	for _, kind := range []string{"reply", "all", "forward", "whole"} {
		if place := q.Get(kind); place != "" {
			text = kind + "/" + place
		}
	}
	l, err := w.begin(p, d, text, w.Site.Language(r))
	if err != nil {
		return nil, err
	}
	l.MessageID = compose.NewMessageID(w.Office.Name())
	if text == "" {
		fromLink(l, q, d.domain)
	}
	if d.Signature != "" {
		l.Text = strings.TrimRight(l.Text, "\n") + "\n\n-- \n" + d.Signature
	}
	return l, nil
}

// fromLink fills in what a link to a mail address asks for (RFC 6068). Nothing
// is sent by a link, and only what a person sees in the page.
func fromLink(l *compose.Letter, q url.Values, domain string) {
	if link, ok := strings.CutPrefix(q.Get("link"), "mailto:"); ok {
		to, rest, _ := strings.Cut(link, "?")
		values, err := url.ParseQuery(rest)
		to, err2 := url.PathUnescape(to)
		if err != nil || err2 != nil {
			return
		}
		q = values
		q.Set("to", strings.Join(append(values["to"], to), ","))
	}
	l.To, _ = compose.ParseAddresses(q.Get("to"), domain) // what is none of these is left out
	l.Cc, _ = compose.ParseAddresses(q.Get("cc"), domain)
	l.Subject = strings.Join(strings.Fields(q.Get("subject")), " ")
	l.Text = q.Get("body")
	if l.Check() != nil {
		*l = compose.Letter{MessageID: l.MessageID}
	}
}

// openDraft reads a draft by its Message-ID, or by its place "MAILBOX/UID",
// which a list of mail knows. A message that is no draft is the beginning of
// another one.
func (w *Write) openDraft(p *session.Person, name string) (*compose.Letter, error) {
	mb, uid, ok := parsePlace(name)
	if !ok {
		l, err := w.draft(p.Account, name)
		if err == nil && l == nil {
			err = page.ErrNoPage
		}
		return l, err
	}
	src, err := w.entrySource(p.Account, mb, uid)
	if err != nil {
		return nil, err
	}
	l, err := src.Read()
	if err != nil {
		return nil, err
	}
	drafts, err := w.isDrafts(mb)
	if !drafts || l.MessageID == "" {
		l.MessageID = compose.NewMessageID(w.Office.Name())
	}
	return l, err
}

// isDrafts tells whether a mailbox is the one for drafts.
func (w *Write) isDrafts(id store.MailboxID) (is bool, err error) {
	err = w.Store.View(func(tx *store.Tx) error {
		mb, err := tx.Mailbox(id)
		is = err == nil && mb.Role == store.RoleDrafts
		return err
	})
	return is, err
}

// sheet prepares the page for a letter.
func (w *Write) sheet(p *session.Person, d *desk, l *compose.Letter, back string) *sheet {
	sh := &sheet{Letter: l, To: compose.Join(l.To), Cc: compose.Join(l.Cc), Bcc: compose.Join(l.Bcc), From: d.from,
		Me: d.from[0].Address, Back: back, MaxSize: maxFiles(d.maxSize)}
	for name, field := range map[string]*string{"To": &sh.To, "Cc": &sh.Cc, "Bcc": &sh.Bcc} {
		if rough := l.Rough[name]; rough != "" {
			*field = rough
		}
	}
	if own, ok := d.identity(l.From.Address); ok {
		sh.Me = own.Address
	}
	now := time.Now().In(p.TimeZone)
	sh.Earliest = now.Format(atLayout)
	if l.SendAt.After(now) {
		sh.When, sh.At = "at", l.SendAt.In(p.TimeZone).Format(atLayout)
	}
	var size int64
	for _, f := range l.Files {
		size += f.Size
	}
	sh.Every = int((saveEvery + time.Duration(size>>20)*fileSave).Seconds())
	return sh
}

// maxFiles is how many octets of files fit into a message of so many, with its
// text.
func maxFiles(message int64) int64 { return max(0, message/4*3*76/78-2*compose.MaxText) }
