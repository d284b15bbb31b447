package write

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/web/compose"
	"posthorn/store"
)

// maxDrafts is how many of the newest drafts are looked through for one.
const maxDrafts = 500

// source is a stored message for package compose.
func (w *Write) source(m *store.Message) (*compose.Source, error) {
	info, err := message.Unmarshal(m.Meta)
	if err != nil {
		return nil, err
	}
	return &compose.Source{Info: info, Open: func() (compose.ReadAtCloser, error) { return w.Store.OpenBlob(m.Blob) }}, nil
}

// entrySource is a message at a place in the person's mailboxes.
func (w *Write) entrySource(account store.AccountID, mb store.MailboxID, uid uint32) (src *compose.Source, err error) {
	err = w.Store.View(func(tx *store.Tx) error {
		if err := owns(tx, account, mb); err != nil {
			return err
		}
		e, err := tx.Entry(mb, uid)
		if err != nil {
			return err
		}
		m, err := tx.Message(e.Message)
		if err == nil {
			src, err = w.source(m)
		}
		return err
	})
	return src, err
}

// owns returns ErrNotFound unless the mailbox is one of the account's: others
// do not learn that it is there.
func owns(tx *store.Tx, account store.AccountID, mb store.MailboxID) error {
	box, err := tx.Mailbox(mb)
	if err == nil && box.Account != account {
		err = fmt.Errorf("mailbox %d: %w", mb, store.ErrNotFound)
	}
	return err
}

// drafts finds the entries of the mailbox Drafts that are the draft with a
// Message-ID: one, but for programs that keep old versions.
func drafts(tx *store.Tx, account store.AccountID, id string) (mb *store.Mailbox, uids []uint32, err error) {
	if mb, err = tx.MailboxByRole(account, store.RoleDrafts); err != nil || id == "" {
		return mb, nil, err
	}
	all, err := tx.UIDs(mb.ID)
	if err != nil {
		return nil, nil, err
	}
	for n := all.Len(); n > max(0, all.Len()-maxDrafts); n-- {
		m, err := messageAt(tx, mb.ID, all.At(n))
		if err != nil {
			return nil, nil, err
		}
		info, err := message.Unmarshal(m.Meta)
		if err == nil && info.Envelope.MessageID == id {
			uids = append(uids, all.At(n))
		}
	}
	return mb, uids, nil
}

func messageAt(tx *store.Tx, mb store.MailboxID, uid uint32) (*store.Message, error) {
	e, err := tx.Entry(mb, uid)
	if err != nil {
		return nil, err
	}
	return tx.Message(e.Message)
}

// draft reads the draft with a Message-ID; nil if there is none.
func (w *Write) draft(account store.AccountID, id string) (*compose.Letter, error) {
	var src *compose.Source
	err := w.Store.View(func(tx *store.Tx) error {
		mb, uids, err := drafts(tx, account, id)
		if err != nil || len(uids) == 0 {
			return err
		}
		m, err := messageAt(tx, mb.ID, uids[0])
		if err == nil {
			src, err = w.source(m)
		}
		return err
	})
	if err != nil || src == nil {
		return nil, err
	}
	return src.Read()
}

// saving is a message being written to the store.
type saving struct {
	w       *Write
	blob    *store.BlobWriter
	scanner *message.Scanner
	limit   int64 // octets
	writer  *compose.Writer
}

// errTooLarge says that a message is larger than the owner lets it be.
var errTooLarge = errors.New("message is larger than the box takes")

func (w *Write) newSaving(limit int64) *saving {
	return &saving{w: w, blob: w.Store.NewBlob(), scanner: message.NewScanner(), limit: limit}
}

// Write takes octets of the message.
func (s *saving) Write(p []byte) (int, error) {
	if s.blob.Size()+int64(len(p)) > s.limit {
		return 0, errTooLarge
	}
	s.scanner.Write(p)
	return s.blob.Write(p)
}

// begin writes the letter with the files it has; more may follow.
func (s *saving) begin(l *compose.Letter, files bool) (err error) {
	if err := l.Check(); err != nil {
		return err
	}
	if s.writer, err = l.Begin(s, files || len(l.Files) > 0); err != nil {
		return err
	}
	for i := range l.Files {
		if err := s.writer.AddFile(&l.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

// add appends a file that comes in.
func (s *saving) add(f *compose.File, body io.Reader) error {
	_, err := s.writer.Add(f, body)
	return err
}

// abort gives up what was not kept.
func (s *saving) abort() { s.blob.Abort() }

// put ends the message and puts it into a mailbox, within tx.
func (s *saving) put(tx *store.Tx, mb store.MailboxID, meta []byte, flags store.Flags) (store.Entry, error) {
	id, err := tx.PutMessage(s.blob, time.Now(), meta)
	if err != nil {
		return store.Entry{}, err
	}
	return tx.Append(mb, id, flags, nil)
}

// keep makes the message the draft of an account with a Message-ID, instead of
// the one there was.
func (s *saving) keep(account store.AccountID, id string) error {
	if err := s.writer.Close(); err != nil {
		return err
	}
	meta, err := s.scanner.Finish().Marshal()
	if err != nil {
		return err
	}
	return s.w.Store.Update(func(tx *store.Tx) error {
		mb, err := forget(tx, account, id)
		if err != nil {
			return err
		}
		_, err = s.put(tx, mb, meta, store.Draft|store.Seen)
		return err
	})
}

// forget takes a draft out of Drafts, for good.
func forget(tx *store.Tx, account store.AccountID, id string) (store.MailboxID, error) {
	mb, uids, err := drafts(tx, account, id)
	if err != nil {
		return 0, err
	}
	for _, uid := range uids {
		if err := tx.Expunge(mb.ID, uid); err != nil {
			return 0, err
		}
	}
	return mb.ID, nil
}

// save makes a letter the draft with its Message-ID, unless that is there
// already and just so.
func (w *Write) save(account store.AccountID, l, before *compose.Letter, limit int64) error {
	if before != nil && same(l, before) {
		return nil
	}
	l.Date = time.Now()
	s := w.newSaving(limit)
	defer s.abort()
	if err := s.begin(l, false); err != nil {
		return err
	}
	return s.keep(account, l.MessageID)
}

// same tells whether two letters differ in nothing that a person can change.
func same(a, b *compose.Letter) bool {
	text := func(l *compose.Letter) string { return strings.TrimRight(l.Text, "\n ") }
	return a.From == b.From && slices.Equal(a.To, b.To) && slices.Equal(a.Cc, b.Cc) && slices.Equal(a.Bcc, b.Bcc) &&
		maps.Equal(a.Rough, b.Rough) && strings.TrimSpace(a.Subject) == strings.TrimSpace(b.Subject) && text(a) == text(b) &&
		a.SendAt.Equal(b.SendAt) && slices.EqualFunc(a.Files, b.Files, func(x, y compose.File) bool {
		return x.Name == y.Name && x.Size == y.Size
	})
}
