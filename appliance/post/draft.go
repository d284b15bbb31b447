package post

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Draft is a message that somebody puts into a mailbox to have it sent: who
// gets it is in its header. It is written to as it comes and made into a
// submission; the message in the mailbox stays as it is, so that it can be
// taken back with its Bcc field.
type Draft struct {
	// Protocol is what the Received field says it came by: "IMAP", or what the
	// caller makes of it before the first Write.
	Protocol string

	office  *Office
	account store.AccountID
	remote  netip.Addr
	now     time.Time
	name    string

	raw     *message.Scanner // of the header as it came, for the recipients
	edit    *editor
	head    bytes.Buffer // of the header as it goes out
	blob    *store.BlobWriter
	scanner *message.Scanner // of the message as it goes out

	begun bool // the header is through
	from  string
	to    []string
	meta  []byte
	utf8  bool
	err   error

	messageID string
}

// NewDraft begins a draft of an account; remote is its mail program's address,
// for the Received field. Abort it in the end, whatever came of it.
func (o *Office) NewDraft(account store.AccountID, remote netip.Addr) *Draft {
	now := time.Now()
	d := &Draft{Protocol: "IMAP", office: o, account: account, remote: remote, now: now, name: newID(),
		raw: message.NewScanner(), blob: o.Store.NewBlob(), scanner: message.NewScanner()}
	d.edit = &editor{w: &d.head, date: now.Format(time.RFC1123Z), messageID: d.name + "@" + o.Name(), draft: true}
	return d
}

// Write takes a piece of the message. Its errors are ErrHeader and those of
// the store.
func (d *Draft) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if !d.begun {
		d.raw.Write(p)
	}
	if _, d.err = d.edit.Write(p); d.err == nil && !d.begun && d.edit.state == inBody {
		d.err = d.begin()
	}
	return len(p), d.err
}

// begin writes the header once it is through: only then is it known from whom
// the message is.
func (d *Draft) begin() error {
	d.begun = true
	sender := d.edit.from
	if len(d.edit.sender) > 0 {
		sender = d.edit.sender
	}
	if len(sender) == 0 {
		return fmt.Errorf("%w: it has no From field", ErrHeader)
	}
	authors, err := parseAuthors(sender[0])
	if err != nil {
		return err
	}
	d.from = authors[0]
	out := io.MultiWriter(d.blob, d.scanner)
	e := &Envelope{From: d.from, Remote: d.remote, Helo: "mail program", Protocol: d.Protocol}
	if _, err := io.WriteString(out, d.office.trace(e, d.name, d.now)); err != nil {
		return err
	}
	d.edit.w = out
	_, err = d.head.WriteTo(out)
	return err
}

// Finish ends the message. The errors are ErrHeader, ErrAddress,
// ErrNoRecipients, ErrSendTime and those of the store.
func (d *Draft) Finish() error {
	if d.err != nil {
		return d.err
	}
	if err := d.edit.finish(); err != nil {
		return err
	}
	if !d.begun {
		if err := d.begin(); err != nil {
			return err
		}
	}
	if err := d.recipients(); err != nil {
		return err
	}
	info := d.scanner.Finish()
	d.utf8, d.messageID = info.EightBitHeader, info.Envelope.MessageID
	if info.NUL {
		return fmt.Errorf("%w: the message contains NUL octets, which mail can't carry", ErrHeader)
	}
	var err error
	d.meta, err = info.Marshal()
	return err
}

// recipients collects who the header names, once each.
func (d *Draft) recipients() error {
	e := d.raw.Finish().Envelope
	for _, list := range [][]message.Address{e.To, e.Cc, e.Bcc} {
		if len(list) >= message.MaxAddresses {
			return fmt.Errorf("message has more than %d recipients in one field: %w", message.MaxAddresses-1, store.ErrTooLarge)
		}
		for _, a := range list {
			switch address := a.String(); {
			case address == "": // the ends of a group
			case a.Host == message.MissingHost || a.Mailbox == message.MissingMailbox:
				return fmt.Errorf("%q: %w", a.Name+" "+a.Mailbox, ErrAddress)
			case !slices.Contains(d.to, address):
				d.to = append(d.to, address)
			}
		}
	}
	if len(d.to) == 0 {
		return ErrNoRecipients
	}
	return nil
}

// Enqueue puts the message into the queue, within tx: shown by the entry uid
// of mailbox mb, where the draft itself lies, and sent when that mailbox says.
// The errors are those of Resolve and MaySend, ErrSendTime and ErrClock.
func (d *Draft) Enqueue(tx *store.Tx, mb *store.Mailbox, uid uint32) error {
	dir, err := d.office.directory(tx)
	if err != nil {
		return err
	}
	at, scheduled, err := d.office.When(tx, mb, d.now)
	if err != nil {
		return err
	}
	if !scheduled {
		asked, err := d.office.sendAt(&Envelope{}, d.edit, d.now)
		if err != nil {
			return err
		}
		if !asked.IsZero() {
			at, scheduled = asked, true
		}
	}
	if err := dir.checkAuthor(d.account, d.edit); err != nil {
		return err
	}
	e := &Envelope{Submitter: &store.Account{ID: d.account}}
	var to []store.QueuedRecipient
	for _, address := range d.to {
		if _, err := dir.reach(e, address); err != nil {
			return err
		}
		to = append(to, store.QueuedRecipient{Address: address})
	}
	id, err := tx.PutMessage(d.blob, d.now, d.meta)
	if err != nil {
		return err
	}
	q := &store.Queued{Account: d.account, Message: id, Mailbox: mb.ID, UID: uid, Sent: true,
		Name: d.name, From: d.from, UTF8: d.utf8, Accepted: dir.accepted(d.now), NotBefore: at, Scheduled: scheduled,
		Recipients: to}
	if err := tx.Enqueue(q); err != nil {
		return err
	}
	return dir.remember(e, &parcel{messageID: d.messageID, now: d.now}, &arrival{id: id}, nil, q)
}

// Name is the queue id, as the log knows it.
func (d *Draft) Name() string { return d.name }

// Abort gives back what the draft holds; harmless after Enqueue's transaction.
func (d *Draft) Abort() { d.blob.Abort() }

// When tells when a message put into an outgoing mailbox is to be sent: after
// the undo time, or when the mailbox's name says. Names say it in the zone of
// the account, or else of the box.
func (o *Office) When(tx *store.Tx, mb *store.Mailbox, now time.Time) (at time.Time, scheduled bool, err error) {
	name, sends, err := Outbox(tx, mb)
	if err != nil {
		return time.Time{}, false, err
	}
	if !sends {
		return time.Time{}, false, errors.New("mailbox is not one for outgoing mail")
	}
	d, err := o.directory(tx)
	if err != nil {
		return time.Time{}, false, err
	}
	if name == "" {
		undo, err := d.undo(mb.Account)
		return now.Add(undo), false, err
	}
	if !d.clockSet {
		return time.Time{}, false, fmt.Errorf("%w: it can't tell when %q is", ErrClock, name)
	}
	a, err := tx.Account(mb.Account)
	if err != nil {
		return time.Time{}, false, err
	}
	at, err = SendTime(name, now.In(zone(a.TimeZone, d.settings.TimeZone)))
	return at, true, err
}

// zone is the first of the named time zones that is known; else UTC.
func zone(names ...string) *time.Location {
	for _, name := range names {
		if z, err := time.LoadLocation(name); err == nil && name != "" {
			return z
		}
	}
	return time.UTC
}
