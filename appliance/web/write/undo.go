package write

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// discard moves a draft to Trash. The files a letter has go with it.
func (w *Write) discard(rw http.ResponseWriter, r *http.Request) {
	p, id := session.From(r.Context()), r.PostFormValue("id")
	found := false
	err := w.Store.Update(func(tx *store.Tx) error {
		mb, uids, err := drafts(tx, p.Account, id)
		if err != nil {
			return err
		}
		trash, err := tx.MailboxByRole(p.Account, store.RoleTrash)
		if err != nil {
			return err
		}
		found = len(uids) > 0
		for _, uid := range uids {
			if _, err := tx.Move(mb.ID, uid, trash.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	if found {
		w.Site.Tell(rw, r, page.Notice{Key: "write.discarded", Action: "write.undo", Path: "/mail/write/restore",
			Fields: map[string]string{"id": id}})
	}
	http.Redirect(rw, r, page.LocalPath(r.PostFormValue("back"), "/mail"), http.StatusSeeOther)
}

// restore takes a draft out of Trash again.
func (w *Write) restore(rw http.ResponseWriter, r *http.Request) {
	p, id := session.From(r.Context()), r.PostFormValue("id")
	err := w.Store.Update(func(tx *store.Tx) error {
		trash, err := tx.MailboxByRole(p.Account, store.RoleTrash)
		if err != nil {
			return err
		}
		drafts, err := tx.MailboxByRole(p.Account, store.RoleDrafts)
		if err != nil {
			return err
		}
		all, err := tx.UIDs(trash.ID)
		if err != nil {
			return err
		}
		for n := all.Len(); n > max(0, all.Len()-maxDrafts); n-- {
			m, err := messageAt(tx, trash.ID, all.At(n))
			if err != nil {
				return err
			}
			info, err := message.Unmarshal(m.Meta)
			if err == nil && id != "" && info.Envelope.MessageID == id {
				_, err := tx.Move(trash.ID, all.At(n), drafts.ID)
				return err
			}
		}
		return page.ErrNoPage
	})
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	http.Redirect(rw, r, editPath(id), http.StatusSeeOther)
}

// editPath is the writing page of a draft.
func editPath(id string) string { return "/mail/write?draft=" + url.QueryEscape(id) }

// undo takes a message back that was just sent, to go on writing it. The
// answer is certain: it is back, or it has gone.
func (w *Write) undo(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	n, err := strconv.ParseUint(r.PostFormValue("number"), 10, 64)
	if err != nil {
		w.area.Fail(rw, r, page.ErrNoPage)
		return
	}
	id, err := w.takeBack(p.Account, store.QueuedID(n))
	if key := tooLate(err); key != "" {
		w.Site.Tell(rw, r, page.Notice{Key: key, Bad: true})
		http.Redirect(rw, r, "/mail/outbox", http.StatusSeeOther)
		return
	}
	if err != nil {
		w.area.Fail(rw, r, err)
		return
	}
	w.Site.Notice(rw, r, "write.back")
	http.Redirect(rw, r, editPath(id), http.StatusSeeOther)
}

// tooLate is the words for a message that can't be had back, "" if err is
// another error.
func tooLate(err error) string {
	switch {
	case errors.Is(err, store.ErrSending):
		return "write.late.sending"
	case errors.Is(err, store.ErrNotFound):
		return "write.late.gone"
	}
	return ""
}

// queued returns a message of the queue that is the account's own, and shown
// in a mailbox of it; else ErrNotFound.
func queued(tx *store.Tx, account store.AccountID, id store.QueuedID) (*store.Queued, error) {
	q, err := tx.Queued(id)
	if err == nil && (q.Account != account || q.Mailbox == 0) {
		err = store.ErrNotFound
	}
	return q, err
}

// takeBack moves a waiting message to Drafts, which withdraws it, and returns
// its Message-ID or place for the writing page.
func (w *Write) takeBack(account store.AccountID, id store.QueuedID) (name string, err error) {
	err = w.Store.Update(func(tx *store.Tx) error {
		q, err := queued(tx, account, id)
		if err != nil {
			return err
		}
		to, err := tx.MailboxByRole(account, store.RoleDrafts)
		if err != nil {
			return err
		}
		e, err := tx.Move(q.Mailbox, q.UID, to.ID)
		if err != nil {
			return err
		}
		if _, err := tx.SetFlags(to.ID, e.UID, e.Flags|store.Draft|store.Seen, e.Keywords); err != nil {
			return err
		}
		name = strconv.FormatUint(uint64(to.ID), 10) + "/" + strconv.FormatUint(uint64(e.UID), 10)
		return nil
	})
	return name, err
}

// withdraw takes a message back that has arrived with others on this box and
// was not seen by them. The form names the message in the mailbox Sent.
func (w *Write) withdraw(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	mb, uid, ok := parsePlace(r.PostFormValue("mailbox") + "/" + r.PostFormValue("uid"))
	if !ok {
		w.area.Fail(rw, r, page.ErrNoPage)
		return
	}
	src, err := w.entrySource(p.Account, mb, uid)
	var result *post.Withdrawal
	if err == nil {
		result, err = w.Office.Withdraw(r.Context(), p.Account, src.Info.Envelope.MessageID)
	}
	back := page.LocalPath(r.PostFormValue("back"), "/mail")
	switch {
	case errors.Is(err, post.ErrNotSent):
		w.Site.Tell(rw, r, page.Notice{Key: "write.withdraw.unknown", Bad: true})
	case err != nil:
		w.area.Fail(rw, r, err)
		return
	default:
		w.tellWithdrawal(rw, r, result)
	}
	http.Redirect(rw, r, back, http.StatusSeeOther)
}

// tellWithdrawal says who had the message taken from, and who keeps it.
func (w *Write) tellWithdrawal(rw http.ResponseWriter, r *http.Request, result *post.Withdrawal) {
	c := w.Site.Language(r)
	var parts []string
	for _, fate := range []post.Fate{post.Withdrawn, post.Seen, post.Removed, post.Left} {
		var who []string
		for _, f := range result.Fates {
			if f.Fate == fate && f.Who != "" {
				who = append(who, f.Who)
			} else if f.Fate == fate {
				who = append(who, c.Text("write.withdraw.elsewhere"))
			}
		}
		if len(who) > 0 {
			parts = append(parts, c.Text("write.withdraw."+string(fate), strings.Join(who, ", ")))
		}
	}
	w.Site.Tell(rw, r, page.Notice{Key: "write.withdraw.result", Args: []string{strings.Join(parts, " ")}, Bad: !result.Any()})
}
