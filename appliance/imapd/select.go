package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"

	"posthorn/store"
)

// Select opens a mailbox, with EXAMINE read-only.
func (s *session) Select(name string, options *imap.SelectOptions) (*imap.SelectData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel := &selected{readOnly: options.ReadOnly}
	data := new(imap.SelectData)
	err := s.server.Store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(s.account, name)
		if err != nil {
			return err
		}
		if sel.view, err = openView(tx, mb); err != nil {
			return err
		}
		data.NumMessages = uint32(sel.uids.Len())
		data.UIDNext, data.UIDValidity = imap.UID(mb.UIDNext), mb.UIDValidity
		if s.rev2() {
			data.List, err = listOne(tx, mb)
			return err
		}
		unseen, err := tx.Unseen(mb.ID)
		if err == nil {
			data.FirstUnseenSeqNum = uint32(sel.uids.Seq(unseen.Min()))
		}
		return err
	})
	if err != nil {
		return nil, s.answer("open mailbox", err)
	}
	data.Flags = mailboxFlags()
	if !options.ReadOnly {
		data.PermanentFlags = append(mailboxFlags(), imap.FlagWildcard)
	}
	s.selected = sel
	return data, nil
}

// mailboxFlags lists the flags every mailbox has: the system's, and the keywords
// mail programs use. Any other keyword may be added, which FlagWildcard says.
func mailboxFlags() []imap.Flag {
	flags := fromFlags(store.Answered|store.Flagged|store.Deleted|store.Seen|store.Draft, nil)
	return slices.Concat(flags, []imap.Flag{imap.FlagForwarded, imap.FlagMDNSent, imap.FlagJunk, imap.FlagNotJunk, imap.FlagPhishing, imap.FlagImportant})
}

// Unselect closes the mailbox without removing anything.
func (s *session) Unselect() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.selected = nil
	return nil
}
