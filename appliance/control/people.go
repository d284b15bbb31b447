package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"posthorn/store"
)

// ErrLastOwner says that a change would leave the box without an owner who can
// log in.
var ErrLastOwner = errors.New("the box needs an owner who can log in; make another person an owner first")

// handOverBatch is how many messages one update of a handover copies.
const handOverBatch = 200

// AccountChange is what is to be different about an account; nil fields stay
// as they are.
type AccountChange struct {
	DisplayName *string `json:"display_name,omitempty"`
	Owner       *bool   `json:"owner,omitempty"`    // may change the box's settings
	Disabled    *bool   `json:"disabled,omitempty"` // can't log in; mail still arrives
}

// ChangeAccount changes an account. Errors: [store.ErrNotFound],
// [ErrLastOwner], [store.ErrInvalidName].
func (b *Box) ChangeAccount(name string, c AccountChange) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		if c.DisplayName != nil {
			if err := checkDisplayName(*c.DisplayName); err != nil {
				return err
			}
			a.DisplayName = *c.DisplayName
		}
		if c.Owner != nil {
			a.Owner = *c.Owner
		}
		if c.Disabled != nil {
			a.Disabled = *c.Disabled
		}
		if err := tx.PutAccount(a); err != nil {
			return err
		}
		return ownerLeft(tx)
	})
	if err == nil {
		b.log().Info("account changed", "account", a.Name, "owner", said(c.Owner), "disabled", said(c.Disabled))
	}
	return err
}

// checkDisplayName refuses a name that can't be shown, or stand in a header of
// mail, with ErrInvalidName.
func checkDisplayName(name string) error {
	if !plainText(name, maxHousehold) {
		return fmt.Errorf("%w: the name shown has at most %d characters, without any at its ends that can't be seen", store.ErrInvalidName, maxHousehold)
	}
	return nil
}

// said is what a change says of a property, for the log.
func said(v *bool) string {
	if v == nil {
		return "unchanged"
	}
	return yesNo(*v)
}

// ownerLeft is ErrLastOwner if there are people and none of them can change
// the box's settings.
func ownerLeft(tx *store.Tx) error {
	all, err := tx.Accounts()
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Owner && !a.Disabled {
			return nil
		}
	}
	if len(all) == 0 {
		return nil
	}
	return ErrLastOwner
}

// RemoveAccount removes an account and all its mail. With heir, the name of
// another account, its mail is first copied there, into mailboxes below one
// with the account's name, and what is written to its address goes to the heir
// from then on. Errors: [store.ErrNotFound], [ErrLastOwner], and
// [store.ErrQuota] if the heir has not enough room; the account is there then
// as it was, and what was copied, too.
func (b *Box) RemoveAccount(ctx context.Context, name, heir string) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	if heir != "" {
		to, err := b.account(heir)
		if err != nil {
			return err
		}
		if to.ID == a.ID {
			return fmt.Errorf("%w: %s can't inherit from themselves", ErrUsage, a.Name)
		}
		heir = to.Name
		// Nothing is copied that would be lost again at once.
		if err := b.mayRemove(a.ID); err != nil {
			return err
		}
		if err := b.handOver(ctx, a, to); err != nil {
			return fmt.Errorf("hand the mail of %s over to %s: %w", a.Name, to.Name, err)
		}
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		if err := tx.RemoveAccount(a.ID); err != nil {
			return err
		}
		if heir != "" {
			if err := tx.PutAlias(&store.Alias{Address: a.Name, Targets: []string{heir}}); err != nil {
				return err
			}
		}
		return errors.Join(ownerLeft(tx), forgetCatchAll(tx, a.Name, heir))
	})
	if err == nil {
		b.log().Info("account removed", "account", a.Name, "heir", heir)
	}
	return err
}

// mayRemove is ErrLastOwner if the account is the last owner's and not the last.
func (b *Box) mayRemove(id store.AccountID) error {
	return b.Store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.ID != id && a.Owner && !a.Disabled {
				return nil
			}
		}
		return ErrLastOwner
	})
}

// forgetCatchAll has the heir, or nobody, take the mail for unknown addresses
// that a removed account took.
func forgetCatchAll(tx *store.Tx, name, heir string) error {
	set, err := tx.Settings()
	if err != nil || set.CatchAll != name {
		return err
	}
	set.CatchAll = heir
	return tx.PutSettings(set)
}

// handOver copies all mail of one account into mailboxes of another.
func (b *Box) handOver(ctx context.Context, from, to *store.Account) error {
	list, err := b.mailboxes(from.Name, "")
	if err != nil {
		return err
	}
	for _, mb := range list {
		if mb.Role == store.RoleOutbox || mb.Messages == 0 {
			continue
		}
		target, err := b.heirMailbox(to.ID, from.Name+"/"+inheritedName(mb.Name))
		if err != nil {
			return err
		}
		for next := uint32(1); next != 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if next, err = b.copySome(mb.ID, target, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// inheritedName is what a mailbox is called below the account's name: INBOX
// is a word for itself only at the top.
func inheritedName(name string) string {
	if name == "INBOX" {
		return "Inbox"
	}
	return strings.TrimPrefix(name, "INBOX/")
}

// heirMailbox finds or makes a mailbox.
func (b *Box) heirMailbox(account store.AccountID, name string) (id store.MailboxID, err error) {
	err = b.Store.Update(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(account, name)
		if errors.Is(err, store.ErrNotFound) {
			if mb, err = tx.CreateMailbox(account, name, ""); err == nil {
				err = tx.Subscribe(account, name, true)
			}
		}
		if err != nil {
			return err
		}
		id = mb.ID
		return nil
	})
	return id, err
}

// copySome copies messages from a UID on and returns where to go on, or 0.
func (b *Box) copySome(from, to store.MailboxID, first uint32) (next uint32, err error) {
	err = b.Store.Update(func(tx *store.Tx) error {
		next = 0
		var uids []uint32
		for e, err := range tx.Entries(from, first, 0) {
			if err != nil {
				return err
			}
			if len(uids) == handOverBatch {
				next = e.UID
				break
			}
			uids = append(uids, e.UID)
		}
		for _, uid := range uids {
			if _, err := tx.Copy(from, uid, to); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

// peopleRoutes are the routes of changes to accounts.
func (b *Box) peopleRoutes(route func(string, func(*http.Request) (any, error))) {
	route("PATCH /accounts/{name}", func(r *http.Request) (any, error) {
		c, err := read[AccountChange](r)
		if err != nil {
			return nil, err
		}
		return nil, b.ChangeAccount(r.PathValue("name"), c)
	})
	route("DELETE /accounts/{name}", func(r *http.Request) (any, error) {
		return nil, b.RemoveAccount(r.Context(), r.PathValue("name"), r.FormValue("heir"))
	})
}

// ChangeAccount changes an account.
func (c *Client) ChangeAccount(ctx context.Context, name string, change AccountChange) error {
	return c.call(ctx, "PATCH", account(name), change, nil)
}

// RemoveAccount removes an account and all its mail, after copying that to the
// account heir unless it is "".
func (c *Client) RemoveAccount(ctx context.Context, name, heir string) error {
	path := account(name)
	if heir != "" {
		path += "?" + url.Values{"heir": {heir}}.Encode()
	}
	return c.call(ctx, "DELETE", path, nil, nil)
}
