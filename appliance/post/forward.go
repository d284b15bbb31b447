package post

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Limits of forwarding.
const (
	MaxForward = 10 // addresses of one account
	// maxForwardHops is how many systems a message may have passed that is
	// still passed on: less than MaxReceived, so that what goes round ends
	// here, in a mailbox, and not in a refusal.
	maxForwardHops = 25
)

// Forward says where copies of an account's mail go.
//
// A copy leaves through the queue like other mail, with the account's own
// address as its reverse path: the systems it goes to look whether this box may
// send for that domain, as it may not for the author's, and what becomes of the
// copy is for the account to know and nobody else. Notices, which have no
// reverse path, are never forwarded, so that one about a copy that could not be
// delivered makes no other. A copy bears a Delivered-To field; mail that has one
// of this account has been here before and stays.
type Forward struct {
	To   []string `json:"to"`   // addresses elsewhere, at most MaxForward
	Keep bool     `json:"keep"` // the mailbox has it too
}

const forwardName = "forward"

// ForwardOf reads where an account's mail is forwarded; nil for nowhere.
func ForwardOf(tx *store.Tx, account store.AccountID) (*Forward, error) {
	return setting[Forward](tx, account, forwardName)
}

// PutForward sets it; nil is nowhere. The error is ErrSetting with the reason.
func (o *Office) PutForward(tx *store.Tx, account store.AccountID, f *Forward) error {
	if f == nil {
		return putSetting(tx, account, forwardName, f)
	}
	d, err := o.directory(tx)
	if err != nil {
		return err
	}
	if len(f.To) == 0 || len(f.To) > MaxForward {
		return fmt.Errorf("%w: mail is forwarded to 1 to %d addresses", ErrSetting, MaxForward)
	}
	for _, address := range f.To {
		_, domain, err := Split(address)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %q: %v", ErrSetting, address, err)
		case d.isLocal(domain):
			return fmt.Errorf("%w: %s is on this box; an alias has mail go to others here", ErrSetting, address)
		}
	}
	return putSetting(tx, account, forwardName, f)
}

// arrival is a message that is being delivered to people here.
type arrival struct {
	id   store.MessageID
	size int64
	from string // reverse path
	name string // queue id
	utf8 bool
	body string
	now  time.Time
	marks
	secure    bool // REQUIRETLS; holds for copies too
	forwarded bool // by this box; it came back to it through the queue

	info   *message.Info     // read when first needed
	onward []store.AccountID // who had it passed on
	copies []onwardCopy
}

// onwardCopy is one that was made. A message for several mailboxes of an account
// is sorted for each of them, and passed on once.
type onwardCopy struct {
	account store.AccountID
	address string
}

// read reads what is known of the message. What can't be read is as if it were
// automatic: nothing more is done with it.
func (d *directory) read(a *arrival) (*message.Info, error) {
	if a.info != nil {
		return a.info, nil
	}
	m, err := d.tx.Message(a.id)
	if err != nil {
		return nil, err
	}
	if a.info, err = message.Unmarshal(m.Meta); err != nil {
		a.info = &message.Info{Automatic: true}
	}
	return a.info, nil
}

// forward passes a message on as an account has said, and tells whether its
// mailbox is to have it too.
func (d *directory) forward(a *arrival, account store.AccountID) (keep bool, err error) {
	f, err := ForwardOf(d.tx, account)
	if errors.Is(err, store.ErrCorrupt) || err == nil && f == nil {
		return true, nil
	}
	if err != nil {
		return true, err
	}
	before := len(a.onward)
	if err := d.passOn(a, account, f.To); err != nil {
		return true, err
	}
	return f.Keep || len(a.onward) == before, nil
}

// passOn sends copies of a message on for an account, unless it is one that is
// not to be: see [Forward]. It notes in a.onward that it did.
func (d *directory) passOn(a *arrival, account store.AccountID, to []string) error {
	if len(to) == 0 || a.from == "" || a.junk || a.forwarded || d.settings.Sending == store.SendNone {
		return nil
	}
	info, err := d.read(a)
	if err != nil {
		return err
	}
	own, err := d.address(account)
	if err != nil {
		return err
	}
	if info.Received > maxForwardHops || slices.ContainsFunc(info.DeliveredTo, func(s string) bool { return d.same(s, own) }) {
		return nil
	}
	q := &store.Queued{Account: account, Message: a.id, Name: a.name, From: own, Body: a.body, UTF8: a.utf8,
		Secure: a.secure, NotBefore: a.now, Accepted: d.accepted(a.now), Forwarded: own}
	for _, address := range to {
		c := onwardCopy{account, strings.ToLower(address)}
		if !strings.EqualFold(address, a.from) && !slices.Contains(a.copies, c) { // never back to who sent it
			a.copies = append(a.copies, c)
			q.Recipients = append(q.Recipients, store.QueuedRecipient{Address: address})
		}
	}
	if len(q.Recipients) == 0 {
		return nil
	}
	if err := d.tx.Enqueue(q); err != nil {
		return err
	}
	if !slices.Contains(a.onward, account) {
		a.onward = append(a.onward, account)
	}
	return nil
}

// address is the one an account writes as when nobody says otherwise: its name
// at the main domain.
func (d *directory) address(account store.AccountID) (string, error) {
	a, err := d.tx.Account(account)
	if err != nil {
		return "", err
	}
	domain := d.name
	if len(d.settings.Domains) > 0 {
		domain = d.settings.Domains[0]
	}
	return a.Name + "@" + domain, nil
}

// same tells whether an address is an account's own, at any of the box's
// domains.
func (d *directory) same(address, own string) bool {
	local, domain, err := Split(address)
	name, _, _ := strings.Cut(own, "@")
	return err == nil && strings.EqualFold(local, name) && d.isLocal(domain)
}
