package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SentAge is how long it is remembered what an account sent, and to whom.
const SentAge = 30 * 24 * time.Hour

// sentPruned is how many records that are too old go when a new one comes.
const sentPruned = 4

// Sent is what an account sent: kept so that it can be withdrawn while those
// who have it on this box have not seen it. It does not refer to the stored
// message as a mailbox does: that may be gone.
type Sent struct {
	Message   MessageID `cbor:"-"`
	Account   AccountID `cbor:"1,keyasint"`           // who sent it
	MessageID string    `cbor:"2,keyasint,omitempty"` // of its header (RFC 5322 section 3.6.4), without angle brackets
	At        time.Time `cbor:"3,keyasint,omitzero"`  // when it was accepted
	Queued    QueuedID  `cbor:"4,keyasint,omitempty"` // the part that waits or waited in the queue
	Elsewhere bool      `cbor:"5,keyasint,omitempty"` // some of that is for other systems
	Places    []Place   `cbor:"6,keyasint,omitempty"` // where it was put on this box

	// Onward are the accounts whose mail went on to another system when it
	// came in: what is withdrawn here is still there.
	Onward []AccountID `cbor:"7,keyasint,omitempty"`
}

// Place is an entry of a mailbox of an account.
type Place struct {
	Account AccountID `cbor:"1,keyasint"`
	Mailbox MailboxID `cbor:"2,keyasint"`
	UID     uint32    `cbor:"3,keyasint"`
}

func (s *Sent) indexKey() []byte {
	return binary.BigEndian.AppendUint64(sentPrefix(s.Account, s.MessageID), uint64(s.Message))
}

// sentPrefix is of the index: account, the first half of a hash of the Message-ID.
func sentPrefix(account AccountID, messageID string) []byte {
	sum := sha256.Sum256([]byte(messageID))
	return append(key(keySentAs, uint64(account)), sum[:16]...)
}

// PutSent remembers what an account sent, or replaces what is remembered.
// Records older than SentAge go as new ones come.
func (tx *Tx) PutSent(s *Sent) error {
	if err := tx.pruneSent(s.At.Add(-SentAge)); err != nil {
		return err
	}
	if err := tx.set(s.indexKey(), mark); err != nil {
		return err
	}
	return tx.setRecord(key(keySent, uint64(s.Message)), s)
}

// pruneSent removes the oldest records if they are from before the time given.
func (tx *Tx) pruneSent(before time.Time) error {
	keys, err := tx.collectKeys([]byte{keySent}, sentPruned)
	if err != nil {
		return err
	}
	for _, k := range keys {
		s, err := tx.Sent(MessageID(binary.BigEndian.Uint64(k[1:])))
		if err != nil {
			return err
		}
		if !s.At.Before(before) {
			return nil
		}
		if err := tx.DeleteSent(s); err != nil {
			return err
		}
	}
	return nil
}

// Sent returns what is remembered of a message's sending, or ErrNotFound for
// one that nobody here sent, or that was sent too long ago.
func (tx *Tx) Sent(id MessageID) (*Sent, error) {
	s := &Sent{Message: id}
	if err := tx.getRecord(key(keySent, uint64(id)), s); err != nil {
		return nil, fmt.Errorf("sent message %d: %w", id, err)
	}
	return s, nil
}

// SentAs returns what an account sent under a Message-ID, oldest first: more
// than one if a program sent the message in parts. At most 100 are looked at.
func (tx *Tx) SentAs(account AccountID, messageID string) (list []*Sent, err error) {
	keys, err := tx.collectKeys(sentPrefix(account, messageID), sentListed)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		s, err := tx.Sent(sentMessage(k))
		if err != nil {
			return nil, err
		}
		if s.MessageID == messageID {
			list = append(list, s)
		}
	}
	return list, nil
}

// sentMessage reads the message off a key of the index.
func sentMessage(k []byte) MessageID {
	return MessageID(binary.BigEndian.Uint64(k[len(k)-8:]))
}

// sentListed is how many records a list of what was sent has at most.
const sentListed = 100

// SentBy returns the latest of what an account sent, newest first, at most 100.
func (tx *Tx) SentBy(account AccountID) ([]*Sent, error) {
	var ids []MessageID
	err := tx.scanKeys(key(keySentAs, uint64(account)), nil, func(k []byte) (bool, error) {
		ids = append(ids, sentMessage(k))
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	var list []*Sent
	for _, id := range ids[:min(len(ids), sentListed)] {
		s, err := tx.Sent(id)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// DeleteSent forgets what was sent.
func (tx *Tx) DeleteSent(s *Sent) error {
	if err := tx.del(s.indexKey()); err != nil {
		return err
	}
	return tx.del(key(keySent, uint64(s.Message)))
}

// IsSent tells whether it is remembered who on this box sent a message, so
// that it may yet be withdrawn.
func (tx *Tx) IsSent(id MessageID) (bool, error) { return tx.has(key(keySent, uint64(id))) }

// References is how many entries of mailboxes and of the queue refer to a
// message; 0 if it is gone.
func (tx *Tx) References(id MessageID) (uint64, error) {
	if _, err := tx.Message(id); errors.Is(err, ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if f := tx.fresh[id]; f != nil {
		return f.refs, nil
	}
	return tx.refs(id)
}

// Places returns every place a message has in the mailboxes of an account. It
// reads them all, which takes time: it is for a View.
func (tx *Tx) Places(account AccountID, id MessageID) (list []Place, err error) {
	boxes, err := tx.Mailboxes(account)
	if err != nil {
		return nil, err
	}
	for _, mb := range boxes {
		for e, err := range tx.Entries(mb.ID, 0, 0) {
			if err != nil {
				return nil, err
			}
			if e.Message == id {
				list = append(list, Place{Account: account, Mailbox: mb.ID, UID: e.UID})
			}
		}
	}
	return list, nil
}
