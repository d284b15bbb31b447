package imapd

import (
	"errors"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Append puts a message into a mailbox. It looks whether it can before the
// client is told to send, streams the message to the disk, and keeps it only
// if the command ends as it should.
func (s *session) Append(name string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bits, keywords, err := toFlags(options.Flags)
	if err != nil {
		return nil, err
	}
	mb, err := s.mayAppend(name, r.Size())
	if err != nil {
		return nil, s.answer("append", err)
	}
	s.conn.acceptMessage()
	blob := s.server.Store.NewBlob()
	defer blob.Abort()
	scanner := message.NewScanner()
	draft, err := s.outgoingDraft(mb)
	if err != nil {
		return nil, s.answer("append", err)
	}
	if draft != nil {
		defer draft.Abort()
		err = s.receive(r, blob, io.MultiWriter(scanner, draft))
		if err == nil {
			err = draft.Finish()
		}
	} else {
		err = s.receive(r, blob, scanner)
	}
	if err != nil {
		return nil, s.answer("append", unsendable(err))
	}
	meta, err := scanner.Finish().Marshal()
	if err != nil {
		return nil, s.answer("append", err)
	}
	received := options.Time
	if received.IsZero() {
		received = time.Now()
	}
	data := &imap.AppendData{UIDValidity: mb.UIDValidity}
	err = s.server.Store.Update(func(tx *store.Tx) error {
		id, err := tx.PutMessage(blob, received, meta)
		if err != nil {
			return err
		}
		e, err := tx.Append(mb.ID, id, bits, keywords)
		data.UID = uid(e)
		if err == nil && draft != nil {
			err = unsendable(draft.Enqueue(tx, mb, e.UID))
		}
		return err
	})
	if err != nil {
		return nil, s.answer("append", err)
	}
	if draft != nil {
		s.conn.log.Info("draft queued", "queue_id", draft.Name(), "mailbox", mb.ID)
	}
	s.conn.log.Info("imap append", "mailbox", mb.ID, "uid", data.UID, "size", r.Size())
	return data, nil
}

// mayAppend says whether there is a place for the message.
func (s *session) mayAppend(name string, size int64) (mb *store.Mailbox, err error) {
	if size == 0 {
		return nil, refused("CANNOT", "a message of no bytes is none")
	}
	if s.server.Store.Full() {
		return nil, store.ErrFull
	}
	err = s.server.Store.View(func(tx *store.Tx) error {
		if mb, err = tx.MailboxByName(s.account, name); err != nil {
			return err
		}
		account, err := tx.Account(s.account)
		if err != nil || account.Quota == 0 {
			return err
		}
		usage, err := tx.Usage(s.account)
		if err == nil && usage.Bytes+size > account.Quota {
			return store.ErrQuota
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, refused("TRYCREATE", "append: there is no mailbox %s", printable(name, 100))
	}
	return mb, err
}

// receive takes the message from the client, and the end of the command.
func (s *session) receive(r imap.LiteralReader, blob, scanner io.Writer) error {
	var failed error
	buf := make([]byte, 32<<10)
	got := int64(0)
	for {
		n, err := r.Read(buf)
		got += int64(n)
		if n > 0 && failed == nil {
			// After a failure the rest is read past, or the answer would not be
			// understood.
			if _, failed = blob.Write(buf[:n]); failed == nil {
				_, failed = scanner.Write(buf[:n])
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return refused("", "append: the connection broke off")
		}
	}
	if got != r.Size() {
		return refused("", "append: %d of %d bytes came", got, r.Size())
	}
	proper, err := s.conn.finishMessage()
	if err != nil {
		return refused("", "append: the connection broke off")
	}
	if !proper {
		return &imap.Error{Type: imap.StatusResponseTypeBad, Text: "append: one message per command, and nothing after it"}
	}
	return failed
}
