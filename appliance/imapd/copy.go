package imapd

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/store"
)

// transfer is a COPY or MOVE under way: which UIDs became which.
type transfer struct {
	from, to *store.UIDSet // pairs in ascending order
}

// Copy copies messages with flags and dates. Either all are copied or none,
// RFC 9051 section 6.4.7.
func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.open()
	if err != nil {
		return nil, err
	}
	mb, err := s.destination(dest)
	if err != nil {
		return nil, s.answer("copy", err)
	}
	done, err := s.transfer(sel, set, mb, false)
	if err != nil {
		s.undoCopy(mb, done)
		return nil, s.answer("copy", err)
	}
	return done.data(mb), nil
}

// Move moves messages, RFC 6851. A failure leaves what was moved until then
// moved, and the client is told which.
func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.openToChange()
	if err != nil {
		return err
	}
	mb, err := s.destination(dest)
	if err != nil {
		return s.answer("move", err)
	}
	done, moveErr := s.transfer(sel, set, mb, true)
	if data := done.data(mb); data != nil {
		if err := w.WriteCopyData(data); err != nil {
			return err
		}
		if err := s.sayGone(sel, w.WriteExpunge); err != nil {
			return err
		}
	}
	return s.answer("move", moveErr)
}

// destination finds the mailbox to copy to.
func (s *session) destination(name string) (mb *store.Mailbox, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		mb, err = tx.MailboxByName(s.account, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, refused("TRYCREATE", "there is no mailbox %s", printable(name, 100))
	}
	return mb, err
}

// transfer copies or moves messages in batches. On error it returns what was
// done before.
func (s *session) transfer(sel *selected, set imap.NumSet, to *store.Mailbox, move bool) (*transfer, error) {
	done := &transfer{store.NewUIDSet(), store.NewUIDSet()}
	do := (*store.Tx).Copy
	if move {
		do = (*store.Tx).Move
	}
	out, err := s.outgoing(to, move)
	if err != nil {
		return done, err
	}
	if out != nil {
		do = out.do
		defer out.close()
	}
	for batch := range batches(sel.resolve(set), updateBatch) {
		if out != nil {
			if err := out.prepare(sel.mailbox, batch); err != nil {
				return done, err
			}
		}
		var from, as []uint32
		err := s.server.Store.Update(func(tx *store.Tx) error {
			from, as = from[:0], as[:0]
			for _, u := range batch {
				e, err := do(tx, sel.mailbox, u, to.ID)
				if errors.Is(err, store.ErrNotFound) {
					if _, err := tx.Entry(sel.mailbox, u); errors.Is(err, store.ErrNotFound) {
						continue // gone meanwhile
					}
				}
				if err != nil {
					return err
				}
				from, as = append(from, u), append(as, e.UID)
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		if out != nil {
			out.done()
			out.close()
		}
		for i := range from {
			done.from.Add(from[i])
			done.to.Add(as[i])
		}
	}
	return done, nil
}

// data is what COPYUID says, nil if nothing was copied.
func (t *transfer) data(mb *store.Mailbox) *imap.CopyData {
	if t.from.Len() == 0 {
		return nil
	}
	return &imap.CopyData{UIDValidity: mb.UIDValidity, SourceUIDs: toUIDSet(t.from), DestUIDs: toUIDSet(t.to)}
}

// undoCopy removes the copies of a COPY that failed half way.
func (s *session) undoCopy(mb *store.Mailbox, done *transfer) {
	for batch := range batches(done.to, updateBatch) {
		err := s.server.Store.Update(func(tx *store.Tx) error {
			for _, u := range batch {
				if err := tx.Expunge(mb.ID, u); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.conn.log.Error("imap copies left behind", "mailbox", mb.ID, "error", err)
			return
		}
	}
}
