package imapd

import (
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"

	"posthorn/store"
)

// The commands that change the list of mailboxes.

// Create makes a mailbox, with the special use of RFC 6154 if one is named.
func (s *session) Create(name string, options *imap.CreateOptions) error {
	role := store.Role("")
	for _, attr := range options.SpecialUse {
		r := roleOf(attr)
		if r == "" || role != "" {
			return refused("USEATTR", "a mailbox can have one of the uses \\Drafts, \\Sent, \\Trash, \\Junk and \\Archive")
		}
		role = r
	}
	// A delimiter at the end says that mailboxes below it will follow; no
	// preparation is needed for that (RFC 9051 section 6.3.4).
	name = strings.TrimSuffix(name, "/")
	return s.answer("create mailbox", s.server.Store.Update(func(tx *store.Tx) error {
		if role != "" {
			if has, err := tx.MailboxByRole(s.account, role); err == nil {
				return refused("USEATTR", "%s is used for that already", printable(has.Name, 100))
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		_, err := tx.CreateMailbox(s.account, name, role)
		return err
	}))
}

// Delete removes a mailbox and its mail. The mailboxes below it stay.
func (s *session) Delete(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var deleted store.MailboxID
	err := s.server.Store.Update(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(s.account, name)
		if err != nil {
			return err
		}
		deleted = mb.ID
		return tx.DeleteMailbox(s.account, name)
	})
	if err == nil && s.selected != nil && s.selected.mailbox == deleted {
		s.selected = nil // by this client's own wish: no reason to cut it off
	}
	return s.answer("delete mailbox", err)
}

// Rename renames a mailbox with those below it. INBOX itself stays, and gives
// its mail away (RFC 9051 section 6.3.6).
func (s *session) Rename(name, newName string, _ *imap.RenameOptions) error {
	newName = strings.TrimSuffix(newName, "/")
	if strings.EqualFold(name, "INBOX") {
		return s.answer("rename mailbox", s.renameInbox(newName))
	}
	return s.answer("rename mailbox", s.server.Store.Update(func(tx *store.Tx) error {
		return tx.RenameMailbox(s.account, name, newName)
	}))
}

// renameInbox moves what is in INBOX to a new mailbox, in batches like any move.
func (s *session) renameInbox(newName string) error {
	var inbox, to store.MailboxID
	var uids *store.UIDSet
	err := s.server.Store.Update(func(tx *store.Tx) error {
		from, err := tx.MailboxByName(s.account, "INBOX")
		if err != nil {
			return err
		}
		created, err := tx.CreateMailbox(s.account, newName, "")
		if err != nil {
			return err
		}
		inbox, to = from.ID, created.ID
		uids, err = tx.UIDs(inbox)
		return err
	})
	if err != nil {
		return err
	}
	for batch := range batches(uids, updateBatch) {
		err := s.server.Store.Update(func(tx *store.Tx) error {
			for _, u := range batch {
				if _, err := tx.Move(inbox, u, to); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Subscribe adds a name to the list of LSUB. It need not exist.
func (s *session) Subscribe(name string) error { return s.subscribe(name, true) }

// Unsubscribe takes it off the list.
func (s *session) Unsubscribe(name string) error { return s.subscribe(name, false) }

func (s *session) subscribe(name string, on bool) error {
	return s.answer("subscribe", s.server.Store.Update(func(tx *store.Tx) error {
		return tx.Subscribe(s.account, name, on)
	}))
}

// roleOf and attrOf translate special uses.
func roleOf(attr imap.MailboxAttr) store.Role {
	switch attr {
	case imap.MailboxAttrDrafts:
		return store.RoleDrafts
	case imap.MailboxAttrSent:
		return store.RoleSent
	case imap.MailboxAttrTrash:
		return store.RoleTrash
	case imap.MailboxAttrJunk:
		return store.RoleJunk
	case imap.MailboxAttrArchive:
		return store.RoleArchive
	}
	return ""
}

func attrOf(role store.Role) imap.MailboxAttr {
	switch role {
	case store.RoleDrafts:
		return imap.MailboxAttrDrafts
	case store.RoleSent:
		return imap.MailboxAttrSent
	case store.RoleTrash:
		return imap.MailboxAttrTrash
	case store.RoleJunk:
		return imap.MailboxAttrJunk
	case store.RoleArchive:
		return imap.MailboxAttrArchive
	}
	return ""
}
