package imapd

import (
	"errors"
	"fmt"
	"slices"

	"posthorn/store"
)

// errMailboxGone says that the selected mailbox has been deleted.
var errMailboxGone = errors.New("the selected mailbox was deleted")

// view is the selected mailbox as this client knows it: which messages it was
// told of, in the order that gives them their sequence numbers, and up to which
// change. What changed since is asked from the store, whoever made the change.
// A view costs about a bit for each message.
type view struct {
	mailbox store.MailboxID
	uids    *store.UIDSet
	modSeq  uint64
	uidNext uint32
	// own are the changes this client made and was told of in the answer.
	own []uint64

	// Known to us and not yet told.
	gone    *store.UIDSet
	fresh   *store.UIDSet
	changed *store.UIDSet
}

// openView reads a mailbox for a client that is told of all its messages.
func openView(tx *store.Tx, mb *store.Mailbox) (*view, error) {
	uids, err := tx.UIDs(mb.ID)
	if err != nil {
		return nil, err
	}
	v := &view{mailbox: mb.ID, uids: uids, modSeq: mb.ModSeq, uidNext: mb.UIDNext}
	v.told()
	return v, nil
}

func (v *view) told() {
	v.gone, v.fresh, v.changed = store.NewUIDSet(), store.NewUIDSet(), store.NewUIDSet()
}

// did notes that the client made this change and knows of it.
func (v *view) did(modSeq uint64) {
	if len(v.own) == 0 || v.own[len(v.own)-1] != modSeq {
		v.own = append(v.own, modSeq)
	}
}

// isOwn says whether the client made the change.
func (v *view) isOwn(modSeq uint64) bool {
	_, ok := slices.BinarySearch(v.own, modSeq)
	return ok
}

// onlyOwn says whether the client made all changes after modSeq up to last.
func (v *view) onlyOwn(modSeq, last uint64) bool {
	for n := modSeq + 1; n <= last; n++ {
		if !v.isOwn(n) {
			return false
		}
	}
	return true
}

// refresh asks the store what happened since. It returns errMailboxGone if the
// mailbox did.
func (v *view) refresh(tx *store.Tx) error {
	c, err := tx.Changes(v.mailbox, v.modSeq)
	if errors.Is(err, store.ErrNotFound) {
		return errMailboxGone
	}
	if err != nil {
		return fmt.Errorf("read what changed: %w", err)
	}
	if c.ModSeq == v.modSeq && !c.Lost {
		return nil
	}
	if c.Lost {
		return v.reread(tx, c)
	}
	for uid := range c.Expunged.All() {
		v.fresh.Remove(uid)
		v.changed.Remove(uid)
		if v.uids.Contains(uid) {
			v.gone.Add(uid)
		}
	}
	flags := !v.onlyOwn(v.modSeq, c.ModSeq)
	for uid := range c.Changed.All() {
		if uid >= v.uidNext {
			v.fresh.Add(uid)
		} else if flags && v.uids.Contains(uid) {
			v.changed.Add(uid)
		}
	}
	v.modSeq, v.uidNext = c.ModSeq, c.UIDNext
	return nil
}

// reread compares the whole mailbox, for a client that slept so long that the
// store has forgotten the changes one by one. Any flag may have changed.
func (v *view) reread(tx *store.Tx, c store.Changes) error {
	now, err := tx.UIDs(v.mailbox)
	if err != nil {
		return fmt.Errorf("read the mailbox anew: %w", err)
	}
	v.gone, v.fresh, v.changed = v.uids.AndNot(now), now.AndNot(v.uids), v.uids.And(now)
	v.modSeq, v.uidNext = c.ModSeq, c.UIDNext
	return nil
}

// takeGone removes what is gone and returns the sequence numbers to say, each
// valid after the ones before it: from the last to the first.
func (v *view) takeGone() []uint32 {
	if v.gone.Len() == 0 {
		return nil
	}
	seqs := make([]uint32, 0, v.gone.Len())
	for uid := range v.gone.All() {
		if n := v.uids.Seq(uid); n > 0 {
			seqs = append(seqs, uint32(n))
		}
	}
	v.uids = v.uids.AndNot(v.gone)
	slices.Reverse(seqs)
	v.gone = store.NewUIDSet()
	return seqs
}

// takeFresh adds what is new and says whether there was any.
func (v *view) takeFresh() bool {
	if v.fresh.Len() == 0 {
		return false
	}
	v.uids = v.uids.Or(v.fresh)
	v.fresh = store.NewUIDSet()
	return true
}

// takeChanged returns the messages whose flags the client may not know.
func (v *view) takeChanged() *store.UIDSet {
	changed := v.changed
	v.changed = store.NewUIDSet()
	return changed
}
