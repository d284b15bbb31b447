package pop3d

import (
	"errors"
	"fmt"
	"iter"

	"posthorn/store"
)

// item is a message of the maildrop as the session sees it: 16 octets, so
// that a hundred thousand fit a small board.
type item struct {
	size  int64
	uid   uint32
	marks marks
}

type marks uint8

const (
	deleted marks = 1 << iota // by DELE
	fetched                   // sent whole
)

// drop is an INBOX as it was at the login (RFC 1939 section 4). What other
// programs do meanwhile shows in the next session, but for messages they
// removed: those cannot be fetched.
type drop struct {
	mailbox     store.MailboxID
	uidValidity uint32
	items       []item // by UID; the message number is the index + 1
	count       int    // not marked deleted
	octets      int64  // of these

	updated bool  // QUIT came and was carried out
	fetches int   // messages sent whole
	removed int   // messages deleted at QUIT
	sent    int64 // octets of messages sent by RETR and TOP
}

// errEnough ends the reading of a maildrop with more than maxMessages.
var errEnough = errors.New("enough")

// openDrop reads an account's INBOX from one snapshot; no body is touched.
func openDrop(s *store.Store, account store.AccountID) (*drop, error) {
	var d *drop
	err := s.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByRole(account, store.RoleInbox)
		if err != nil {
			return fmt.Errorf("INBOX: %w", err)
		}
		d = &drop{
			mailbox:     mb.ID,
			uidValidity: mb.UIDValidity,
			items:       make([]item, 0, min(mb.Messages, maxMessages)),
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			if len(d.items) == maxMessages {
				return errEnough
			}
			d.items = append(d.items, item{size: e.Size, uid: e.UID})
			d.octets += e.Size
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	d.count = len(d.items)
	return d, nil
}

// uniqueID is a message's unique-id (RFC 1939 section 7, UIDL): it lasts for
// as long as the message is in the INBOX, and is never used again.
func (d *drop) uniqueID(i item) string { return fmt.Sprintf("%d.%d", d.uidValidity, i.uid) }

// present yields number and message of those not marked deleted.
func (d *drop) present() iter.Seq2[int, item] {
	return func(yield func(int, item) bool) {
		for i, it := range d.items {
			if it.marks&deleted == 0 && !yield(i+1, it) {
				return
			}
		}
	}
}

// message returns the message that a command's argument names, or nil after
// it has answered that there is none.
func (x *session) message(arg string) *item {
	n, ok := number(arg)
	switch {
	case !ok:
		x.bad("a message number is 1 or more")
	case n == 0 || n > int64(len(x.drop.items)):
		x.conn.fail("no such message, only %d messages in maildrop", len(x.drop.items))
	case x.drop.items[n-1].marks&deleted != 0:
		x.conn.fail("message %d is deleted", n)
	default:
		return &x.drop.items[n-1]
	}
	return nil
}

// number reads a decimal number of at most ten digits and nothing else.
func number(s string) (int64, bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	n := int64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}
