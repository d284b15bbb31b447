package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// RenameMailbox renames a mailbox and those below it, keeping UIDs. INBOX
// can't go away: renaming it moves its messages into a new mailbox and leaves
// INBOX empty and those below it alone (RFC 9051 6.3.6). An INBOX of more than
// a thousand messages gives ErrTooLarge; move it in parts.
func (tx *Tx) RenameMailbox(acct AccountID, from, to string) error {
	from, err := CleanName(from)
	if err != nil {
		return err
	}
	if to, err = CleanName(to); err != nil {
		return err
	}
	if err := tx.admit(); err != nil {
		return err
	}
	if from == "INBOX" {
		return tx.renameInbox(acct, to)
	}
	if strings.HasPrefix(to, from+"/") {
		return fmt.Errorf("%w: %q is inside %q", ErrInvalidName, to, from)
	}
	names, err := tx.family(acct, from)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("mailbox %q: %w", from, ErrNotFound)
	}
	if taken, err := tx.family(acct, to); err != nil {
		return err
	} else if len(taken) > 0 {
		return fmt.Errorf("mailbox %q: %w", to, ErrExists)
	}
	if n, err := tx.countNames(acct); err != nil {
		return err
	} else if n+strings.Count(to, "/") > MaxMailboxes {
		return fmt.Errorf("an account has at most %d mailboxes: %w", MaxMailboxes, ErrTooLarge)
	}
	for i, c := range to {
		if c == '/' {
			if _, err := tx.createOne(acct, to[:i], ""); err != nil && !errors.Is(err, ErrExists) {
				return err
			}
		}
	}
	for _, name := range names {
		clean, err := CleanName(to + name[len(from):])
		if err != nil {
			return err
		}
		if err := tx.renameOne(acct, name, clean); err != nil {
			return err
		}
	}
	return nil
}

// family lists the names of a mailbox, if it exists, and all below it.
func (tx *Tx) family(acct AccountID, name string) ([]string, error) {
	var names []string
	if ok, err := tx.has(key32(keyName, uint32(acct), name)); err != nil {
		return nil, err
	} else if ok {
		names = append(names, name)
	}
	err := tx.scanKeys(key32(keyName, uint32(acct), name+"/"), nil, func(k []byte) (bool, error) {
		names = append(names, string(k[5:]))
		return true, nil
	})
	return names, err
}

func (tx *Tx) renameOne(acct AccountID, from, to string) error {
	id, err := tx.mailboxID(acct, from)
	if err != nil {
		return err
	}
	m, err := tx.open(id)
	if err != nil {
		return err
	}
	if err := tx.del(key32(keyName, uint32(acct), from)); err != nil {
		return err
	}
	if err := tx.set(key32(keyName, uint32(acct), to), binary.BigEndian.AppendUint64(nil, uint64(id))); err != nil {
		return err
	}
	// Mail programs expect the subscription to follow the mailbox.
	if m.Subscribed {
		if err := tx.Subscribe(acct, from, false); err != nil {
			return err
		}
		if err := tx.Subscribe(acct, to, true); err != nil {
			return err
		}
	}
	m.Name, m.dirty = to, true
	m.Subscribed, err = tx.has(key32(keySub, uint32(acct), to))
	tx.touchAccount(acct)
	return err
}

func (tx *Tx) renameInbox(acct AccountID, to string) error {
	inbox, err := tx.MailboxByName(acct, "INBOX")
	if err != nil {
		return err
	}
	dst, err := tx.CreateMailbox(acct, to, "")
	if err != nil {
		return err
	}
	uids, err := tx.UIDs(inbox.ID)
	if err != nil {
		return err
	}
	for uid := range uids.All() {
		if _, err := tx.Move(inbox.ID, uid, dst.ID); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMailbox removes a mailbox and its messages; those below it stay, and
// so does the name on the list of subscriptions. INBOX can't be deleted, nor
// can a mailbox that shows mail waiting to leave (ErrReserved).
func (tx *Tx) DeleteMailbox(acct AccountID, name string) error {
	name, err := CleanName(name)
	if err != nil {
		return fmt.Errorf("mailbox %q: %w", name, ErrNotFound)
	}
	id, err := tx.mailboxID(acct, name)
	if err != nil {
		return err
	}
	if name == "INBOX" {
		return fmt.Errorf("INBOX: %w", ErrReserved)
	}
	if waiting, err := tx.hasQueued(id); err != nil {
		return err
	} else if waiting {
		return fmt.Errorf("mailbox %q holds mail that waits to be sent: %w", name, ErrReserved)
	}
	return tx.doom(id)
}

// doom takes a mailbox out of sight at once. Its entries, which may be a
// hundred thousand, are swept afterwards in parts.
func (tx *Tx) doom(id MailboxID) error {
	m, err := tx.open(id)
	if err != nil {
		return err
	}
	if err := m.writeBlocks(tx); err != nil {
		return err
	}
	if err := tx.addUsage(m.Account, -m.Size, -int64(m.Messages)); err != nil {
		return err
	}
	delete(tx.mailboxes, id)
	if err := tx.del(key32(keyName, uint32(m.Account), m.Name)); err != nil {
		return err
	}
	if err := tx.del(key(keyMailbox, uint64(id))); err != nil {
		return err
	}
	tx.touchAccount(m.Account)
	tx.gone = append(tx.gone, id)
	tx.onCommit(func() { tx.s.sweeper.wake() })
	return tx.set(key(keyDoomed, uint64(id)), mark)
}
