package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"posthorn/appliance/login"
	"posthorn/store"
)

// Accounts lists the accounts in the order in which they were made.
func (b *Box) Accounts() ([]Account, error) {
	list := []Account{}
	err := b.Store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			list = append(list, Account{Name: a.Name, DisplayName: a.DisplayName, Owner: a.Owner,
				Disabled: a.Disabled, Quota: a.Quota, Bytes: u.Bytes, Messages: u.Messages,
				AppPasswords: len(a.AppPasswords), Created: a.Created})
		}
		return nil
	})
	return list, err
}

// ErrSetUp says that the box has an owner already, who lets others in.
var ErrSetUp = errors.New("the box has been set up already")

// AddAccount makes an account. The first one is the owner's. Errors:
// [store.ErrExists], [store.ErrInvalidName], [*login.PasswordError].
func (b *Box) AddAccount(n NewAccount) error {
	_, err := b.addAccount(n, nothing, nothing)
	return err
}

// AddOwner makes the first account of a box and returns it. Errors: those of
// AddAccount, and [ErrSetUp] if there is an account.
func (b *Box) AddOwner(n NewAccount) (*store.Account, error) {
	return b.addAccount(n, func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err == nil && len(all) > 0 {
			err = ErrSetUp
		}
		return err
	}, nothing)
}

// nothing stands where nothing else is to be asked or done.
func nothing(*store.Tx) error { return nil }

// addAccount makes an account in the update in which may agrees to it, and
// does what else belongs to that.
func (b *Box) addAccount(n NewAccount, may, also func(*store.Tx) error) (*store.Account, error) {
	if n.Quota < 0 {
		return nil, fmt.Errorf("%w: a quota can't be negative", ErrUsage)
	}
	name := strings.ToLower(n.Name)
	if err := errors.Join(store.CheckAccountName(name), checkDisplayName(n.DisplayName)); err != nil {
		return nil, err
	}
	// Whoever is not let in costs no hash; asked again below, as it counts.
	if err := b.Store.View(may); err != nil {
		return nil, err
	}
	hash, err := login.HashPassword(n.Password)
	if err != nil {
		return nil, err
	}
	var a *store.Account
	err = b.Store.Update(func(tx *store.Tx) error {
		if err := may(tx); err != nil {
			return err
		}
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		a = &store.Account{Name: name, DisplayName: n.DisplayName, Password: hash, Quota: n.Quota, Owner: len(all) == 0,
			TimeZone: n.TimeZone, Language: n.Language, Created: time.Now().UTC().Truncate(time.Second)}
		if err := tx.CreateAccount(a); err != nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return nil, err
	}
	b.log().Info("account added", "account", name, "owner", a.Owner)
	return a, nil
}

// SetPassword gives an account a new password; app passwords stay.
func (b *Box) SetPassword(ctx context.Context, name, password string) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	err = b.Keeper.SetPassword(ctx, a.ID, password)
	if err == nil {
		b.log().Info("password changed", "account", a.Name)
	}
	return err
}

// SetQuota limits an account's mail to so many octets; 0 lifts the limit.
func (b *Box) SetQuota(name string, quota int64) error {
	if quota < 0 {
		return fmt.Errorf("%w: a quota can't be negative", ErrUsage)
	}
	a, err := b.account(name)
	if err != nil {
		return err
	}
	return b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		a.Quota = quota
		return tx.PutAccount(a)
	})
}

// SetUndo sets how long an account's mail to others waits to be called back:
// 0 to store.MaxUndo.
func (b *Box) SetUndo(name string, undo time.Duration) error {
	if undo < 0 || undo > store.MaxUndo {
		return fmt.Errorf("%w: mail can be called back for 0s to %v, not %v", ErrUsage, store.MaxUndo, undo)
	}
	if undo == 0 {
		undo = -1 // 0 stands for the default
	}
	a, err := b.account(name)
	if err != nil {
		return err
	}
	return b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		a.Undo = undo
		return tx.PutAccount(a)
	})
}

// AppPasswords lists the passwords of an account's devices.
func (b *Box) AppPasswords(name string) ([]AppPassword, error) {
	a, err := b.account(name)
	if err != nil {
		return nil, err
	}
	list := []AppPassword{}
	for _, p := range a.AppPasswords {
		list = append(list, told(p))
	}
	return list, nil
}

// AddAppPassword makes a password for one device. Its secret is in the answer
// and nowhere else.
func (b *Box) AddAppPassword(name, label string) (AppPassword, error) {
	a, err := b.account(name)
	if err != nil {
		return AppPassword{}, err
	}
	secret, p, err := b.Keeper.AddAppPassword(a.ID, label)
	if err != nil {
		return AppPassword{}, err
	}
	b.log().Info("app password added", "account", a.Name, "label", label)
	out := told(p)
	out.Secret = secret
	return out, nil
}

// RevokeAppPassword removes a device's password, named by label or ID.
func (b *Box) RevokeAppPassword(name, which string) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	err = b.Keeper.RevokeAppPassword(a.ID, which)
	if err == nil {
		b.log().Info("app password revoked", "account", a.Name, "which", which)
	}
	return err
}

func told(p store.AppPassword) AppPassword {
	return AppPassword{ID: p.ID, Label: p.Label, Created: p.Created, LastUsed: p.LastUsed}
}

// account finds an account by its name, in any case.
func (b *Box) account(name string) (*store.Account, error) {
	var a *store.Account
	err := b.Store.View(func(tx *store.Tx) error {
		var err error
		a, err = tx.AccountByName(strings.ToLower(name))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("account %q: %w; posthorn account list shows those there are", name, store.ErrNotFound)
	}
	return a, err
}

// Aliases lists the aliases by address.
func (b *Box) Aliases() ([]Alias, error) {
	list := []Alias{}
	err := b.Store.View(func(tx *store.Tx) error {
		all, err := tx.Aliases()
		for _, a := range all {
			list = append(list, Alias(*a))
		}
		return err
	})
	return list, err
}

// PutAlias makes an alias or replaces its targets. Errors:
// [store.ErrInvalidName], [post.ErrSetting] for one that leads to nobody.
func (b *Box) PutAlias(a Alias) error {
	address := strings.ToLower(a.Address)
	err := b.Store.Update(func(tx *store.Tx) error {
		if err := tx.PutAlias(&store.Alias{Address: address, Targets: a.Targets}); err != nil {
			return err
		}
		return b.office().CheckAlias(tx, address)
	})
	if err == nil {
		b.log().Info("alias set", "address", address, "targets", a.Targets)
	}
	return err
}

// RemoveAlias removes an alias. Errors: [store.ErrNotFound].
func (b *Box) RemoveAlias(address string) error {
	address = strings.ToLower(address)
	err := b.Store.Update(func(tx *store.Tx) error {
		if _, err := tx.Alias(address); err != nil {
			return err
		}
		return tx.RemoveAlias(address)
	})
	if err == nil {
		b.log().Info("alias removed", "address", address)
	}
	return err
}
