package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckAccountName returns ErrInvalidName, with the reason, unless name can be
// a login name and the local part of an address: 1-64 octets of lower-case
// letters, digits and . _ -, beginning and ending with a letter or digit.
// Letters beyond ASCII are allowed (RFC 6531).
func CheckAccountName(name string) error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: the name %q %s", ErrInvalidName, name, why)
	}
	switch {
	case name == "":
		return refuse("is empty")
	case len(name) > MaxAccountName:
		return refuse(fmt.Sprintf("is longer than %d octets", MaxAccountName))
	case !utf8.ValidString(name):
		return refuse("is not valid UTF-8")
	case strings.ToLower(name) != name:
		return refuse("must be in lower case")
	}
	plain := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if !plain(first) || !plain(last) {
		return refuse("must begin and end with a letter or digit")
	}
	for _, r := range name {
		if !plain(r) && !strings.ContainsRune("._-", r) {
			return refuse(fmt.Sprintf("contains %q; use letters, digits, dot, dash or underscore", r))
		}
	}
	if strings.Contains(name, "..") {
		return refuse("has two dots in a row")
	}
	return nil
}

func (a *Account) check() error {
	if err := CheckAccountName(a.Name); err != nil {
		return err
	}
	switch {
	case len(a.DisplayName) > maxDisplayName:
		return fmt.Errorf("%w: display name is longer than %d octets", ErrInvalidName, maxDisplayName)
	case len(a.AppPasswords) > maxAppPasswords:
		return fmt.Errorf("an account has at most %d app passwords: %w", maxAppPasswords, ErrTooLarge)
	case a.Quota < 0:
		return fmt.Errorf("%w: quota is negative", ErrInvalidName)
	}
	return nil
}

// CreateAccount makes an account with its first mailboxes, all subscribed, and
// fills in a.ID. It returns ErrExists or ErrInvalidName.
func (tx *Tx) CreateAccount(a *Account) error {
	if err := a.check(); err != nil {
		return err
	}
	if err := tx.admit(); err != nil {
		return err
	}
	nk := keyText(keyLogin, a.Name)
	if ok, err := tx.has(nk); err != nil {
		return err
	} else if ok {
		return fmt.Errorf("account %q: %w", a.Name, ErrExists)
	}
	id, err := tx.next("account")
	if err != nil {
		return err
	}
	a.ID = AccountID(id)
	if err := tx.set(nk, binary.BigEndian.AppendUint64(nil, id)); err != nil {
		return err
	}
	if err := tx.setRecord(key(keyAccount, id), a); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		role Role
	}{
		{"INBOX", RoleInbox}, {"Drafts", RoleDrafts}, {"Sent", RoleSent},
		{"Trash", RoleTrash}, {"Junk", RoleJunk}, {"Archive", RoleArchive},
	} {
		if _, err := tx.createOne(a.ID, m.name, m.role); err != nil {
			return err
		}
		if err := tx.Subscribe(a.ID, m.name, true); err != nil {
			return err
		}
	}
	return nil
}

// Account returns an account.
func (tx *Tx) Account(id AccountID) (*Account, error) {
	a := new(Account)
	if err := tx.getRecord(key(keyAccount, uint64(id)), a); err != nil {
		return nil, fmt.Errorf("account %d: %w", id, err)
	}
	return a, nil
}

// AccountByName returns the account with that login name, in any case.
func (tx *Tx) AccountByName(name string) (*Account, error) {
	name = strings.ToLower(name)
	v, err := tx.get(keyText(keyLogin, name))
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", name, err)
	}
	return tx.Account(AccountID(binary.BigEndian.Uint64(v)))
}

// Accounts returns all accounts, oldest first.
func (tx *Tx) Accounts() ([]*Account, error) {
	keys, err := tx.collectKeys([]byte{keyAccount}, 0)
	if err != nil {
		return nil, err
	}
	all := make([]*Account, len(keys))
	for i, k := range keys {
		if all[i], err = tx.Account(AccountID(binary.BigEndian.Uint64(k[1:]))); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// PutAccount replaces an account's record, which may change its name.
func (tx *Tx) PutAccount(a *Account) error {
	if err := a.check(); err != nil {
		return err
	}
	old, err := tx.Account(a.ID)
	if err != nil {
		return err
	}
	if old.Name != a.Name {
		if ok, err := tx.has(keyText(keyLogin, a.Name)); err != nil {
			return err
		} else if ok {
			return fmt.Errorf("account %q: %w", a.Name, ErrExists)
		}
		if err := tx.del(keyText(keyLogin, old.Name)); err != nil {
			return err
		}
		if err := tx.set(keyText(keyLogin, a.Name), binary.BigEndian.AppendUint64(nil, uint64(a.ID))); err != nil {
			return err
		}
	}
	tx.touchAccount(a.ID)
	return tx.setRecord(key(keyAccount, uint64(a.ID)), a)
}

// AccountValue is the name for [Tx.Value] of a record of an account's own,
// which goes with the account.
func AccountValue(id AccountID, name string) string {
	return fmt.Sprintf("account/%d/%s", id, name)
}

// RemoveAccount removes an account with all its mail, also what waits to leave,
// and its own records.
func (tx *Tx) RemoveAccount(id AccountID) error {
	a, err := tx.Account(id)
	if err != nil {
		return err
	}
	if err := tx.dropQueue(id); err != nil {
		return err
	}
	boxes, err := tx.Mailboxes(id)
	if err != nil {
		return err
	}
	for _, m := range boxes {
		if err := tx.doom(m.ID); err != nil {
			return err
		}
	}
	subs, err := tx.collectKeys(key32(keySub, uint32(id), ""), 0)
	if err != nil {
		return err
	}
	values, err := tx.collectKeys(keyText(keyValue, AccountValue(id, "")), 0)
	if err != nil {
		return err
	}
	delete(tx.usage, id)
	for _, k := range append(append(subs, values...), keyText(keyLogin, a.Name), key(keyAccount, uint64(id)), key(keyUsage, uint64(id))) {
		if err := tx.del(k); err != nil {
			return err
		}
	}
	tx.touchAccount(id)
	return nil
}

// Usage returns what the account's mailboxes hold.
func (tx *Tx) Usage(id AccountID) (Usage, error) {
	if u := tx.usage[id]; u != nil {
		return *u, nil
	}
	v, err := tx.get(key(keyUsage, uint64(id)))
	if errors.Is(err, ErrNotFound) {
		return Usage{}, nil
	}
	if err != nil {
		return Usage{}, err
	}
	bytes, n := binary.Varint(v)
	messages, m := binary.Varint(v[max(n, 0):])
	if n <= 0 || m <= 0 {
		return Usage{}, fmt.Errorf("usage of account %d: %w", id, ErrCorrupt)
	}
	return Usage{Bytes: bytes, Messages: messages}, nil
}

func (tx *Tx) addUsage(id AccountID, bytes, messages int64) error {
	u := tx.usage[id]
	if u == nil {
		now, err := tx.Usage(id)
		if err != nil {
			return err
		}
		u = &now
		tx.usage[id] = u
	}
	u.Bytes += bytes
	u.Messages += messages
	return nil
}

func (tx *Tx) setUsage(id AccountID, u Usage) error {
	return tx.set(key(keyUsage, uint64(id)), binary.AppendVarint(binary.AppendVarint(nil, u.Bytes), u.Messages))
}

// Alias returns the alias of that address, in any case.
func (tx *Tx) Alias(address string) (*Alias, error) {
	a := new(Alias)
	address = strings.ToLower(address)
	if err := tx.getRecord(keyText(keyAlias, address), a); err != nil {
		return nil, fmt.Errorf("alias %q: %w", address, err)
	}
	return a, nil
}

// PutAlias makes or replaces an alias. It returns ErrInvalidName for an
// address that can't be one and for an empty or too long list of targets.
func (tx *Tx) PutAlias(a *Alias) error {
	address := strings.ToLower(a.Address)
	local, domain, full := strings.Cut(address, "@")
	if err := CheckAccountName(local); err != nil {
		return err
	}
	if full && (domain == "" || len(domain) > 255 || strings.ContainsAny(domain, " @<>\r\n\x00")) {
		return fmt.Errorf("%w: %q has no proper domain", ErrInvalidName, a.Address)
	}
	if len(a.Targets) == 0 || len(a.Targets) > maxAliasTargets {
		return fmt.Errorf("%w: an alias stands for 1 to %d addresses", ErrInvalidName, maxAliasTargets)
	}
	if err := tx.admit(); err != nil {
		return err
	}
	tx.settings = true
	return tx.setRecord(keyText(keyAlias, address), Alias{Address: address, Targets: a.Targets})
}

// RemoveAlias removes an alias.
func (tx *Tx) RemoveAlias(address string) error {
	k := keyText(keyAlias, strings.ToLower(address))
	if ok, err := tx.has(k); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("alias %q: %w", address, ErrNotFound)
	}
	tx.settings = true
	return tx.del(k)
}

// Aliases returns all aliases, by address.
func (tx *Tx) Aliases() ([]*Alias, error) {
	keys, err := tx.collectKeys([]byte{keyAlias}, 0)
	if err != nil {
		return nil, err
	}
	all := make([]*Alias, len(keys))
	for i, k := range keys {
		if all[i], err = tx.Alias(string(k[1:])); err != nil {
			return nil, err
		}
	}
	return all, nil
}
