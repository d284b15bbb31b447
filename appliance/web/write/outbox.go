package write

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// maxShown is how many waiting messages the page shows.
const maxShown = 200

// waiting is a message in the Outbox.
type waiting struct {
	Number   uint64
	Subject  string
	To       string
	State    string // key of words
	At       time.Time
	Path     string // of the message itself
	Sending  bool   // being handed over at this moment
	Held     bool   // in its undo time, or scheduled
	Failing  bool
	AtField  string // of At, for a date field
	Problems []problem
}

// problem is why a recipient does not have the message yet.
type problem struct {
	Address string
	Reason  string // key of words
	Answer  string // what the other side said
	Done    bool   // it is not tried again
}

// outboxPage is what the page shows.
type outboxPage struct {
	List     []waiting
	More     bool // there are more than maxShown
	Earliest string
}

// outbox shows what waits to leave.
func (w *Write) outbox(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	data := outboxPage{Earliest: time.Now().In(p.TimeZone).Format(atLayout)}
	err := w.Store.View(func(tx *store.Tx) error {
		data.List, data.More = nil, false
		boxes, err := tx.Mailboxes(p.Account)
		if err != nil {
			return err
		}
		for _, mb := range boxes {
			_, sends, err := post.Outbox(tx, mb)
			if err != nil {
				return err
			}
			if sends && mb.Messages > 0 {
				if err := data.add(tx, mb, p.TimeZone); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	slices.SortStableFunc(data.List, func(a, b waiting) int { return cmp.Compare(a.At.Unix(), b.At.Unix()) })
	w.area.Show(rw, r, "outbox.html", data)
}

// add adds the messages of one mailbox.
func (o *outboxPage) add(tx *store.Tx, mb *store.Mailbox, zone *time.Location) error {
	uids, err := tx.UIDs(mb.ID)
	if err != nil {
		return err
	}
	for uid := range uids.All() {
		if len(o.List) == maxShown {
			o.More = true
			return nil
		}
		q, err := tx.QueuedAt(mb.ID, uid)
		if errors.Is(err, store.ErrNotFound) {
			continue // it lies there without waiting
		}
		if err != nil {
			return err
		}
		m, err := messageAt(tx, mb.ID, uid)
		if err != nil {
			return err
		}
		info, err := message.Unmarshal(m.Meta)
		if err != nil {
			return err
		}
		one := describe(q, time.Now())
		one.Subject = info.Envelope.Subject
		one.To = toLine(q, &info.Envelope)
		one.Path = "/mail/" + strconv.FormatUint(uint64(mb.ID), 10) + "/" + strconv.FormatUint(uint64(uid), 10)
		one.AtField = max(one.At.In(zone).Format(atLayout), o.Earliest)
		o.List = append(o.List, one)
	}
	return nil
}

// toLine names who a message is for.
func toLine(q *store.Queued, e *message.Envelope) string {
	people := compose.Addresses(slices.Concat(e.To, e.Cc, e.Bcc))
	if len(people) == 0 {
		for _, r := range q.Recipients {
			people = append(people, compose.Address{Address: r.Address})
		}
	}
	line := ""
	for i, a := range people[:min(len(people), 5)] {
		if i > 0 {
			line += ", "
		}
		line += cmp.Or(a.Name, a.Address)
	}
	if len(people) > 5 {
		line += ", …"
	}
	return line
}

// describe says how far a message has come.
func describe(q *store.Queued, now time.Time) waiting {
	one := waiting{Number: uint64(q.ID), At: q.Due(), Sending: q.Trying(), Held: q.NotBefore.After(now)}
	for _, to := range q.Recipients {
		if to.Answer != "" && to.State != store.QueuedDelivered {
			one.Problems = append(one.Problems, problem{to.Address, reason(to.Answer), to.Answer, to.State == store.QueuedFailed})
		}
	}
	one.Failing = len(one.Problems) > 0
	switch {
	case one.Sending:
		one.State = "write.state.sending"
	case one.Held && q.Scheduled:
		one.State = "write.state.scheduled"
	case one.Held:
		one.State = "write.state.held"
	case one.Failing:
		one.State = "write.state.failing"
	default:
		one.State = "write.state.due"
	}
	return one
}

// change does what a button of the page says with one message.
func (w *Write) change(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	n, err := strconv.ParseUint(r.PostFormValue("number"), 10, 64)
	if err != nil {
		w.area.Fail(rw, r, page.ErrNoPage)
		return
	}
	id, to, notice := store.QueuedID(n), "/mail/outbox", page.Notice{}
	switch action := r.PostFormValue("action"); action {
	case "edit":
		var name string
		if name, err = w.takeBack(p.Account, id); err == nil {
			to, notice.Key = editPath(name), "write.back"
		}
	case "withdraw":
		notice.Key = "write.withdrawn"
		err = w.bin(p.Account, id)
	case "retry":
		notice.Key = "write.retried"
		if err = w.Store.View(func(tx *store.Tx) error { _, err := queued(tx, p.Account, id); return err }); err == nil {
			err = w.Box.Retry(n)
		}
	case "now", "time":
		notice.Key = "write.retimed"
		when, at := "", ""
		if action == "time" {
			when, at = "at", r.PostFormValue("at")
		}
		err = w.retime(p, id, when, at)
	default:
		err = page.ErrNoPage
	}
	if key := tooLate(err); key != "" {
		notice, err = page.Notice{Key: key, Bad: true}, nil
	}
	if problem := compose.IsProblem(err); problem != nil {
		notice, err = page.Notice{Key: problemWords(problem), Args: []string{problem.About}, Bad: true}, nil
	}
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	w.Site.Tell(rw, r, notice)
	http.Redirect(rw, r, to, http.StatusSeeOther)
}

// bin withdraws a message and leaves it in Trash.
func (w *Write) bin(account store.AccountID, id store.QueuedID) error {
	return w.Store.Update(func(tx *store.Tx) error {
		q, err := queued(tx, account, id)
		if err != nil {
			return err
		}
		trash, err := tx.MailboxByRole(account, store.RoleTrash)
		if err != nil {
			return err
		}
		_, err = tx.Move(q.Mailbox, q.UID, trash.ID)
		return err
	})
}

// retime gives a waiting message another time. It goes to Outbox itself: the
// mailboxes below are named after theirs.
func (w *Write) retime(p *session.Person, id store.QueuedID, when, at string) error {
	now := time.Now().In(p.TimeZone)
	due, err := sendTime(when, at, now)
	if err != nil {
		return err
	}
	scheduled := !due.IsZero()
	if !scheduled {
		due = now
	}
	return w.Store.Update(func(tx *store.Tx) error {
		q, err := queued(tx, p.Account, id)
		if err != nil {
			return err
		}
		if q.Trying() {
			return store.ErrSending
		}
		out, err := w.Office.OutboxOf(tx, p.Account)
		if err != nil {
			return err
		}
		if out != q.Mailbox {
			_, err = tx.MoveQueued(q.Mailbox, q.UID, out, due, scheduled)
			return err
		}
		q.NotBefore, q.Scheduled = due, scheduled
		return tx.PutQueued(q)
	})
}
