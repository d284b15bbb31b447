package post

import (
	"errors"

	"posthorn/appliance/rules"
	"posthorn/store"
)

// sort says which mailbox a message goes to that would go to mb, and with which
// flags, as the account's rules say, and passes copies on that they ask for.
// Rules that can't be read hold up no mail.
func (d *directory) sort(a *arrival, account store.AccountID, mb store.MailboxID) (store.MailboxID, store.Flags, error) {
	list, err := rules.Of(d.tx, account)
	if errors.Is(err, store.ErrCorrupt) || err == nil && len(list) == 0 {
		return mb, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	info, err := d.read(a)
	if err != nil {
		return 0, 0, err
	}
	v := list.Decide(info)
	if err := d.passOn(a, account, v.Forward); err != nil {
		return 0, 0, err
	}
	mb, err = v.Target(d.tx, account, mb)
	return mb, v.Flags, err
}
