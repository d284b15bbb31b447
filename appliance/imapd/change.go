package imapd

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/store"
)

// Store changes flags, in batches: a hundred thousand messages in one update
// would hold up everybody's mail.
func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, change *imap.StoreFlags, _ *imap.StoreOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.openToChange()
	if err != nil {
		return err
	}
	bits, keywords, err := toFlags(change.Flags)
	if err != nil {
		return err
	}
	lost := 0
	for batch := range batches(sel.resolve(set), updateBatch) {
		entries, err := s.setFlags(sel, batch, func(e store.Entry) (store.Flags, []string) {
			return applyFlags(e, change.Op, bits, keywords)
		})
		if err != nil {
			return s.answer("store", err)
		}
		lost += len(batch) - len(entries)
		if change.Silent {
			continue
		}
		for _, e := range entries {
			writeFlags(w, sel, e)
		}
	}
	return saidGone(set, lost)
}

// applyFlags returns what an entry's flags become.
func applyFlags(e store.Entry, op imap.StoreFlagsOp, bits store.Flags, keywords []string) (store.Flags, []string) {
	switch op {
	case imap.StoreFlagsAdd:
		all := append([]string(nil), e.Keywords...)
		return e.Flags | bits, append(all, without(keywords, e.Keywords)...)
	case imap.StoreFlagsDel:
		return e.Flags &^ bits, without(e.Keywords, keywords)
	}
	return bits, keywords
}

// setFlags changes the flags of some messages in one update and returns their
// entries; those that are gone are left out. The client is taken to know of it.
func (s *session) setFlags(sel *selected, uids []uint32, to func(store.Entry) (store.Flags, []string)) ([]store.Entry, error) {
	var old, entries []store.Entry
	err := s.server.Store.Update(func(tx *store.Tx) error {
		var err error
		if old, err = readEntries(tx, sel.mailbox, uids); err != nil {
			return err
		}
		entries = make([]store.Entry, 0, len(old))
		for _, e := range old {
			bits, keywords := to(e)
			e, err := tx.SetFlags(sel.mailbox, e.UID, bits, keywords)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		sel.did(e.UID, old[i].ModSeq, e.ModSeq)
	}
	return entries, nil
}

// writeFlags is the FETCH response with an entry's flags.
func writeFlags(w *imapserver.FetchWriter, sel *selected, e store.Entry) {
	m := w.CreateMessage(uint32(sel.uids.Seq(e.UID)))
	m.WriteUID(uid(e))
	m.WriteFlags(fromFlags(e.Flags, e.Keywords))
	sel.mixed.Remove(e.UID)
	m.Close()
}

// Expunge removes the messages marked \Deleted: all, or those among the UIDs.
// CLOSE does it too, and only leaves the mailbox if it is open read-only.
func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.open()
	if err != nil {
		return err
	}
	if sel.readOnly && s.conn.cmd.name == "CLOSE" {
		return nil
	}
	if sel, err = s.openToChange(); err != nil {
		return err
	}
	marked, err := s.marked(sel)
	if err != nil {
		return s.answer("expunge", err)
	}
	if uids != nil {
		marked = sel.resolve(*uids).And(marked)
	}
	leaving := 0
	for batch := range batches(marked, updateBatch) {
		var late int
		err := s.server.Store.Update(func(tx *store.Tx) (err error) {
			late, err = expungeMarked(tx, sel.mailbox, batch)
			return err
		})
		if err != nil {
			return s.answer("expunge", err)
		}
		leaving += late
	}
	if err := s.sayGone(sel, w.WriteExpunge); err != nil || leaving == 0 {
		return err
	}
	return s.answer("expunge", store.ErrSending)
}

// marked returns the messages marked \Deleted that the client knows of. New ones
// it has not been told of stay, whatever their flags.
func (s *session) marked(sel *selected) (marked *store.UIDSet, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		marked, err = tx.Marked(sel.mailbox, store.Deleted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return marked.And(sel.uids), nil
}

// expungeMarked removes those messages that are still there and still marked.
// It leaves, and counts, those that are being sent at this moment.
func expungeMarked(tx *store.Tx, mb store.MailboxID, uids []uint32) (leaving int, err error) {
	for _, u := range uids {
		e, err := tx.Entry(mb, u)
		if errors.Is(err, store.ErrNotFound) || err == nil && e.Flags&store.Deleted == 0 {
			continue
		}
		if err == nil {
			err = tx.Expunge(mb, u)
		}
		if errors.Is(err, store.ErrSending) {
			leaving++
			continue
		}
		if err != nil {
			return leaving, err
		}
	}
	return leaving, nil
}

// sayGone says EXPUNGE for everything that is gone by now.
func (s *session) sayGone(sel *selected, say func(seq uint32) error) error {
	if err := s.server.Store.View(sel.refresh); err != nil {
		return s.answer("expunge", err)
	}
	for _, seq := range sel.takeGone() {
		if err := say(seq); err != nil {
			return err
		}
	}
	return nil
}
