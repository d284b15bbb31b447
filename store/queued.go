package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrSending says that a message is being handed over to another system at
// this moment: it is too late to withdraw it, and too early to say that it is
// gone.
var ErrSending = errors.New("message is being handed over right now")

// Limits of the queue.
const (
	MaxQueuedRecipients = 1000 // of one message; keeps its record within a transaction
	maxLastAnswer       = 300  // octets kept of what a server said last
)

// QueuedID names a message in the queue for ever; it is not reused.
type QueuedID uint64

// QueuedState is how far a recipient's copy has come.
type QueuedState uint8

// The states of a recipient. Trying is written before the octets that end the
// message are sent and is left when the answer is there; found at a start it
// means that power failed in between, the one case in which a message may
// arrive twice.
const (
	QueuedWaiting   QueuedState = iota // for Next
	QueuedTrying                       // handed over, the answer is not known
	QueuedDelivered                    // the next system has taken it
	QueuedFailed                       // given up, or refused for good
)

func (s QueuedState) String() string {
	switch s {
	case QueuedWaiting:
		return "waiting"
	case QueuedTrying:
		return "trying"
	case QueuedDelivered:
		return "delivered"
	}
	return "failed"
}

// Queued is a message that waits to leave, or is to be delivered here later.
// The queue refers to the stored message as a mailbox does.
type Queued struct {
	ID      QueuedID  `cbor:"-"`
	Account AccountID `cbor:"1,keyasint,omitempty"` // who sent it; 0: the box itself
	Message MessageID `cbor:"2,keyasint"`           // what is sent
	Size    int64     `cbor:"3,keyasint"`           // octets of it

	// Mailbox and UID are the entry that shows it to its sender; expunging
	// that withdraws the message. 0: it is shown nowhere. Once sent the entry
	// is expunged, or moved to the sender's mailbox for sent mail if Sent.
	Mailbox MailboxID `cbor:"4,keyasint,omitempty"`
	UID     uint32    `cbor:"5,keyasint,omitempty"`
	Sent    bool      `cbor:"6,keyasint,omitempty"`

	Name   string `cbor:"7,keyasint"`            // queue id, as the log and the client know it
	From   string `cbor:"8,keyasint,omitempty"`  // reverse path; "" is the null sender
	Body   string `cbor:"9,keyasint,omitempty"`  // 7BIT, 8BITMIME, BINARYMIME or ""
	UTF8   bool   `cbor:"10,keyasint,omitempty"` // needs SMTPUTF8 (RFC 6531)
	Secure bool   `cbor:"11,keyasint,omitempty"` // REQUIRETLS (RFC 8689)
	Return string `cbor:"12,keyasint,omitempty"` // RET: FULL, HDRS or "" (RFC 3461 4.3)
	Envid  string `cbor:"13,keyasint,omitempty"` // ENVID (RFC 3461 4.4)

	Accepted  time.Time `cbor:"14,keyasint,omitzero"`  // its age counts from here; zero: the clock was not set
	NotBefore time.Time `cbor:"15,keyasint,omitzero"`  // end of the undo time, or when it is scheduled
	Scheduled bool      `cbor:"16,keyasint,omitempty"` // NotBefore was asked for

	Recipients []QueuedRecipient `cbor:"17,keyasint"` // at most MaxQueuedRecipients

	// Forwarded is the address of the account whose mail this is a copy of; it
	// goes out in a Delivered-To field. "": the message is no such copy.
	Forwarded string `cbor:"18,keyasint,omitempty"`
}

// QueuedRecipient is one forward path of a queued message.
type QueuedRecipient struct {
	Address  string      `cbor:"1,keyasint"`
	Original string      `cbor:"2,keyasint,omitempty"` // ORCPT "type;address", decoded, or ""
	Notify   []string    `cbor:"3,keyasint,omitempty"` // NEVER, or any of SUCCESS, FAILURE, DELAY
	State    QueuedState `cbor:"4,keyasint,omitempty"`
	Attempts int         `cbor:"5,keyasint,omitempty"`
	Next     time.Time   `cbor:"6,keyasint,omitzero"` // of the next attempt; zero: at NotBefore
	Last     time.Time   `cbor:"7,keyasint,omitzero"` // of the last attempt
	Answer   string      `cbor:"8,keyasint,omitempty"`
	Host     string      `cbor:"9,keyasint,omitempty"`  // who gave the answer
	Delayed  bool        `cbor:"10,keyasint,omitempty"` // the sender knows of the delay
}

// Open tells whether something is still to be done for the recipient.
func (r *QueuedRecipient) Open() bool {
	return r.State == QueuedWaiting || r.State == QueuedTrying
}

// Domain is what follows the recipient's @, in lower case.
func (r *QueuedRecipient) Domain() string {
	return strings.ToLower(r.Address[strings.LastIndexByte(r.Address, '@')+1:])
}

// Due is when something is to be done for the message next: the earliest
// attempt, but not before NotBefore. It is zero when nothing is.
func (q *Queued) Due() time.Time {
	var due time.Time
	open := false
	for i := range q.Recipients {
		r := &q.Recipients[i]
		if r.Open() && (!open || r.Next.Before(due)) {
			due, open = r.Next, true
		}
	}
	switch {
	case !open:
		return time.Time{}
	case due.Before(q.NotBefore):
		due = q.NotBefore
	}
	if due.Unix() < 1 {
		due = time.Unix(1, 0) // zero means that nothing is to be done
	}
	return due
}

// Trying tells whether the message is being handed over.
func (q *Queued) Trying() bool {
	return slices.ContainsFunc(q.Recipients, func(r QueuedRecipient) bool { return r.State == QueuedTrying })
}

// Finished tells whether nothing is left to be done.
func (q *Queued) Finished() bool {
	return !slices.ContainsFunc(q.Recipients, func(r QueuedRecipient) bool { return r.Open() })
}

// DueQueued is what the index of due times says of a message.
type DueQueued struct {
	ID      QueuedID
	At      time.Time // to the second, rounded up
	From    string
	Domains []string // of the recipients something is to be done for
}

// dueKey sorts by time.
func (q *Queued) dueKey() []byte {
	due := q.Due()
	if due.IsZero() {
		return nil
	}
	return key(keyDue, uint64(due.Unix()), uint64(q.ID))
}

// wholeSecond rounds up, so that nothing is due early: times are kept to the
// second.
func wholeSecond(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(time.Second - 1).Truncate(time.Second).UTC()
}

// dueValue spares those who look for work reading every record.
func (q *Queued) dueValue() []byte {
	fields := []string{q.From}
	for i := range q.Recipients {
		r := &q.Recipients[i]
		if d := r.Domain(); r.Open() && !slices.Contains(fields[1:], d) {
			fields = append(fields, d)
		}
	}
	return []byte(strings.Join(fields, "\x00"))
}

// Enqueue puts q into the queue and fills in its ID. With a Mailbox and no
// UID it makes the entry that shows it, regardless of the quota: it leaves
// again. It returns ErrFull, or ErrTooLarge for too many recipients.
func (tx *Tx) Enqueue(q *Queued) error {
	if err := tx.admit(); err != nil {
		return err
	}
	if len(q.Recipients) == 0 || len(q.Recipients) > MaxQueuedRecipients {
		return fmt.Errorf("queued message has %d recipients, 1 to %d are taken: %w", len(q.Recipients), MaxQueuedRecipients, ErrTooLarge)
	}
	m, err := tx.Message(q.Message)
	if err != nil {
		return err
	}
	q.Size = m.Size
	n, err := tx.next("queued")
	if err != nil {
		return err
	}
	q.ID = QueuedID(n)
	if q.Mailbox != 0 && q.UID == 0 {
		e, err := tx.insert(q.Mailbox, Entry{Message: q.Message, Flags: Seen, Size: m.Size, Received: m.Received}, false)
		if err != nil {
			return err
		}
		q.UID = e.UID
	}
	if q.Mailbox != 0 {
		if err := tx.set(keyIn(keyOutbox, uint64(q.Mailbox), q.UID), binary.BigEndian.AppendUint64(nil, n)); err != nil {
			return err
		}
	}
	if err := tx.addRef(q.Message); err != nil {
		return err
	}
	return tx.writeQueued(q)
}

// writeQueued writes the record and its place in the order of due times.
func (tx *Tx) writeQueued(q *Queued) error {
	q.NotBefore = wholeSecond(q.NotBefore)
	for i := range q.Recipients {
		r := &q.Recipients[i]
		r.Next = wholeSecond(r.Next)
		if len(r.Answer) > maxLastAnswer {
			r.Answer = strings.ToValidUTF8(r.Answer[:maxLastAnswer], "")
		}
	}
	tx.queue = true
	if k := q.dueKey(); k != nil {
		if err := tx.set(k, q.dueValue()); err != nil {
			return err
		}
	}
	return tx.setRecord(key(keyQueued, uint64(q.ID)), q)
}

// Queued returns a message of the queue. ErrNotFound says that it was
// withdrawn or has left.
func (tx *Tx) Queued(id QueuedID) (*Queued, error) {
	q := &Queued{ID: id}
	if err := tx.getRecord(key(keyQueued, uint64(id)), q); err != nil {
		return nil, fmt.Errorf("queued message %d: %w", id, err)
	}
	return q, nil
}

// QueuedAt returns the queued message that an entry shows, or ErrNotFound.
func (tx *Tx) QueuedAt(mb MailboxID, uid uint32) (*Queued, error) {
	v, err := tx.get(keyIn(keyOutbox, uint64(mb), uid))
	if err != nil {
		return nil, fmt.Errorf("UID %d in the queue: %w", uid, err)
	}
	return tx.Queued(QueuedID(binary.BigEndian.Uint64(v)))
}

// PutQueued replaces what changes of a queued message: NotBefore, Scheduled,
// Accepted and the recipients. One that is finished is to be given to Dequeue.
func (tx *Tx) PutQueued(q *Queued) error {
	old, err := tx.Queued(q.ID)
	if err != nil {
		return err
	}
	if k := old.dueKey(); k != nil && !slices.Equal(k, q.dueKey()) {
		if err := tx.del(k); err != nil {
			return err
		}
	}
	return tx.writeQueued(q)
}

// Dequeue takes a message out of the queue, and its entry out of the mailbox
// that shows it: away, or to the mailbox sent if that is not 0.
func (tx *Tx) Dequeue(id QueuedID, sent MailboxID) error {
	q, err := tx.Queued(id)
	if err != nil {
		return err
	}
	if err := tx.forget(q); err != nil || q.Mailbox == 0 {
		return err
	}
	if sent != 0 {
		_, err = tx.Move(q.Mailbox, q.UID, sent)
	} else {
		err = tx.Expunge(q.Mailbox, q.UID)
	}
	if errors.Is(err, ErrNotFound) {
		return nil // its mailbox is gone
	}
	return err
}

// forget removes the queue's own records of a message.
func (tx *Tx) forget(q *Queued) error {
	tx.queue = true
	if k := q.dueKey(); k != nil {
		if err := tx.del(k); err != nil {
			return err
		}
	}
	if q.Mailbox != 0 {
		if err := tx.del(keyIn(keyOutbox, uint64(q.Mailbox), q.UID)); err != nil {
			return err
		}
	}
	if err := tx.del(key(keyQueued, uint64(q.ID))); err != nil {
		return err
	}
	return tx.dropRef(q.Message)
}

// withdraw takes the message an entry shows out of the queue, before the
// entry goes. It returns ErrSending when it is too late.
func (tx *Tx) withdraw(mb MailboxID, uid uint32) error {
	q, err := tx.QueuedAt(mb, uid)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if q.Trying() {
		return fmt.Errorf("UID %d: %w", uid, ErrSending)
	}
	return tx.forget(q)
}

// MoveQueued moves the entry that shows a queued message to another mailbox
// of its sender without withdrawing it, and gives it a new NotBefore.
func (tx *Tx) MoveQueued(from MailboxID, uid uint32, to MailboxID, notBefore time.Time, scheduled bool) (Entry, error) {
	q, err := tx.QueuedAt(from, uid)
	if err != nil {
		return Entry{}, err
	}
	if q.Trying() {
		return Entry{}, fmt.Errorf("UID %d: %w", uid, ErrSending)
	}
	if err := tx.del(keyIn(keyOutbox, uint64(from), uid)); err != nil {
		return Entry{}, err
	}
	e, err := tx.Move(from, uid, to)
	if err != nil {
		return Entry{}, err
	}
	q.Mailbox, q.UID, q.NotBefore, q.Scheduled = to, e.UID, notBefore, scheduled
	if err := tx.set(keyIn(keyOutbox, uint64(to), e.UID), binary.BigEndian.AppendUint64(nil, uint64(q.ID))); err != nil {
		return Entry{}, err
	}
	return e, tx.PutQueued(q)
}

// Due calls fn for the queued messages in the order in which they are due,
// until it returns false. fn must not write.
func (tx *Tx) Due(fn func(DueQueued) bool) error {
	return tx.scan([]byte{keyDue}, nil, func(k, v []byte) (bool, error) {
		fields := strings.Split(string(v), "\x00")
		return fn(DueQueued{ID: QueuedID(binary.BigEndian.Uint64(k[9:])),
			At: time.Unix(int64(binary.BigEndian.Uint64(k[1:])), 0), From: fields[0], Domains: fields[1:]}), nil
	})
}

// AllQueued returns the messages of the queue, oldest first, at most max of
// them after the one with the ID after; 0 begins at the first.
func (tx *Tx) AllQueued(after QueuedID, max int) (list []*Queued, err error) {
	var ids []QueuedID
	err = tx.scanKeys([]byte{keyQueued}, key(keyQueued, uint64(after)+1), func(k []byte) (bool, error) {
		ids = append(ids, QueuedID(binary.BigEndian.Uint64(k[1:])))
		return len(ids) < max, nil
	})
	for _, id := range ids {
		q, err := tx.Queued(id)
		if err != nil {
			return nil, err
		}
		list = append(list, q)
	}
	return list, err
}

// hasQueued tells whether a mailbox shows mail that waits to leave.
func (tx *Tx) hasQueued(mb MailboxID) (bool, error) {
	keys, err := tx.collectKeys(key(keyOutbox, uint64(mb)), 1)
	return len(keys) > 0, err
}

// dropQueue withdraws everything an account has in the queue.
func (tx *Tx) dropQueue(acct AccountID) error {
	keys, err := tx.collectKeys([]byte{keyQueued}, 0)
	if err != nil {
		return err
	}
	for _, k := range keys {
		q, err := tx.Queued(QueuedID(binary.BigEndian.Uint64(k[1:])))
		if err != nil {
			return err
		}
		if q.Account != acct {
			continue
		}
		if err := tx.forget(q); err != nil {
			return err
		}
	}
	return nil
}
