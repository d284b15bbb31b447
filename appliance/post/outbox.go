package post

import (
	"errors"
	"fmt"
	"strings"

	"posthorn/store"
)

// OutboxName is the mailbox that shows its owner the mail that waits to leave.
const OutboxName = "Outbox"

// ReadyTimes are the mailboxes below Outbox that every account gets: putting a
// draft into one schedules it. An owner can add more; see [SendTime].
var ReadyTimes = [...]string{"In 1 hour", "Tonight 20:00", "Tomorrow 08:00", "Monday 08:00"}

// WithdrawName is the mailbox below Outbox into which a sent message is moved
// to be withdrawn ([Office.Withdraw]).
const WithdrawName = "Withdraw"

// Furnish gives every account its Outbox with the ready-made mailboxes, once
// mail can leave the box; who sends before that gets them then. Mailboxes that
// a person has deleted since are not made again.
func (o *Office) Furnish() error {
	var missing []store.AccountID
	err := o.Store.View(func(tx *store.Tx) error {
		missing = nil
		set, err := tx.Settings()
		if err != nil || set.Sending == store.SendNone {
			return err
		}
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			if _, err := tx.MailboxByRole(a.ID, store.RoleOutbox); errors.Is(err, store.ErrNotFound) {
				missing = append(missing, a.ID)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	return o.Store.Update(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		for _, id := range missing {
			if _, err := d.outbox(id); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// OutboxOf returns an account's Outbox, which is made if absent.
func (o *Office) OutboxOf(tx *store.Tx, account store.AccountID) (store.MailboxID, error) {
	d, err := o.directory(tx)
	if err != nil {
		return 0, err
	}
	return d.outbox(account)
}

// outbox returns an account's Outbox, which is made if absent.
func (d *directory) outbox(account store.AccountID) (store.MailboxID, error) {
	mb, err := d.tx.MailboxByRole(account, store.RoleOutbox)
	if err == nil {
		return mb.ID, nil
	}
	if !isNotFound(err) {
		return 0, err
	}
	mb, err = d.tx.MailboxByName(account, OutboxName)
	switch {
	case isNotFound(err):
		mb, err = d.tx.CreateMailbox(account, OutboxName, store.RoleOutbox)
	case err == nil:
		err = d.tx.SetRole(mb.ID, store.RoleOutbox)
	}
	if err != nil {
		return 0, fmt.Errorf("make mailbox %s: %w", OutboxName, err)
	}
	if err := d.tx.Subscribe(account, OutboxName, true); err != nil {
		return 0, err
	}
	for _, name := range append(ReadyTimes[:], WithdrawName) {
		name = OutboxName + "/" + name
		if _, err := d.tx.CreateMailbox(account, name, ""); err != nil && !errors.Is(err, store.ErrExists) {
			return 0, fmt.Errorf("make mailbox %s: %w", name, err)
		}
		if err := d.tx.Subscribe(account, name, true); err != nil {
			return 0, err
		}
	}
	return mb.ID, nil
}

// Outbox says whether messages put into a mailbox are to be sent, and when:
// when is "" for Outbox itself, and the rest of the name for those below, of
// which WithdrawName is no time.
func Outbox(tx *store.Tx, mb *store.Mailbox) (when string, sends bool, err error) {
	if mb.Role == store.RoleOutbox {
		return "", true, nil
	}
	if !strings.Contains(mb.Name, "/") {
		return "", false, nil
	}
	out, err := tx.MailboxByRole(mb.Account, store.RoleOutbox)
	if isNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	when, sends = strings.CutPrefix(mb.Name, out.Name+"/")
	return when, sends, nil
}
