package post

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// letter is a short text that the box writes itself.
type letter struct {
	from, name string // address, and the name shown with it; "" for none
	to         string // address
	subject    string
	kind       string   // value of Auto-Submitted (RFC 3834 section 5)
	inReplyTo  string   // Message-ID, or ""
	references []string // Message-IDs
	text       string   // lines end with \n
}

// write makes the message.
func (l *letter) write(domain string, now time.Time) string {
	var b strings.Builder
	author := "<" + path(l.from) + ">"
	if l.name != "" {
		author = quotedName(l.name) + " " + author
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", author, path(l.to),
		encoded(l.subject), now.Format(time.RFC1123Z), rand.Text(), domain)
	if isID(l.inReplyTo) {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\n", l.inReplyTo)
	}
	if refs := slices.DeleteFunc(slices.Clone(l.references), func(id string) bool { return !isID(id) }); len(refs) > 0 {
		fmt.Fprintf(&b, "References: <%s>\r\n", strings.Join(refs, ">\r\n <"))
	}
	fmt.Fprintf(&b, "Auto-Submitted: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Transfer-Encoding: 8bit\r\n\r\n", l.kind)
	b.WriteString(strings.ReplaceAll(strings.TrimRight(l.text, "\n")+"\n", "\n", "\r\n"))
	return b.String()
}

// isID tells whether a Message-ID of somebody else can stand in a header field
// as it is.
func isID(id string) bool {
	const max = 250
	return id != "" && len(id) <= max && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' })
}

// write puts a letter on its way within the transaction that d is of. It is
// short, so that its body goes to disk with it. That there is room for it was
// looked at before.
func (d *directory) write(e *Envelope, l *letter, now time.Time) error {
	p := &parcel{blob: d.office.Store.NewBlob(), name: newID(), now: now}
	scanner := message.NewScanner()
	if _, err := io.WriteString(io.MultiWriter(p.blob, scanner), d.office.trace(e, p.name, now)+l.write(d.name, now)); err != nil {
		return err
	}
	info := scanner.Finish()
	p.messageID = info.Envelope.MessageID
	var err error
	if p.meta, err = info.Marshal(); err != nil {
		return err
	}
	_, err = d.deliver(e, p)
	return err
}

// encoded makes text fit for an unstructured header field (RFC 2047), folded.
func encoded(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

// quotedName writes a display name (RFC 5322 section 3.4).
func quotedName(s string) string {
	if e := encoded(s); strings.HasPrefix(e, "=?") {
		return e
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(encoded(s)) + `"`
}

// TellWithdrawn sends an account a notice of what became of a message it
// wanted back, for those who were not answered on a page.
func (o *Office) TellWithdrawn(ctx context.Context, account store.AccountID, subject string, w *Withdrawal) error {
	var name string
	err := o.Store.View(func(tx *store.Tx) error {
		a, err := tx.Account(account)
		if err == nil {
			name = a.Name
		}
		return err
	})
	if err != nil {
		return err
	}
	l := &letter{from: "postmaster@" + o.Name(), name: "Mail box", to: name + "@" + o.Name(), kind: "auto-replied",
		subject: "Withdrawn: " + subject, inReplyTo: w.MessageID, references: []string{w.MessageID}, text: w.words(subject)}
	if !w.Any() {
		l.subject = "Not withdrawn: " + subject
	}
	e := &Envelope{Session: "withdraw", Protocol: "local", Body: "8BITMIME", Own: true,
		Recipients: []Recipient{{Address: l.to, Notify: []string{"NEVER"}}}}
	_, err = o.Accept(ctx, e, strings.NewReader(l.write(o.Name(), time.Now())))
	return err
}

// words tell a sender what became of a message.
func (w *Withdrawal) words(subject string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "You wanted your message %q back.\n", subject)
	for _, part := range []struct {
		fate Fate
		text string
	}{
		{Withdrawn, "It was taken back, unseen, from:"},
		{Seen, "It had been seen already, and stays, with:"},
		{Removed, "It is no longer in the mailboxes of:"},
		{Left, "It has left this box and can't be called back from:"},
	} {
		if who := w.with(part.fate); len(who) > 0 {
			fmt.Fprintf(&b, "\n%s\n  %s\n", part.text, strings.Join(who, "\n  "))
		}
	}
	return b.String()
}
