package imapd

import (
	"errors"

	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/appliance/events"
	"posthorn/store"
)

// Poll tells the client what changed, at the end of a command.
func (s *session) Poll(w *imapserver.UpdateWriter, expunge bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(w, expunge)
}

// Idle tells the client what changes as it changes, RFC 2177. The library may
// start it late, and goes on without waiting for its end when the client
// misbehaves; so it looks at stop whenever it has the session to itself.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.idling.Add(1)
	defer s.idling.Done()
	watch := s.server.Hub.Watch(events.Account(s.account))
	defer watch.Close()
	if s.selected != nil {
		watch.Set(events.Account(s.account), events.Mailbox(s.selected.mailbox))
	}
	s.mu.Unlock()
	for {
		if err := s.tellIdle(w, stop); err != nil {
			s.conn.drop() // wakes the library, which waits for the client
			return err
		}
		select {
		case <-watch.C():
		case <-stop:
			return nil
		}
	}
}

func (s *session) tellIdle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-stop:
		return nil
	default:
		return s.tell(w, true)
	}
}

// tell says what the client does not know of its selected mailbox: EXPUNGE,
// EXISTS and flags, in this order, so that each sequence number means what the
// client takes it for.
func (s *session) tell(w *imapserver.UpdateWriter, expunge bool) error {
	sel := s.selected
	err := s.server.Store.View(func(tx *store.Tx) error {
		err := s.stillWelcome(tx)
		if err == nil && sel != nil {
			err = sel.refresh(tx)
		}
		return err
	})
	switch {
	case errors.Is(err, errUnwelcome):
		return s.conn.leave("UNAVAILABLE", err.Error())
	case errors.Is(err, errMailboxGone):
		return s.conn.leave("", "the selected mailbox was deleted by another program")
	case err != nil:
		s.conn.log.Error("imap cannot read changes", "error", err)
		return s.conn.leave("SERVERBUG", "the mailbox cannot be read")
	case sel == nil:
		return nil
	}
	if expunge {
		for _, seq := range sel.takeGone() {
			if err := w.WriteExpunge(seq); err != nil {
				return err
			}
		}
	}
	if sel.takeFresh() {
		if err := w.WriteNumMessages(uint32(sel.uids.Len())); err != nil {
			return err
		}
	}
	return s.tellFlags(w, sel)
}

// tellFlags says the flags that others changed.
func (s *session) tellFlags(w *imapserver.UpdateWriter, sel *selected) error {
	for batch := range batches(sel.takeChanged(), listBatch) {
		entries, err := s.entries(sel, batch)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if sel.knows(e.UID, e.ModSeq) {
				continue
			}
			if err := w.WriteMessageFlags(uint32(sel.uids.Seq(e.UID)), uid(e), fromFlags(e.Flags, e.Keywords)); err != nil {
				return err
			}
		}
	}
	sel.allTold()
	return nil
}

// entries reads the entries of some messages; those that are gone are left out.
func (s *session) entries(sel *selected, uids []uint32) (entries []store.Entry, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		entries, err = readEntries(tx, sel.mailbox, uids)
		return err
	})
	return entries, err
}

// readEntries reads a run of the mailbox where the UIDs lie close together,
// and one by one where they do not.
func readEntries(tx *store.Tx, mb store.MailboxID, uids []uint32) ([]store.Entry, error) {
	entries := make([]store.Entry, 0, len(uids))
	if len(uids) == 0 {
		return entries, nil
	}
	first, last := uids[0], uids[len(uids)-1]
	if uint64(last-first) > 4*uint64(len(uids)) {
		for _, u := range uids {
			e, err := tx.Entry(mb, u)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		return entries, nil
	}
	next := 0
	for e, err := range tx.Entries(mb, first, last) {
		if err != nil {
			return nil, err
		}
		for next < len(uids) && uids[next] < e.UID {
			next++
		}
		if next < len(uids) && uids[next] == e.UID {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
