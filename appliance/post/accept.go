package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// copyBuffer is the size in octets of the pieces a body moves in.
const copyBuffer = 16 << 10

// Accept takes a message in: it reads body to its end, writes it to the store
// with its trace fields on top, and puts it into the mailbox of each recipient
// of e. When it returns nil the message is on disk and id is what the client
// should be told; otherwise nothing was delivered to anybody.
//
// Errors of body come back wrapped as they are. The others are ErrLoop,
// ErrForged, ErrUnchecked, ErrHeader, ErrNotYours and ErrSendTime (submissions), ErrChanged, store.ErrQuota,
// ErrNeverFits, store.ErrFull, and whatever the store reports.
func (o *Office) Accept(ctx context.Context, e *Envelope, body io.Reader) (id string, err error) {
	if len(e.Recipients) == 0 {
		return "", errors.New("message has no recipients")
	}
	now := time.Now()
	if err := o.count(e, now); err != nil {
		return "", err
	}
	id = newID()
	blob := o.Store.NewBlob()
	defer blob.Abort()
	scanner := message.NewScanner()
	sink := io.MultiWriter(blob, scanner)
	var in *incoming
	if e.Submitter == nil && !e.Own {
		if in, err = o.watch(ctx, e, sink); err != nil {
			return "", err
		}
		defer in.abort()
	}
	edit, err := o.take(ctx, e, in, body, sink, id, now)
	if err != nil {
		return "", err
	}
	info := scanner.Finish()
	if info.Received > MaxReceived+1 { // one is ours
		return "", fmt.Errorf("%w (%d; %d are allowed)", ErrLoop, info.Received-1, MaxReceived)
	}
	var known marks
	if in != nil {
		if known, err = o.top(ctx, e, in, blob, info); err != nil {
			return "", err
		}
	}
	meta, err := info.Marshal()
	if err != nil {
		return "", fmt.Errorf("describe message: %w", err)
	}
	at, err := o.sendAt(e, edit, now)
	if err != nil {
		return "", err
	}
	var here bool
	err = o.Store.Update(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		if edit != nil {
			if err := d.checkAuthor(e.Submitter.ID, edit); err != nil {
				return err
			}
		}
		here, err = d.deliver(e, &parcel{blob: blob, name: id, messageID: info.Envelope.MessageID, now: now, meta: meta, at: at, marks: known})
		if err != nil {
			return err
		}
		if e.Also != nil {
			return e.Also(tx)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if here {
		o.delivered.Add(1)
	}
	o.log().InfoContext(ctx, "message accepted", "session", e.Session, "queue_id", id,
		"client", e.Remote, "protocol", e.Protocol,
		"from", e.From, "to", summary(e.Recipients), "size", blob.Size(), "message_id", info.Envelope.MessageID)
	return id, nil
}

// take streams trace fields and body to w, what comes in through in. For a
// submission it returns the editor the header went through.
func (o *Office) take(ctx context.Context, e *Envelope, in *incoming, body io.Reader, w io.Writer, id string, now time.Time) (*editor, error) {
	trace := o.trace(e, id, now)
	if in != nil {
		trace = o.received(e, id, now) // the rest is known at the end
	}
	if _, err := io.WriteString(w, trace); err != nil {
		return nil, err
	}
	if in != nil {
		w = in
	}
	var edit *editor
	if e.Submitter != nil {
		edit = &editor{w: w, date: now.Format(time.RFC1123Z), messageID: id + "@" + o.Name()}
		w = edit
	}
	buf := make([]byte, copyBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case edit != nil:
		return edit, edit.finish()
	case in != nil:
		return nil, in.sieve.finish()
	}
	return nil, nil
}

// parcel is a message on its way from Accept into the store.
type parcel struct {
	blob *store.BlobWriter
	name string // queue id
	now  time.Time
	meta []byte
	at   time.Time // when it is to be sent; zero: now

	messageID string
	marks     marks
}

// deliver puts the message into every mailbox it is for, once each, and what
// leaves the box, or is for later, into the queue. here tells whether any
// mailbox has it now.
func (d *directory) deliver(e *Envelope, p *parcel) (here bool, err error) {
	var to []delivery
	var out []store.QueuedRecipient
	for _, rcpt := range e.Recipients {
		r, err := d.reach(e, rcpt.Address)
		if err != nil {
			return false, fmt.Errorf("%w: %v", ErrChanged, err)
		}
		if !p.at.IsZero() {
			out = append(out, rcpt.queued(rcpt.Address))
			continue
		}
		for _, one := range r.local {
			if !slices.Contains(to, one) {
				to = append(to, one)
			}
		}
		for _, address := range r.remote {
			out = append(out, rcpt.queued(address))
		}
	}
	id, err := d.tx.PutMessage(p.blob, p.now, p.meta)
	if err != nil {
		return false, err
	}
	a := &arrival{id: id, size: p.blob.Size(), from: e.From, name: p.name, utf8: e.UTF8, body: e.Body, secure: e.Secure, now: p.now, marks: p.marks}
	places, err := d.putAll(to, a)
	if err != nil {
		return false, err
	}
	q, err := d.enqueue(e, p, id, out)
	if err != nil {
		return false, err
	}
	return len(to) > 0, d.remember(e, p, a, places, q)
}

// putAll appends to every mailbox, once each, as the rules of its account say.
// What is junk is not for rules to file. Then it does what else the account
// wants done with what arrives.
func (d *directory) putAll(to []delivery, a *arrival) (places []store.Place, err error) {
	keep := make(map[store.AccountID]bool)
	for _, one := range to {
		if _, done := keep[one.account]; !done {
			if keep[one.account], err = d.forward(a, one.account); err != nil {
				return nil, err
			}
		}
		if !keep[one.account] {
			continue
		}
		mb, err := d.mailbox(one)
		if err != nil {
			return nil, err
		}
		var flags store.Flags
		if a.junk {
			mb, err = d.junk(one.account, mb)
		} else {
			mb, flags, err = d.sort(a, one.account, mb)
		}
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(places, func(p store.Place) bool { return p.Mailbox == mb }) {
			continue
		}
		uid, err := d.put(one.account, mb, a, flags)
		if err != nil {
			return nil, err
		}
		places = append(places, store.Place{Account: one.account, Mailbox: mb, UID: uid})
	}
	for account := range keep {
		if err := d.answer(a, account); err != nil {
			return nil, err
		}
	}
	return places, nil
}

// put appends to one mailbox and says whose quota was in the way.
func (d *directory) put(account store.AccountID, mb store.MailboxID, a *arrival, flags store.Flags) (uid uint32, err error) {
	e, err := d.tx.Append(mb, a.id, flags, a.keywords)
	if !errors.Is(err, store.ErrQuota) {
		return e.UID, err
	}
	acct, lookup := d.tx.Account(account)
	if lookup != nil {
		return 0, lookup
	}
	if a.size > acct.Quota {
		return 0, fmt.Errorf("<%s>: %w", acct.Name, ErrNeverFits)
	}
	return 0, fmt.Errorf("<%s>: mailbox is full: %w", acct.Name, store.ErrQuota)
}

// summary names recipients in the log: all of a few, the first of many.
func summary(all []Recipient) string {
	const named = 5
	names := make([]string, 0, named+1)
	for i, r := range all {
		if i == named {
			names = append(names, fmt.Sprintf("and %d more", len(all)-named))
			break
		}
		names = append(names, r.Address)
	}
	return strings.Join(names, " ")
}
