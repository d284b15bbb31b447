package mail

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"posthorn/appliance/post"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Limits of actions.
const (
	// maxActed is how many messages one action changes.
	maxActed = 5000
	// actBatch is how many of them one transaction does.
	actBatch = 256
	// maxUndo is the longest list of UIDs, in octets, that an Undo can carry.
	maxUndo = 800
)

// act does something with some messages of a mailbox.
func (m *Mail) act(w http.ResponseWriter, r *http.Request) {
	back := page.LocalPath(r.PostFormValue("back"), "/mail")
	mb, uids, err := m.chosen(r)
	if err == nil && len(uids) == 0 {
		m.Site.Notice(w, r, "mail.act.none")
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	if err == nil {
		what := r.PostFormValue("do")
		if one, _, ok := strings.Cut(r.PostFormValue("one"), ":"); ok {
			what = one
		}
		err = m.do(w, r, mb, uids, what)
	}
	if errors.Is(err, store.ErrSending) {
		err = page.Refuse(http.StatusConflict, "mail.act.sending")
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// chosen reads what a form is about.
func (m *Mail) chosen(r *http.Request) (mb *store.Mailbox, uids []uint32, err error) {
	err = m.Store.View(func(tx *store.Tx) (err error) {
		mb, err = mailbox(tx, account(r), r.PostFormValue("mailbox"))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	values := r.PostForm["uid"]
	if _, one, ok := strings.Cut(r.PostFormValue("one"), ":"); ok {
		values = []string{one} // the button of one row counts for that alone
	}
	for _, value := range values {
		for s := range strings.SplitSeq(value, ",") {
			uid, err := parseUID(s)
			if err != nil {
				return nil, nil, err
			}
			if uids = append(uids, uid); len(uids) > maxActed {
				return nil, nil, page.Refuse(http.StatusRequestEntityTooLarge, "mail.act.many", strconv.Itoa(maxActed))
			}
		}
	}
	return mb, uids, nil
}

// do does one thing with messages.
func (m *Mail) do(w http.ResponseWriter, r *http.Request, mb *store.Mailbox, uids []uint32, what string) error {
	switch what {
	case "read", "unread":
		return m.mark(mb, uids, store.Seen, what == "read")
	case "flag", "unflag":
		return m.mark(mb, uids, store.Flagged, what == "flag")
	case "archive":
		return m.moveTo(w, r, mb, uids, store.RoleArchive)
	case "junk":
		return m.moveTo(w, r, mb, uids, store.RoleJunk)
	case "inbox":
		return m.moveTo(w, r, mb, uids, store.RoleInbox)
	case "trash":
		return m.moveTo(w, r, mb, uids, store.RoleTrash)
	case "delete":
		if mb.Role != store.RoleTrash && mb.Role != store.RoleJunk {
			return page.ErrNoPage // for good only from where it was put away before
		}
		n, err := m.expunge(mb, uids)
		if err == nil {
			m.Site.Notice(w, r, "mail.act.deleted", strconv.Itoa(n))
		}
		return err
	case "move":
		var to *store.Mailbox
		err := m.Store.View(func(tx *store.Tx) (err error) {
			to, err = mailbox(tx, account(r), r.PostFormValue("to"))
			return err
		})
		if err != nil {
			return err
		}
		return m.moved(w, r, mb, uids, to)
	}
	return page.ErrNoPage
}

// batches does something with messages, as many at a time as one transaction
// takes, and returns the UIDs that do gave those it was done with. One that is
// gone meanwhile is no trouble.
func (m *Mail) batches(uids []uint32, do func(tx *store.Tx, uid uint32) (uint32, error)) (*store.UIDSet, error) {
	all := store.NewUIDSet()
	for len(uids) > 0 {
		some := uids[:min(len(uids), actBatch)]
		uids = uids[len(some):]
		var done []uint32
		err := m.Store.Update(func(tx *store.Tx) error {
			done = done[:0] // an update may be run again, and give other UIDs
			for _, uid := range some {
				as, err := do(tx, uid)
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				done = append(done, as)
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		for _, uid := range done {
			all.Add(uid)
		}
	}
	return all, nil
}

// mark sets or takes a flag.
func (m *Mail) mark(mb *store.Mailbox, uids []uint32, flag store.Flags, on bool) error {
	_, err := m.batches(uids, func(tx *store.Tx, uid uint32) (uint32, error) {
		e, err := tx.Entry(mb.ID, uid)
		if err != nil {
			return 0, err
		}
		flags := e.Flags &^ flag
		if on {
			flags |= flag
		}
		_, err = tx.SetFlags(mb.ID, uid, flags, e.Keywords)
		return uid, err
	})
	return err
}

// expunge deletes messages for good.
func (m *Mail) expunge(mb *store.Mailbox, uids []uint32) (n int, err error) {
	gone, err := m.batches(uids, func(tx *store.Tx, uid uint32) (uint32, error) {
		return uid, tx.Expunge(mb.ID, uid)
	})
	return gone.Len(), err
}

// moveTo moves messages to the mailbox with a role.
func (m *Mail) moveTo(w http.ResponseWriter, r *http.Request, mb *store.Mailbox, uids []uint32, role store.Role) error {
	var to *store.Mailbox
	err := m.Store.View(func(tx *store.Tx) (err error) {
		to, err = tx.MailboxByRole(account(r), role)
		return err
	})
	if err != nil {
		return err
	}
	return m.moved(w, r, mb, uids, to)
}

// moved moves messages and says so, with an Undo.
func (m *Mail) moved(w http.ResponseWriter, r *http.Request, mb *store.Mailbox, uids []uint32, to *store.Mailbox) error {
	as, err := m.move(mb, uids, to)
	if err != nil {
		return err
	}
	f := newFolder(to, 0)
	name := f.Label
	if f.Key != "" {
		name = m.Site.Language(r).Text(f.Key)
	}
	n := page.Notice{Key: "mail.act.moved.other", Args: []string{strconv.Itoa(as.Len()), name}}
	if as.Len() == 1 {
		n.Key = "mail.act.moved.one"
	}
	if list := ranges(as); as.Len() > 0 && len(list) <= maxUndo {
		n.Action, n.Path = "mail.act.undo", "/mail/undo"
		n.Fields = map[string]string{"from": strconv.FormatUint(uint64(to.ID), 10), "to": strconv.FormatUint(uint64(mb.ID), 10),
			"uids": list, "back": page.LocalPath(r.PostFormValue("back"), "/mail")}
	}
	m.Site.Tell(w, r, n)
	return nil
}

// move moves messages and returns their UIDs there.
func (m *Mail) move(mb *store.Mailbox, uids []uint32, to *store.Mailbox) (as *store.UIDSet, err error) {
	if to.ID == mb.ID {
		return store.NewUIDSet(), nil
	}
	return m.batches(uids, func(tx *store.Tx, uid uint32) (uint32, error) {
		if _, sends, err := post.Outbox(tx, to); err != nil || sends {
			return 0, errors.Join(err, page.Refuse(http.StatusConflict, "mail.act.outbox"))
		}
		e, err := tx.Move(mb.ID, uid, to.ID)
		return e.UID, err
	})
}

// ranges writes UIDs as "5:9,12".
func ranges(set *store.UIDSet) string {
	var b strings.Builder
	for first, last := range set.Ranges() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(first), 10))
		if last != first {
			b.WriteString(":" + strconv.FormatUint(uint64(last), 10))
		}
	}
	return b.String()
}

// parseRanges reads what ranges wrote.
func parseRanges(s string) (uids []uint32, err error) {
	for one := range strings.SplitSeq(s, ",") {
		first, last, ok := strings.Cut(one, ":")
		if !ok {
			last = first
		}
		from, err := parseUID(first)
		if err != nil {
			return nil, err
		}
		to, err := parseUID(last)
		if err != nil || to < from || to-from >= maxActed {
			return nil, page.ErrNoPage
		}
		for uid := uint64(from); uid <= uint64(to); uid++ {
			if uids = append(uids, uint32(uid)); len(uids) > maxActed {
				return nil, page.ErrNoPage
			}
		}
	}
	return uids, nil
}

// undo moves messages back.
func (m *Mail) undo(w http.ResponseWriter, r *http.Request) {
	uids, err := parseRanges(r.PostFormValue("uids"))
	var from, to *store.Mailbox
	if err == nil {
		err = m.Store.View(func(tx *store.Tx) (err error) {
			acct := session.From(r.Context()).Account
			if from, err = mailbox(tx, acct, r.PostFormValue("from")); err != nil {
				return err
			}
			to, err = mailbox(tx, acct, r.PostFormValue("to"))
			return err
		})
	}
	if err == nil {
		_, err = m.move(from, uids, to)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Notice(w, r, "mail.act.undone")
	http.Redirect(w, r, page.LocalPath(r.PostFormValue("back"), "/mail"), http.StatusSeeOther)
}

// emptyable returns the folder a request wants emptied: Trash or Junk.
func (m *Mail) emptyable(r *http.Request) (f *folder, err error) {
	err = m.Store.View(func(tx *store.Tx) error {
		mb, err := mailbox(tx, account(r), r.FormValue("mailbox"))
		if err != nil {
			return err
		}
		if mb.Role != store.RoleTrash && mb.Role != store.RoleJunk {
			return page.ErrNoPage
		}
		f = newFolder(mb, 0)
		return nil
	})
	return f, err
}

// confirmEmpty asks before all messages of a folder are deleted for good.
func (m *Mail) confirmEmpty(w http.ResponseWriter, r *http.Request) {
	f, err := m.emptyable(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.area.Show(w, r, "empty.html", f)
}

// empty deletes what was in the folder when the person was asked, and not what
// came since.
func (m *Mail) empty(w http.ResponseWriter, r *http.Request) {
	f, err := m.emptyable(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	next, err := parseUID(r.PostFormValue("below"))
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	var uids []uint32
	err = m.Store.View(func(tx *store.Tx) error {
		set, err := tx.UIDs(f.ID)
		if err != nil {
			return err
		}
		for uid := range set.All() {
			if uid < next {
				uids = append(uids, uid)
			}
		}
		return nil
	})
	n := 0
	if err == nil {
		n, err = m.expunge(f.Mailbox, uids)
	}
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Notice(w, r, "mail.act.deleted", strconv.Itoa(n))
	http.Redirect(w, r, f.Path, http.StatusSeeOther)
}
