package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"

	"posthorn/store"
)

// exportPage is how many messages are listed in one look at the store.
const exportPage = 256

// Messages counts the messages of an account, or of one of its mailboxes.
func (b *Box) Messages(name, mailbox string) (n int, err error) {
	list, err := b.mailboxes(name, mailbox)
	for _, mb := range list {
		n += int(mb.Messages)
	}
	return n, err
}

func (b *Box) mailboxes(name, mailbox string) (list []*store.Mailbox, err error) {
	acct, err := b.account(name)
	if err != nil {
		return nil, err
	}
	err = b.Store.View(func(tx *store.Tx) error {
		if mailbox == "" {
			list, err = tx.Mailboxes(acct.ID)
			return err
		}
		mb, err := tx.MailboxByName(acct.ID, mailbox)
		list = []*store.Mailbox{mb}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", acct.Name, err)
	}
	return list, nil
}

// Export writes an account's messages, or those of one mailbox, to parts: for
// each mailbox a part that names it and one part per message. A message that
// can't be read is named, not left out in silence.
func (b *Box) Export(ctx context.Context, name, mailbox string, parts *multipart.Writer) error {
	list, err := b.mailboxes(name, mailbox)
	if err != nil {
		return err
	}
	for _, mb := range list {
		if _, err := startPart(parts, Transfer{Mailbox: mb.Name, Folder: true}); err != nil {
			return err
		}
		for next := uint32(1); next != 0; {
			if next, err = b.exportPage(ctx, mb, next, parts); err != nil {
				return err
			}
		}
	}
	return parts.Close()
}

type listed struct {
	store.Entry
	blob store.Blob
}

// exportPage writes a page of messages from UID first on and returns the UID
// to go on with, 0 at the end.
func (b *Box) exportPage(ctx context.Context, mb *store.Mailbox, first uint32, parts *multipart.Writer) (next uint32, err error) {
	var page []listed
	err = b.Store.View(func(tx *store.Tx) error {
		for e, err := range tx.Entries(mb.ID, first, 0) {
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			if page = append(page, listed{e, m.Blob}); len(page) == exportPage {
				next = e.UID + 1
				return nil
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil // the mailbox was deleted meanwhile
	}
	if err != nil {
		return 0, err
	}
	for _, l := range page {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := b.exportOne(mb, l, parts); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func (b *Box) exportOne(mb *store.Mailbox, l listed, parts *multipart.Writer) error {
	t := Transfer{Mailbox: mb.Name, Flags: l.Flags, Keywords: l.Keywords, Received: l.Received,
		Name: fmt.Sprintf("%d.V%dU%d.posthorn", l.Received.Unix(), mb.UIDValidity, l.UID)}
	r, err := b.Store.OpenBlob(l.blob)
	if errors.Is(err, store.ErrNotFound) {
		return nil // expunged meanwhile
	}
	if err == nil {
		defer r.Close()
		// Read it once to know that it is whole before the first octet of it
		// is sent: half a message would look like a message.
		if _, err = io.Copy(io.Discard, r); err == nil {
			_, err = r.Seek(0, io.SeekStart)
		}
	}
	if err != nil {
		t.Damaged = fmt.Sprintf("UID %d: %v", l.UID, err)
		_, err := startPart(parts, t)
		return err
	}
	w, err := startPart(parts, t)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// startPart starts a part with its description. JSON is ASCII here, so that
// it fits in a header field.
func startPart(parts *multipart.Writer, t Transfer) (io.Writer, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	h := textproto.MIMEHeader{}
	h.Set(partHeader, asciiJSON(text))
	return parts.CreatePart(h)
}

// asciiJSON escapes what is not ASCII.
func asciiJSON(text []byte) string {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r < 0x80:
			out = append(out, byte(r))
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return string(out)
}
