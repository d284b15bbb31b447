package mail

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"posthorn/appliance/post"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// folder is a mailbox as the list of folders shows it.
type folder struct {
	*store.Mailbox
	Key   string // words for its name, if it has one of those it was made with
	Label string // else its last level
	Depth int    // levels above it
	Icon  string
	Path  string
	Here  bool // it is the one that is shown
	Sends bool // what is put there is sent
}

// Indent has one element for each level above the folder.
func (f *folder) Indent() []struct{} { return make([]struct{}, f.Depth) }

// Archivable tells of folders whose mail is put away by archiving.
func (f *folder) Archivable() bool {
	return f.Role == store.RoleInbox || f.Own()
}

// Final tells of folders where deleting is for good.
func (f *folder) Final() bool { return f.Role == store.RoleTrash || f.Role == store.RoleJunk }

// Own tells of a folder that a person made.
func (f *folder) Own() bool { return f.Role == "" && !f.Sends }

// All is how many messages are in it.
func (f *folder) All() int { return int(f.Messages) }

// Count is the number beside the name: unread ones, but in Drafts and Outbox,
// where all are to be looked after.
func (f *folder) Count() uint32 {
	if f.Role == store.RoleDrafts || f.Role == store.RoleOutbox || f.Sends {
		return f.Messages
	}
	if f.Role == store.RoleTrash || f.Role == store.RoleSent {
		return 0
	}
	return f.Unseen
}

// rank is the order of the folders that every account has; others come after.
func rank(r store.Role) int {
	order := []store.Role{store.RoleInbox, store.RoleDrafts, store.RoleOutbox, store.RoleSent, store.RoleArchive, store.RoleJunk, store.RoleTrash}
	if i := slices.Index(order, r); i >= 0 {
		return i
	}
	return len(order)
}

// folderList returns an account's folders: those with a use first, then by
// name, each with those below it.
func folderList(tx *store.Tx, acct store.AccountID, here store.MailboxID) ([]*folder, error) {
	all, err := tx.Mailboxes(acct)
	if err != nil {
		return nil, err
	}
	top := make(map[string]int) // rank by name of the first level
	for _, mb := range all {
		if !strings.Contains(mb.Name, "/") {
			top[mb.Name] = rank(mb.Role)
		}
	}
	outbox := ""
	list := make([]*folder, len(all))
	for i, mb := range all {
		if mb.Role == store.RoleOutbox {
			outbox = mb.Name
		}
		list[i] = newFolder(mb, here)
	}
	for _, f := range list {
		f.Sends = outbox != "" && strings.HasPrefix(f.Name, outbox+"/")
	}
	slices.SortStableFunc(list, func(a, b *folder) int {
		first, _, _ := strings.Cut(a.Name, "/")
		second, _, _ := strings.Cut(b.Name, "/")
		if first == second {
			return 0 // the store's order, by name
		}
		if d := top[first] - top[second]; d != 0 {
			return d
		}
		return strings.Compare(strings.ToLower(first), strings.ToLower(second))
	})
	return list, nil
}

func newFolder(mb *store.Mailbox, here store.MailboxID) *folder {
	f := &folder{Mailbox: mb, Depth: min(strings.Count(mb.Name, "/"), 6), Icon: "folder", Path: pathOf(mb.ID), Here: mb.ID == here}
	f.Label = mb.Name[strings.LastIndexByte(mb.Name, '/')+1:]
	if mb.Role == "" {
		return f
	}
	f.Icon = string(mb.Role)
	if strings.EqualFold(mb.Name, string(mb.Role)) {
		f.Key = "mail.folder." + string(mb.Role)
	}
	return f
}

// targets are the folders that messages can be moved to from one.
func targets(list []*folder) []*folder {
	return slices.DeleteFunc(slices.Clone(list), func(f *folder) bool {
		return f.Here || f.Sends || f.Role == store.RoleOutbox
	})
}

// foldersPage is the page of all folders.
type foldersPage struct {
	Folders []*folder
	Parents []*folder
}

func (m *Mail) folders(w http.ResponseWriter, r *http.Request) {
	var p foldersPage
	err := m.Store.View(func(tx *store.Tx) (err error) {
		p.Folders, err = folderList(tx, account(r), 0)
		return err
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	p.Parents = targets(p.Folders)
	m.area.Show(w, r, "folders.html", p)
}

// changeFolder makes, renames or deletes a folder.
func (m *Mail) changeFolder(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	said, args := "", []any{name}
	err := m.Store.Update(func(tx *store.Tx) error {
		acct := account(r)
		if r.PostFormValue("do") == "make" {
			said = "mail.folders.made"
			return makeFolder(tx, acct, r.PostFormValue("parent"), name)
		}
		mb, err := mailbox(tx, acct, r.PostFormValue("mailbox"))
		if err != nil {
			return err
		}
		if _, sends, err := post.Outbox(tx, mb); err != nil {
			return err
		} else if sends || mb.Role != "" {
			return page.Refuse(http.StatusConflict, "mail.folders.needed", mb.Name)
		}
		switch r.PostFormValue("do") {
		case "rename":
			said = "mail.folders.renamed"
			return renameFolder(tx, mb, name)
		case "delete":
			said, args = "mail.folders.deleted", []any{mb.Name}
			return deleteFolder(tx, mb)
		}
		return page.ErrNoPage
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.Site.Notice(w, r, said, args...)
	http.Redirect(w, r, "/mail/folders", http.StatusSeeOther)
}

// level checks a name for one level of a folder's.
func level(name string) error {
	if name == "" || strings.Contains(name, "/") {
		return page.Refuse(http.StatusUnprocessableEntity, "mail.folders.name")
	}
	return nil
}

func makeFolder(tx *store.Tx, acct store.AccountID, parent, name string) error {
	if err := level(name); err != nil {
		return err
	}
	if parent != "" {
		above, err := mailbox(tx, acct, parent)
		if err != nil {
			return err
		}
		if _, sends, err := post.Outbox(tx, above); err != nil || sends {
			return errors.Join(err, page.Refuse(http.StatusConflict, "mail.folders.needed", above.Name))
		}
		name = above.Name + "/" + name
	}
	if _, err := tx.CreateMailbox(acct, name, ""); err != nil {
		return err
	}
	return tx.Subscribe(acct, name, true) // or mail programs would not show it
}

func renameFolder(tx *store.Tx, mb *store.Mailbox, name string) error {
	if err := level(name); err != nil {
		return err
	}
	return tx.RenameMailbox(mb.Account, mb.Name, mb.Name[:strings.LastIndexByte(mb.Name, '/')+1]+name)
}

// deleteFolder deletes a folder that is empty: mail goes to Trash first, where
// it can be got back from.
func deleteFolder(tx *store.Tx, mb *store.Mailbox) error {
	if mb.Messages > 0 {
		return page.Refuse(http.StatusConflict, "mail.folders.full", mb.Name)
	}
	all, err := tx.Mailboxes(mb.Account)
	if err != nil {
		return err
	}
	for _, other := range all {
		if strings.HasPrefix(other.Name, mb.Name+"/") {
			return page.Refuse(http.StatusConflict, "mail.folders.parent", mb.Name)
		}
	}
	return tx.DeleteMailbox(mb.Account, mb.Name)
}
