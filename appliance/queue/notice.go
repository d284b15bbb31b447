package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/store"
)

// maxReturned is how much of a message is sent back when its sender asked for
// all of it (RET=FULL); larger ones come back as their header.
const maxReturned = 1 << 20

// tell sends the notices about a message (RFC 3461, RFC 3464, RFC 6522). write
// runs in the transaction that accepts them: neither is done without the
// other. A notice about a notice goes to the owner, and one that the owner
// can't be given is dropped and logged, which is where loops end.
func (q *Queue) tell(m *store.Queued, t *telling, write func(*store.Tx) error) error {
	postmaster := "postmaster@" + q.Office.Name()
	to := m.From
	if to == "" {
		if len(t.failed) == 0 {
			return q.Store.Update(write)
		}
		to = postmaster
	}
	err := q.sendNotice(m, t, to, write)
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, errChanged) || errors.Is(err, store.ErrFull) {
		return err
	}
	if m.Forwarded != "" && errors.Is(err, store.ErrQuota) {
		return errUntold // there may be no other copy, and it is nobody else's mail
	}
	q.log().Warn("sender can't be told", "queue_id", m.Name, "from", m.From, "error", err)
	if to != postmaster {
		if err = q.sendNotice(m, t, postmaster, write); err == nil || errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	q.log().Error("notice dropped: nobody can be told", "queue_id", m.Name, "error", err)
	return q.Store.Update(write)
}

// sendNotice composes a notice and puts it on its way.
func (q *Queue) sendNotice(m *store.Queued, t *telling, to string, write func(*store.Tx) error) error {
	original, closeOriginal, err := q.original(m)
	if err != nil {
		return err
	}
	defer closeOriginal()
	body := q.compose(m, t, to, original)
	e := &post.Envelope{Session: "queue", Protocol: "local", Body: "8BITMIME", Own: true, Also: write}
	e.Recipients = []post.Recipient{{Address: to, Notify: []string{"NEVER"}}}
	_, err = q.Office.Accept(context.Background(), e, body)
	return err
}

// returned is the part of a message that goes back with a notice.
type returned struct {
	kind string // media type
	text io.Reader
	id   string // message id
	subj string
}

// original opens what is returned of a message.
func (q *Queue) original(m *store.Queued) (*returned, func() error, error) {
	var stored *store.Message
	err := q.Store.View(func(tx *store.Tx) (err error) {
		stored, err = tx.Message(m.Message)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	info, err := message.Unmarshal(stored.Meta)
	if err != nil {
		return nil, nil, err
	}
	blob, err := q.Store.OpenBlob(stored.Blob)
	if err != nil {
		return nil, nil, err
	}
	skip, err := returnPath(blob)
	if err != nil {
		blob.Close()
		return nil, nil, err
	}
	r := &returned{kind: "text/rfc822-headers", text: io.NewSectionReader(blob, skip, info.HeaderSize-skip),
		id: info.Envelope.MessageID, subj: info.Envelope.Subject}
	// What may travel encrypted only is not sent back (RFC 8689 section 5).
	whole := m.Return == "FULL" && stored.Size <= maxReturned && !m.Secure
	if whole || m.Forwarded != "" { // to a mailbox here, and there may be no other copy
		r.kind, r.text = "message/rfc822", io.NewSectionReader(blob, skip, stored.Size-skip)
	}
	return r, blob.Close, nil
}

// compose writes the notice.
func (q *Queue) compose(m *store.Queued, t *telling, to string, original *returned) io.Reader {
	var b bytes.Buffer
	boundary := rand.Text()
	name := q.Office.Name()
	subject, lead := t.subject(original.subj)
	fmt.Fprintf(&b, "From: Mail box <postmaster@%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n",
		name, to, mime.QEncoding.Encode("utf-8", subject), time.Now().Format(time.RFC1123Z), rand.Text(), name)
	if original.id != "" {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n", original.id, original.id)
	}
	fmt.Fprintf(&b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=\"%s\"\r\n\r\n", boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n",
		boundary, crlf(lead+t.words(m, q.clockSet())))
	fmt.Fprintf(&b, "--%s\r\nContent-Type: message/delivery-status\r\n\r\n", boundary)
	if m.Envid != "" {
		fmt.Fprintf(&b, "Original-Envelope-Id: %s\r\n", oneLine(m.Envid))
	}
	fmt.Fprintf(&b, "Reporting-MTA: dns; %s\r\n", name)
	if !m.Accepted.IsZero() {
		fmt.Fprintf(&b, "Arrival-Date: %s\r\n", m.Accepted.Format(time.RFC1123Z))
	}
	for _, part := range []struct {
		action string
		list   []store.QueuedRecipient
	}{{"failed", t.failed}, {"delayed", t.delayed}, {"relayed", t.delivered}} {
		for i := range part.list {
			writeStatus(&b, m, &part.list[i], part.action, name)
		}
	}
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary, original.kind)
	return io.MultiReader(&b, original.text, strings.NewReader("\r\n--"+boundary+"--\r\n"))
}

// writeStatus writes the fields about one recipient (RFC 3464 section 2.3).
func writeStatus(b *bytes.Buffer, m *store.Queued, to *store.QueuedRecipient, action, name string) {
	b.WriteString("\r\n")
	if kind, address, ok := strings.Cut(to.Original, ";"); ok {
		fmt.Fprintf(b, "Original-Recipient: %s; %s\r\n", oneLine(kind), oneLine(address))
	}
	if action == "relayed" && to.Host == name {
		action = "delivered"
	}
	fmt.Fprintf(b, "Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\n", oneLine(to.Address), action, status(to.Answer, action))
	if to.Host != "" && to.Host != name {
		fmt.Fprintf(b, "Remote-MTA: dns; %s\r\n", oneLine(to.Host))
		if code(to.Answer) != 0 {
			fmt.Fprintf(b, "Diagnostic-Code: smtp; %s\r\n", oneLine(to.Answer))
		}
	}
	if !to.Last.IsZero() {
		fmt.Fprintf(b, "Last-Attempt-Date: %s\r\n", to.Last.Format(time.RFC1123Z))
	}
	if action == "delayed" {
		fmt.Fprintf(b, "Will-Retry-Until: %s\r\n", born(m).Add(MaxAge).Format(time.RFC1123Z))
	}
}

// oneLine makes text fit for a header field.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
