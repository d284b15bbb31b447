package imapd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/appliance/message"
	"posthorn/store"
)

// plan is what a FETCH needs of each message.
type plan struct {
	*imap.FetchOptions
	sections int  // how many are wanted of each message
	info     bool // structure or envelope: the message's record
	body     bool // a section: the message itself
	seen     bool // marks what it shows as seen
	lost     int  // messages that were gone
	broken   int  // messages that could not be read
}

func newPlan(o *imap.FetchOptions, readOnly bool) *plan {
	p := &plan{FetchOptions: o}
	for _, b := range o.BodySection {
		p.seen = p.seen || !b.Peek
	}
	for _, b := range o.BinarySection {
		p.seen = p.seen || !b.Peek
	}
	p.seen = p.seen && !readOnly
	p.sections = len(o.BodySection) + len(o.BinarySection) + len(o.BinarySectionSize)
	p.body = p.sections > 0
	p.info = p.body || o.Envelope || o.BodyStructure != nil
	return p
}

// item is a message about to be written.
type item struct {
	store.Entry
	blob  store.Blob
	info  *message.Info
	flags bool // the flags have to be said because they just changed
}

// Fetch writes what the client asked for of some messages, in batches, so that
// neither memory nor a snapshot of the store grows with their number.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.open()
	if err != nil {
		return err
	}
	s.conn.set(&s.conn.mail, true)
	defer s.conn.set(&s.conn.mail, false)
	p := newPlan(options, sel.readOnly)
	if p.sections > maxSections {
		return refused("LIMIT", "a FETCH may ask for up to %d sections", maxSections)
	}
	size := listBatch
	if p.info {
		size = infoBatch
	}
	for batch := range batches(sel.resolve(set), size) {
		items, err := s.load(sel, p, batch)
		if err != nil {
			return s.answer("fetch", err)
		}
		p.lost += len(batch) - len(items)
		for i := range items {
			if err := s.writeItem(w, sel, p, &items[i]); err != nil {
				return err
			}
		}
	}
	if p.broken > 0 {
		return refused("CORRUPTION", "%d messages could not be read: they are damaged on disk", p.broken)
	}
	return saidGone(set, p.lost)
}

// saidGone is the answer when some messages of a command were gone. Where they
// were named by number the client has to know, RFC 2180 section 4.1.2 and RFC
// 5530; a UID that is not there is ignored.
func saidGone(set imap.NumSet, lost int) error {
	if _, bySeq := set.(imap.SeqSet); bySeq && lost > 0 {
		return refused("EXPUNGEISSUED", "%d of the messages are gone", lost)
	}
	return nil
}

// load reads what is known of some messages without looking into them.
func (s *session) load(sel *selected, p *plan, uids []uint32) (items []item, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		entries, err := readEntries(tx, sel.mailbox, uids)
		if err != nil {
			return err
		}
		items = make([]item, 0, len(entries))
		for _, e := range entries {
			it := item{Entry: e}
			if p.info {
				if err := it.read(tx); err != nil {
					s.conn.log.Error("damaged mail", "uid", e.UID, "mailbox", sel.mailbox, "error", err)
					p.broken++
					p.lost-- // counted here instead
					continue
				}
			}
			items = append(items, it)
		}
		return nil
	})
	if err == nil && p.seen {
		// A full disk must not keep anybody from reading.
		marked, markErr := s.markSeen(sel, items)
		if markErr == nil {
			return marked, nil
		}
		s.conn.log.Warn("imap cannot mark as seen", "error", markErr)
	}
	return items, err
}

// read reads the message's record.
func (it *item) read(tx *store.Tx) error {
	m, err := tx.Message(it.Message)
	if err != nil {
		return err
	}
	it.blob = m.Blob
	it.info, err = message.Unmarshal(m.Meta)
	if err != nil {
		return fmt.Errorf("structure of message %d: %w: %w", it.Message, store.ErrCorrupt, err)
	}
	return nil
}

// markSeen sets \Seen on messages that are shown, RFC 9051 section 6.4.5, before
// they are. It leaves out those that are gone at that moment: who withdrew one
// was told that nobody has seen it.
func (s *session) markSeen(sel *selected, items []item) ([]item, error) {
	var unseen []uint32
	for _, it := range items {
		if it.Flags&store.Seen == 0 {
			unseen = append(unseen, it.UID)
		}
	}
	if len(unseen) == 0 {
		return items, nil
	}
	changed, err := s.setFlags(sel, unseen, func(e store.Entry) (store.Flags, []string) {
		return e.Flags | store.Seen, e.Keywords
	})
	if err != nil {
		return nil, err
	}
	there := items[:0]
	for _, it := range items {
		at, ok := slices.BinarySearchFunc(changed, it.UID, func(e store.Entry, u uint32) int { return cmp.Compare(e.UID, u) })
		switch {
		case ok:
			it.Entry, it.flags = changed[at], true
		case it.Flags&store.Seen == 0:
			continue // gone
		}
		there = append(there, it)
	}
	return there, nil
}

// writeItem writes one FETCH response. An error ends the command.
func (s *session) writeItem(w *imapserver.FetchWriter, sel *selected, p *plan, it *item) (err error) {
	var parts []part
	if p.body {
		body, err := s.server.Store.OpenBlob(it.blob)
		if err == nil {
			defer body.Close()
			parts, err = openParts(body, it.info, p)
		}
		if err != nil {
			return s.unreadable(p, it, err)
		}
	}
	m := w.CreateMessage(uint32(sel.uids.Seq(it.UID)))
	defer m.Close() // or the library waits for it for ever
	if p.UID {
		m.WriteUID(uid(it.Entry))
	}
	if p.Flags || it.flags {
		m.WriteFlags(fromFlags(it.Flags, it.Keywords))
		sel.mixed.Remove(it.UID)
	}
	if p.InternalDate {
		m.WriteInternalDate(it.Received)
	}
	if p.RFC822Size {
		m.WriteRFC822Size(it.Size)
	}
	if p.Envelope {
		m.WriteEnvelope(toEnvelope(&it.info.Envelope))
	}
	if p.BodyStructure != nil {
		m.WriteBodyStructure(toStructure(&it.info.Root))
	}
	for _, part := range parts {
		if err := part.write(m); err != nil {
			// The size is said and the bytes did not come, or the client does
			// not take them: nothing but the end of the connection says so.
			level := slog.LevelError
			if s.conn.out.failed() {
				level = slog.LevelInfo // the client's doing
			}
			s.conn.log.Log(context.Background(), level, "imap message broke off", "uid", it.UID, "mailbox", sel.mailbox, "error", err)
			s.conn.drop()
			return err
		}
	}
	return nil
}

// unreadable counts a message whose body cannot be had. Only a wrong question
// ends the command.
func (s *session) unreadable(p *plan, it *item, err error) error {
	switch {
	case errors.Is(err, message.ErrUnknownEncoding):
		return refused("UNKNOWN-CTE", "the encoding of that part of UID %d is not known; fetch BODY instead of BINARY", it.UID)
	case errors.Is(err, store.ErrNotFound):
		p.lost++ // expunged since it was looked up
	default:
		s.conn.log.Error("damaged mail", "uid", it.UID, "error", err)
		p.broken++
	}
	return nil
}
