package write

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Times of a form.
const (
	// silence is how long nothing may come of it.
	silence = time.Minute
	// drainTime is how long the rest of one is read past that was refused: a
	// browser shows the answer only once it has sent what it wanted to.
	drainTime = 30 * time.Second
)

// post takes the writing page's form.
func (w *Write) post(rw http.ResponseWriter, r *http.Request) {
	r.Body = &patient{ReadCloser: r.Body, control: http.NewResponseController(rw)}
	p := session.From(r.Context())
	if !w.places.Take(p.Account) {
		w.refuse(rw, r, page.Refuse(http.StatusServiceUnavailable, "frame.problem.busy"))
		return
	}
	defer w.places.Leave(p.Account)
	parts, err := w.Site.Parts(r)
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	s := &submission{w: w, p: p}
	defer s.abort()
	if s.desk, err = w.desk(r.Context(), s.p); err == nil {
		err = s.read(parts)
	}
	if err != nil {
		w.refuse(rw, r, w.explain(err, s.desk))
		return
	}
	if s.form.get("action") == "send" && s.form.remove < 0 {
		w.send(rw, r, s)
		return
	}
	w.keep(rw, r, s)
}

// patient reads a body that has to go on coming: a phone that went out of reach
// must not keep others from sending files.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.control.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return p.ReadCloser.Read(b)
}

// refuse answers a form that was not taken, after it was read past.
func (w *Write) refuse(rw http.ResponseWriter, r *http.Request, err error) {
	buf := make([]byte, 32<<10)
	for end := time.Now().Add(drainTime); time.Now().Before(end); {
		if _, err := r.Body.Read(buf); err != nil {
			break // its end, or the browser's: the answer is no all the same
		}
	}
	w.area.Fail(rw, r, err)
}

// explain puts the errors of this package into words.
func (w *Write) explain(err error, d *desk) error {
	if errors.Is(err, errTooLarge) && d != nil {
		return page.Refuse(http.StatusRequestEntityTooLarge, "write.problem.toolarge", strconv.FormatInt(maxFiles(d.maxSize)/1e6, 10))
	}
	if p := compose.IsProblem(err); p != nil {
		status := http.StatusUnprocessableEntity
		if p.Word == "large" || p.Word == "files" {
			status = http.StatusRequestEntityTooLarge
		}
		return page.Refuse(status, problemWords(p), p.About)
	}
	return err
}

// problemWords is the key of the sentence for a problem.
func problemWords(p *compose.Problem) string { return "write.problem." + p.Word }

// saved is the answer to a script that had a letter saved.
type saved struct {
	Files []savedFile `json:"files"`
	Every int         `json:"every"` // seconds until it may save again
	At    string      `json:"at"`    // when it was saved, for people
}

type savedFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// keep saves a draft and shows the page again.
func (w *Write) keep(rw http.ResponseWriter, r *http.Request, s *submission) {
	l := s.letter
	if s.before != nil || !empty(l, s.desk) {
		if err := w.save(s.p.Account, l, s.before, s.desk.maxSize); err != nil {
			w.area.Fail(rw, r, w.explain(err, s.desk))
			return
		}
	}
	back := page.LocalPath(s.form.get("back"), "/mail")
	sh := w.sheet(s.p, s.desk, l, back)
	if r.Header.Get("Accept") == "application/json" {
		answer := saved{Files: []savedFile{}, Every: sh.Every, At: time.Now().In(s.p.TimeZone).Format("15:04")}
		for _, f := range l.Files {
			answer.Files = append(answer.Files, savedFile{f.Name, f.Size})
		}
		w.Site.JSON(rw, r, http.StatusOK, answer)
		return
	}
	if s.form.get("action") == "close" {
		w.Site.Notice(rw, r, "write.kept")
		http.Redirect(rw, r, back, http.StatusSeeOther)
		return
	}
	w.area.Show(rw, r, "write.html", sh)
}

// empty tells whether there is nothing in a letter to be kept.
func empty(l *compose.Letter, d *desk) bool {
	return len(l.To)+len(l.Cc)+len(l.Bcc)+len(l.Rough)+len(l.Files) == 0 && l.Subject == "" &&
		(l.Text == "" || d.Signature != "" && l.Text == "\n\n-- \n"+d.Signature)
}

// send sends a letter. One that can't be sent is shown again with the reason,
// and is kept as a draft.
func (w *Write) send(rw http.ResponseWriter, r *http.Request, s *submission) {
	err := s.wrong
	if err == nil && len(s.letter.Recipients()) == 0 {
		err = &compose.Problem{Word: "nobody"}
	}
	var q *store.Queued
	if err == nil {
		q, err = w.enqueue(r.Context(), s, remote(r))
	}
	if err != nil {
		w.notSent(rw, r, s, err)
		return
	}
	w.book.forget(s.p.Account)
	n := page.Notice{Key: "write.sent", Action: "write.undo", Path: "/mail/write/undo",
		Fields: map[string]string{"number": strconv.FormatUint(uint64(q.ID), 10)}}
	switch wait := time.Until(q.NotBefore); {
	case q.Scheduled:
		n.Key, n.Args = "write.scheduled", []string{w.Site.Date(w.Site.Language(r), s.p.TimeZone, q.NotBefore)}
	case wait <= time.Second:
		n = page.Notice{Key: "write.sent"}
	default:
		n.Key, n.Args = "write.held", []string{strconv.Itoa(int(wait.Round(time.Second).Seconds()))}
	}
	w.Site.Tell(rw, r, n)
	http.Redirect(rw, r, page.LocalPath(s.form.get("back"), "/mail"), http.StatusSeeOther)
}

// notSent shows a letter again that can't be sent as it is.
func (w *Write) notSent(rw http.ResponseWriter, r *http.Request, s *submission, err error) {
	key, about, known := unsendable(err)
	if !known {
		w.area.Fail(rw, r, w.explain(err, s.desk))
		return
	}
	if err := w.save(s.p.Account, s.letter, s.before, s.desk.maxSize); err != nil {
		w.area.Fail(rw, r, w.explain(err, s.desk))
		return
	}
	sh := w.sheet(s.p, s.desk, s.letter, page.LocalPath(s.form.get("back"), "/mail"))
	if sh.When == "" {
		sh.When, sh.At = s.form.get("when"), s.form.get("at")
	}
	sh.Wrong, sh.WrongAbout = key, about
	w.area.ShowStatus(rw, r, http.StatusUnprocessableEntity, "write.html", sh)
}

// unsendable finds the words for why a letter can't be sent.
func unsendable(err error) (key, about string, known bool) {
	if p := compose.IsProblem(err); p != nil {
		return problemWords(p), p.About, true
	}
	for _, why := range []struct {
		err error
		key string
	}{
		{post.ErrNoSuchUser, "write.problem.nosuchuser"}, {post.ErrNotLocal, "write.problem.nowayout"},
		{post.ErrNoWayOut, "write.problem.nowayout"}, {post.ErrAddress, "write.problem.address"},
		{post.ErrAliasLoop, "write.problem.loop"}, {post.ErrNotYours, "write.problem.notyours"},
		{post.ErrNoRecipients, "write.problem.nobody"}, {post.ErrSendTime, "write.problem.when"},
		{post.ErrClock, "write.problem.clock"},
	} {
		if errors.Is(err, why.err) {
			return why.key, inBrackets(err.Error()), true
		}
	}
	return "", "", false
}

// enqueue puts the letter into the person's Outbox, takes its draft out of
// Drafts and marks what it answers, all in one transaction.
func (w *Write) enqueue(ctx context.Context, s *submission, from netip.Addr) (*store.Queued, error) {
	l := s.letter
	l.Date = time.Now().In(s.p.TimeZone)
	draft := w.Office.NewDraft(s.p.Account, from)
	defer draft.Abort()
	draft.Protocol = "HTTPS"
	kept := w.newSaving(s.desk.maxSize)
	defer kept.abort()
	if err := l.Check(); err != nil {
		return nil, err
	}
	if err := l.Write(io.MultiWriter(kept, draft)); err != nil {
		return nil, err
	}
	if err := draft.Finish(); err != nil {
		return nil, err
	}
	meta, err := kept.scanner.Finish().Marshal()
	if err != nil {
		return nil, err
	}
	var q *store.Queued
	err = w.Store.Update(func(tx *store.Tx) error {
		out, err := w.Office.OutboxOf(tx, s.p.Account)
		if err != nil {
			return err
		}
		if _, err := forget(tx, s.p.Account, l.MessageID); err != nil {
			return err
		}
		e, err := kept.put(tx, out, meta, store.Seen)
		if err != nil {
			return err
		}
		mb, err := tx.Mailbox(out)
		if err != nil {
			return err
		}
		if err := draft.Enqueue(tx, mb, e.UID); err != nil {
			return err
		}
		if q, err = tx.QueuedAt(out, e.UID); err != nil {
			return err
		}
		return markAnswered(tx, s.p.Account, parseAbout(l.About))
	})
	if err == nil {
		w.Log.InfoContext(ctx, "letter queued", "queue_id", draft.Name(), "account", s.p.Name, "size", kept.blob.Size())
	}
	return q, err
}

// forwarded is the keyword of messages that were passed on.
const forwarded = "$Forwarded"

// markAnswered marks the message a letter was about, if it is still there.
func markAnswered(tx *store.Tx, account store.AccountID, a about) error {
	if a.kind == "" {
		return nil
	}
	err := owns(tx, account, a.mailbox)
	var e store.Entry
	if err == nil {
		e, err = tx.Entry(a.mailbox, a.uid)
	}
	if err == nil {
		if a.kind == "reply" || a.kind == "all" {
			e.Flags |= store.Answered
		} else {
			e.Keywords = append(e.Keywords, forwarded)
		}
		_, err = tx.SetFlags(a.mailbox, a.uid, e.Flags, e.Keywords)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge) {
		return nil // nothing to mark, or it has too many keywords to get one more
	}
	return err
}

// remote is the browser's address.
func remote(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // an invalid one is left out of the Received field
	return addr.Addr()
}
