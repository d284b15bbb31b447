package post

import (
	"errors"

	"posthorn/appliance/message"
	"posthorn/appliance/rules"
	"posthorn/store"
)

// sorter applies the rules of those who get a message.
type sorter struct {
	d    *directory
	id   store.MessageID
	info *message.Info // read when the first account has rules
}

// sort says which mailbox a message goes to that would go to mb, and with which
// flags. Rules that can't be read hold up no mail.
func (s *sorter) sort(account store.AccountID, mb store.MailboxID) (store.MailboxID, store.Flags, error) {
	list, err := rules.Of(s.d.tx, account)
	if errors.Is(err, store.ErrCorrupt) || err == nil && len(list) == 0 {
		return mb, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if s.info == nil {
		m, err := s.d.tx.Message(s.id)
		if err != nil {
			return 0, 0, err
		}
		if s.info, err = message.Unmarshal(m.Meta); err != nil {
			s.info = new(message.Info)
		}
	}
	v := list.Decide(s.info)
	mb, err = v.Target(s.d.tx, account, mb)
	return mb, v.Flags, err
}
