package rules

import (
	"context"
	"errors"

	"posthorn/appliance/message"
	"posthorn/store"
)

// MaxApplied is how many messages Apply looks at, the newest ones: they are
// what a person sees in the INBOX, and a slow board is done in a minute.
const MaxApplied = 10000

// applyBatch is how many messages are changed in one update: small enough not
// to hold up mail that comes in.
const applyBatch = 50

// Apply does to the messages in an account's INBOX what its rules say, and
// returns how many it moved or marked. A message keeps the marks it has; no
// copies are sent of it. When ctx ends it stops; what was done stays done.
func Apply(ctx context.Context, s *store.Store, account store.AccountID) (changed int, err error) {
	var list List
	var inbox *store.Mailbox
	var uids []uint32
	err = s.View(func(tx *store.Tx) error {
		if list, err = Of(tx, account); err != nil {
			return err
		}
		if inbox, err = tx.MailboxByName(account, "INBOX"); err != nil {
			return err
		}
		all, err := tx.UIDs(inbox.ID)
		if err != nil {
			return err
		}
		uids = uids[:0]
		for n := all.Len(); n > 0 && len(uids) < MaxApplied; n-- {
			uids = append(uids, all.At(n))
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for len(uids) > 0 && ctx.Err() == nil {
		batch := uids[:min(len(uids), applyBatch)]
		uids = uids[len(batch):]
		n, err := list.applyTo(s, inbox, batch)
		changed += n
		if err != nil {
			return changed, err
		}
	}
	return changed, ctx.Err()
}

// applyTo is Apply for a few messages. Those that change are found without
// writing: an update would be synced to the card though nothing changed.
func (l List) applyTo(s *store.Store, inbox *store.Mailbox, uids []uint32) (changed int, err error) {
	verdicts := make(map[uint32]Verdict)
	err = s.View(func(tx *store.Tx) error {
		clear(verdicts)
		for _, uid := range uids {
			v, err := l.decideStored(tx, inbox.ID, uid)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
				continue
			}
			if err != nil {
				return err
			}
			if !v.nothing() {
				verdicts[uid] = v
			}
		}
		return nil
	})
	if err != nil || len(verdicts) == 0 {
		return 0, err
	}
	err = s.Update(func(tx *store.Tx) error {
		changed = 0
		for _, uid := range uids {
			v, ok := verdicts[uid]
			if !ok {
				continue
			}
			did, err := v.apply(tx, inbox, uid)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if did {
				changed++
			}
		}
		return nil
	})
	return changed, err
}

func (l List) decideStored(tx *store.Tx, mb store.MailboxID, uid uint32) (Verdict, error) {
	e, err := tx.Entry(mb, uid)
	if err != nil {
		return Verdict{}, err
	}
	m, err := tx.Message(e.Message)
	if err != nil {
		return Verdict{}, err
	}
	info, err := message.Unmarshal(m.Meta)
	if err != nil {
		return Verdict{}, err
	}
	v := l.Decide(info)
	v.Flags &^= e.Flags
	return v, nil
}

// apply does a verdict to a message of the INBOX.
func (v Verdict) apply(tx *store.Tx, inbox *store.Mailbox, uid uint32) (did bool, err error) {
	e, err := tx.Entry(inbox.ID, uid)
	if err != nil {
		return false, err
	}
	if e.Flags|v.Flags != e.Flags {
		if _, err := tx.SetFlags(inbox.ID, uid, e.Flags|v.Flags, e.Keywords); err != nil {
			return false, err
		}
		did = true
	}
	to, err := v.Target(tx, inbox.Account, inbox.ID)
	if err != nil || to == inbox.ID {
		return did, err
	}
	_, err = tx.Move(inbox.ID, uid, to)
	return err == nil, err
}

// found returns a mailbox's ID, or another when it is not there.
func found(mb *store.Mailbox, err error, otherwise store.MailboxID) (store.MailboxID, error) {
	if errors.Is(err, store.ErrNotFound) {
		return otherwise, nil
	}
	if err != nil {
		return 0, err
	}
	return mb.ID, nil
}
