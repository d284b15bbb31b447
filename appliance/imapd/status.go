package imapd

import (
	"github.com/emersion/go-imap/v2"

	"posthorn/store"
)

// Status answers from the mailbox's record, which holds the counts.
func (s *session) Status(name string, options *imap.StatusOptions) (data *imap.StatusData, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(s.account, name)
		if err != nil {
			return err
		}
		data, err = statusOf(tx, mb, options)
		return err
	})
	return data, s.answer("status", err)
}

func statusOf(tx *store.Tx, mb *store.Mailbox, options *imap.StatusOptions) (*imap.StatusData, error) {
	none := uint32(0)
	data := &imap.StatusData{
		Mailbox:     mb.Name,
		NumMessages: &mb.Messages,
		NumRecent:   &none, // see systemFlags
		UIDNext:     imap.UID(mb.UIDNext),
		UIDValidity: mb.UIDValidity,
		NumUnseen:   &mb.Unseen,
		NumDeleted:  &mb.Deleted,
		Size:        &mb.Size,
	}
	if options.AppendLimit {
		settings, err := tx.Settings()
		if err != nil {
			return nil, err
		}
		limit := uint32(min(settings.MaxMessageSize, 1<<32-1))
		data.AppendLimit = &limit
	}
	if options.DeletedStorage {
		// RFC 9208 section 3.1.4: what EXPUNGE would free.
		size, err := markedSize(tx, mb.ID)
		if err != nil {
			return nil, err
		}
		data.DeletedStorage = &size
	}
	return data, nil
}

func markedSize(tx *store.Tx, mb store.MailboxID) (size int64, err error) {
	marked, err := tx.Marked(mb, store.Deleted)
	if err != nil {
		return 0, err
	}
	for batch := range batches(marked, listBatch) {
		entries, err := readEntries(tx, mb, batch)
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			size += e.Size
		}
	}
	return size, nil
}
