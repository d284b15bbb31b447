package imapd

import (
	"context"
	"errors"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/store"
)

// withdraw takes messages back before the update that moves their sender's
// copies. One that nobody can be made to lose stays where it is, and the
// answer says why; of the others the sender is told by mail, for programs
// hardly show what stands behind OK.
func (o *outgoing) withdraw(from store.MailboxID, uids []uint32) error {
	for _, u := range uids {
		info, err := o.info(from, u)
		if errors.Is(err, store.ErrNotFound) {
			continue // gone meanwhile
		}
		if err != nil {
			return err
		}
		if err := o.s.withdraw(&info.Envelope); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) withdraw(e *message.Envelope) error {
	if e.MessageID == "" {
		return refused("CANNOT", "not withdrawn: the message has no Message-ID to find it by")
	}
	ctx := context.Background() // the library has no context to give; it takes moments
	w, err := s.server.Office.Withdraw(ctx, s.account, e.MessageID)
	switch {
	case errors.Is(err, post.ErrNotSent), errors.Is(err, post.ErrMoving):
		return refused("CANNOT", "not withdrawn: %s", printable(err.Error(), 300))
	case err != nil:
		return err
	case !w.Any():
		return refused("CANNOT", "not withdrawn: %s", printable(w.String(), 300))
	}
	if err := s.server.Office.TellWithdrawn(ctx, s.account, e.Subject, w); err != nil {
		s.conn.log.Warn("sender not told of the withdrawal", "error", err)
	}
	return nil
}

// info reads what is known of a message.
func (o *outgoing) info(from store.MailboxID, u uint32) (info *message.Info, err error) {
	err = o.s.server.Store.View(func(tx *store.Tx) error {
		e, err := tx.Entry(from, u)
		if err != nil {
			return err
		}
		m, err := tx.Message(e.Message)
		if err != nil {
			return err
		}
		info, err = message.Unmarshal(m.Meta)
		return err
	})
	return info, err
}
