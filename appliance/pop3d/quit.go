package pop3d

import (
	"context"
	"errors"
	"slices"
	"time"

	"posthorn/appliance/post"
	"posthorn/store"
)

// Fetched is the keyword of messages that a POP3 client has taken whole. It
// tells those who look later, such as a sender who wants a message back, that
// the recipient has it.
const Fetched = post.Fetched

// maxUpdate is how many messages one transaction of QUIT changes.
const maxUpdate = 500

// cmdQuit is QUIT: the UPDATE state (RFC 1939 section 6), in which messages
// marked by DELE are removed. Up to 500 changed messages are one transaction:
// all of it happened, or nothing. More are done in such parts, oldest first;
// when one fails the client is told and the messages not yet removed are
// there in the next session.
func (x *session) cmdQuit(context.Context, []string) {
	x.over = true
	if x.drop == nil {
		x.conn.ok("goodbye")
		return
	}
	x.drop.updated = true
	if err := x.update(fetched | deleted); err != nil {
		x.log.Error("pop3 messages not removed", "removed", x.drop.removed, "error", err)
		x.conn.fail("[SYS/TEMP] some deleted messages not removed: %s", reason(err))
		return
	}
	x.conn.ok("goodbye, %d messages deleted", x.drop.removed)
}

// reason says in a few words why the store refused.
func reason(err error) string {
	if errors.Is(err, store.ErrFull) {
		return "the disk is full"
	}
	return "they cannot be changed now"
}

// noteFetched records what was sent in a session that ends without QUIT.
// Nothing is deleted then, but the client has the messages all the same.
func (x *session) noteFetched() {
	if err := x.update(fetched); err != nil {
		x.log.Warn("pop3 fetched messages not recorded", "error", err)
	}
}

// update carries out the marks asked for, in parts of maxUpdate.
func (x *session) update(which marks) error {
	var todo []item
	for _, it := range x.drop.items {
		if it.marks &= which; it.marks != 0 {
			todo = append(todo, it)
		}
	}
	for part := range slices.Chunk(todo, maxUpdate) {
		removed := 0
		err := x.server.Store.Update(func(tx *store.Tx) error {
			var err error
			removed, err = x.apply(tx, part)
			return err
		})
		if err != nil {
			return err
		}
		x.drop.removed += removed
	}
	return nil
}

// apply changes the messages of one part and counts those removed. Messages
// that another program removed meanwhile are done already.
func (x *session) apply(tx *store.Tx, part []item) (removed int, err error) {
	settings, err := tx.Settings()
	if err != nil {
		return 0, err
	}
	days := settings.POP3RescueDays
	var trash store.MailboxID
	if days > 0 {
		if trash, err = x.trash(tx); err != nil {
			return 0, err
		}
	}
	for _, it := range part {
		e, err := tx.Entry(x.drop.mailbox, it.uid)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if it.marks&fetched != 0 {
			if err := keyword(tx, x.drop.mailbox, e); err != nil {
				return 0, err
			}
		}
		if it.marks&deleted == 0 {
			continue
		}
		if err := remove(tx, x.drop.mailbox, it.uid, trash, days); err != nil {
			return 0, err
		}
		removed++
	}
	return removed, nil
}

// keyword marks the message as fetched. One that has no room for another
// keyword goes without.
func keyword(tx *store.Tx, mb store.MailboxID, e store.Entry) error {
	if slices.Contains(e.Keywords, Fetched) || len(e.Keywords) >= store.MaxKeywords {
		return nil
	}
	_, err := tx.SetFlags(mb, e.UID, e.Flags, append(slices.Clone(e.Keywords), Fetched))
	return err
}

// remove takes the message out of the INBOX: into the trash for so many
// days, keeping flags and INTERNALDATE, or away at once when days is 0.
func remove(tx *store.Tx, mb store.MailboxID, uid uint32, trash store.MailboxID, days int) error {
	if days <= 0 {
		return tx.Expunge(mb, uid)
	}
	moved, err := tx.Move(mb, uid, trash)
	if err != nil {
		return err
	}
	return tx.SetExpiry(trash, moved.UID, time.Now().AddDate(0, 0, days))
}

// trash finds the account's trash, or makes one where it was removed.
func (x *session) trash(tx *store.Tx) (store.MailboxID, error) {
	account := x.who.Account.ID
	mb, err := tx.MailboxByRole(account, store.RoleTrash)
	if err == nil {
		return mb.ID, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	mb, err = tx.MailboxByName(account, "Trash")
	if errors.Is(err, store.ErrNotFound) {
		mb, err = tx.CreateMailbox(account, "Trash", store.RoleTrash)
	}
	if err != nil {
		return 0, err
	}
	return mb.ID, nil
}
