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
	// own are the changes this client made, in ascending order. It knows the
	// flags they left, unless others had changed them before: these are mixed.
	own   []uint64
	mixed *store.UIDSet

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
	return &view{
		mailbox: mb.ID, uids: uids, modSeq: mb.ModSeq, uidNext: mb.UIDNext, mixed: store.NewUIDSet(),
		gone: store.NewUIDSet(), fresh: store.NewUIDSet(), changed: store.NewUIDSet(),
	}, nil
}

// did notes that the client changed a message, which was last changed at before
// and is now at after.
func (v *view) did(uid uint32, before, after uint64) {
	if before == after {
		return // it was so already
	}
	if v.changed.Contains(uid) || before > v.modSeq && !v.isOwn(before) {
		v.mixed.Add(uid)
	}
	if !v.isOwn(after) {
		v.own = append(v.own, after)
	}
}

// knows says whether the client knows the flags of a message last changed at
// modSeq.
func (v *view) knows(uid uint32, modSeq uint64) bool {
	return v.isOwn(modSeq) && !v.mixed.Contains(uid)
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

// allTold notes that the client knows all flags.
func (v *view) allTold() {
	v.own, v.mixed = nil, store.NewUIDSet()
}

// takeChanged returns the messages whose flags the client may not know.
func (v *view) takeChanged() *store.UIDSet {
	changed := v.changed
	v.changed = store.NewUIDSet()
	return changed
}
