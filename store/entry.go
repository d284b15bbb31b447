package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
)

func (e *Entry) encode() []byte {
	b := make([]byte, 0, 48)
	b = append(b, 1, byte(e.Flags))
	b = binary.AppendUvarint(b, e.ModSeq)
	b = binary.AppendUvarint(b, uint64(e.Message))
	b = binary.AppendUvarint(b, uint64(e.Size))
	b = appendTime(b, e.Received)
	b = appendTime(b, e.Saved)
	b = appendTime(b, e.Expires)
	for _, k := range e.Keywords {
		b = binary.AppendUvarint(b, uint64(len(k)))
		b = append(b, k...)
	}
	return b
}

func decodeEntry(uid uint32, v []byte) (Entry, error) {
	d := decoder{b: v}
	e := Entry{UID: uid}
	version := d.octet()
	e.Flags = Flags(d.octet())
	e.ModSeq = d.uvarint()
	e.Message = MessageID(d.uvarint())
	e.Size = int64(d.uvarint())
	e.Received, e.Saved, e.Expires = d.time(), d.time(), d.time()
	for len(d.b) > 0 {
		e.Keywords = append(e.Keywords, d.text())
	}
	if d.bad || version != 1 {
		return Entry{}, fmt.Errorf("entry of UID %d: %w", uid, ErrCorrupt)
	}
	return e, nil
}

// cleanKeywords sorts keywords and takes out doubles, comparing without regard
// to case as RFC 9051 2.3.2 asks.
func cleanKeywords(in []string) ([]string, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	out = slices.CompactFunc(out, strings.EqualFold)
	if len(out) > MaxKeywords {
		return nil, fmt.Errorf("a message has at most %d keywords: %w", MaxKeywords, ErrTooLarge)
	}
	for _, k := range out {
		if k == "" || len(k) > MaxKeywordLength {
			return nil, fmt.Errorf("%w: a keyword has 1 to %d octets", ErrInvalidName, MaxKeywordLength)
		}
	}
	return out, nil
}

// Entry returns a message's place in a mailbox.
func (tx *Tx) Entry(mb MailboxID, uid uint32) (Entry, error) {
	v, err := tx.get(keyIn(keyEntry, uint64(mb), uid))
	if err != nil {
		return Entry{}, fmt.Errorf("UID %d: %w", uid, err)
	}
	return decodeEntry(uid, v)
}

// Entries yields the entries of a mailbox with UIDs from first to last (0 = to
// the end), ascending. In an update, the loop must neither write nor iterate.
func (tx *Tx) Entries(mb MailboxID, first, last uint32) iter.Seq2[Entry, error] {
	if last == 0 {
		last = math.MaxUint32
	}
	return func(yield func(Entry, error) bool) {
		err := tx.scan(key(keyEntry, uint64(mb)), keyIn(keyEntry, uint64(mb), first), func(k, v []byte) (bool, error) {
			uid := lastNumber(k)
			if uid > last {
				return false, nil
			}
			e, err := decodeEntry(uid, v)
			return err == nil && yield(e, nil), err
		})
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

// Append puts a message into a mailbox. It returns ErrQuota, ErrFull, or
// ErrNotFound for a mailbox or message that is not there.
func (tx *Tx) Append(mb MailboxID, id MessageID, flags Flags, keywords []string) (Entry, error) {
	m, err := tx.Message(id)
	if err != nil {
		return Entry{}, err
	}
	keywords, err = cleanKeywords(keywords)
	if err != nil {
		return Entry{}, err
	}
	return tx.insert(mb, Entry{Message: id, Flags: flags & allFlags, Keywords: keywords, Size: m.Size, Received: m.Received}, true)
}

// insert gives e the mailbox's next UID and puts it in. grows says that the
// account's usage grows by it and must be within the quota.
func (tx *Tx) insert(mb MailboxID, e Entry, grows bool) (Entry, error) {
	if err := tx.admit(); err != nil {
		return Entry{}, err
	}
	m, err := tx.open(mb)
	if err != nil {
		return Entry{}, err
	}
	if m.UIDNext == math.MaxUint32 {
		return Entry{}, fmt.Errorf("mailbox %q has used all UIDs: %w", m.Name, ErrTooLarge)
	}
	if grows {
		if err := tx.checkQuota(m.Account, e.Size); err != nil {
			return Entry{}, err
		}
	}
	if err := tx.addUsage(m.Account, e.Size, 1); err != nil {
		return Entry{}, err
	}
	if err := tx.addRef(e.Message); err != nil {
		return Entry{}, err
	}
	m.touch()
	e.UID = m.UIDNext
	m.UIDNext++
	e.ModSeq = m.ModSeq
	e.Saved = time.Now().UTC().Truncate(time.Second)
	m.count(e, 1)
	m.changed.Add(e.UID)
	b, err := m.block(tx, e.UID)
	if err != nil {
		return Entry{}, err
	}
	b.put(e.UID, e.Flags)
	return e, tx.putEntry(mb, e)
}

// count keeps the mailbox's totals as an entry comes (+1) or goes (-1).
func (m *openMailbox) count(e Entry, by int) {
	m.Messages += uint32(by)
	m.Size += int64(by) * e.Size
	if e.Flags&Seen == 0 {
		m.Unseen += uint32(by)
	}
	if e.Flags&Deleted != 0 {
		m.Deleted += uint32(by)
	}
	m.dirty = true
}

func (tx *Tx) putEntry(mb MailboxID, e Entry) error {
	return tx.set(keyIn(keyEntry, uint64(mb), e.UID), e.encode())
}

// checkQuota returns ErrQuota when size octets more would be too many.
func (tx *Tx) checkQuota(id AccountID, size int64) error {
	a, err := tx.Account(id)
	if err != nil || a.Quota == 0 {
		return err
	}
	u, err := tx.Usage(id)
	if err != nil {
		return err
	}
	if u.Bytes+size > a.Quota {
		return fmt.Errorf("account %q holds %d of %d octets: %w", a.Name, u.Bytes, a.Quota, ErrQuota)
	}
	return nil
}

// SetFlags gives a message exactly these flags and keywords. It changes
// nothing, the modification sequence included, when it has them already.
func (tx *Tx) SetFlags(mb MailboxID, uid uint32, flags Flags, keywords []string) (Entry, error) {
	keywords, err := cleanKeywords(keywords)
	if err != nil {
		return Entry{}, err
	}
	e, err := tx.Entry(mb, uid)
	if err != nil {
		return Entry{}, err
	}
	flags &= allFlags
	if e.Flags == flags && slices.Equal(e.Keywords, keywords) {
		return e, nil
	}
	m, err := tx.open(mb)
	if err != nil {
		return Entry{}, err
	}
	m.touch()
	m.count(e, -1)
	e.Flags, e.Keywords, e.ModSeq = flags, keywords, m.ModSeq
	m.count(e, 1)
	m.changed.Add(uid)
	b, err := m.block(tx, uid)
	if err != nil {
		return Entry{}, err
	}
	b.put(uid, flags)
	return e, tx.putEntry(mb, e)
}

// SetExpiry says when a message leaves its mailbox by itself; the zero time
// takes that back.
func (tx *Tx) SetExpiry(mb MailboxID, uid uint32, at time.Time) error {
	e, err := tx.Entry(mb, uid)
	if err != nil {
		return err
	}
	if err := tx.dropExpiry(mb, e); err != nil {
		return err
	}
	if e.Expires = at.UTC().Truncate(time.Second); at.IsZero() {
		e.Expires = time.Time{}
	} else if err := tx.set(expiryKey(mb, e), mark); err != nil {
		return err
	}
	return tx.putEntry(mb, e)
}

func expiryKey(mb MailboxID, e Entry) []byte {
	k := key(keyExpiry, uint64(max(e.Expires.Unix(), 0)), uint64(mb))
	return binary.BigEndian.AppendUint32(k, e.UID)
}

func (tx *Tx) dropExpiry(mb MailboxID, e Entry) error {
	if e.Expires.IsZero() {
		return nil
	}
	return tx.del(expiryKey(mb, e))
}

// Copy puts a message into another mailbox with its flags and INTERNALDATE.
func (tx *Tx) Copy(from MailboxID, uid uint32, to MailboxID) (Entry, error) {
	e, err := tx.Entry(from, uid)
	if err != nil {
		return Entry{}, err
	}
	e.Expires = time.Time{}
	return tx.insert(to, e, true)
}

// Move is Copy and Expunge in one; within an account it needs no quota.
func (tx *Tx) Move(from MailboxID, uid uint32, to MailboxID) (Entry, error) {
	e, err := tx.Entry(from, uid)
	if err != nil {
		return Entry{}, err
	}
	src, err := tx.open(from)
	if err != nil {
		return Entry{}, err
	}
	dst, err := tx.open(to)
	if err != nil {
		return Entry{}, err
	}
	if err := tx.withdraw(from, uid); err != nil {
		return Entry{}, err
	}
	moved := e
	moved.Expires = time.Time{}
	// Making room in a full box is moving to Trash and emptying it: a move
	// within the account adds next to nothing and is let through.
	admitted := tx.adding
	tx.adding = admitted || src.Account == dst.Account
	moved, err = tx.insert(to, moved, src.Account != dst.Account)
	tx.adding = admitted
	if err != nil {
		return Entry{}, err
	}
	return moved, tx.Expunge(from, uid)
}

// Expunge takes a message out of a mailbox, for good. Where the entry shows a
// message that waits to leave, that is withdrawn; it returns ErrSending when it
// is too late for it.
func (tx *Tx) Expunge(mb MailboxID, uid uint32) error {
	e, err := tx.Entry(mb, uid)
	if err != nil {
		return err
	}
	if err := tx.withdraw(mb, uid); err != nil {
		return err
	}
	m, err := tx.open(mb)
	if err != nil {
		return err
	}
	m.touch()
	m.count(e, -1)
	m.changed.Remove(uid)
	m.expunged.Add(uid)
	b, err := m.block(tx, uid)
	if err != nil {
		return err
	}
	b.remove(uid)
	if err := tx.addUsage(m.Account, -e.Size, -1); err != nil {
		return err
	}
	return tx.removeEntry(mb, e)
}

// removeEntry deletes an entry's records; the mailbox is the caller's care.
func (tx *Tx) removeEntry(mb MailboxID, e Entry) error {
	if err := tx.dropExpiry(mb, e); err != nil {
		return err
	}
	if err := tx.del(keyIn(keyEntry, uint64(mb), e.UID)); err != nil {
		return err
	}
	return tx.dropRef(e.Message)
}

// ExpireBefore expunges messages whose time to leave has come, at most max of
// them, and returns how many it was. The caller answers for now being the true
// time.
func (s *Store) ExpireBefore(now time.Time, max int) (int, error) {
	n := 0
	err := s.Update(func(tx *Tx) error {
		n = 0
		keys, err := tx.collectKeys([]byte{keyExpiry}, max)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if binary.BigEndian.Uint64(k[1:]) > uint64(now.Unix()) {
				break
			}
			mb, uid := MailboxID(binary.BigEndian.Uint64(k[9:])), lastNumber(k)
			_, err := tx.Entry(mb, uid)
			if err == nil {
				err = tx.Expunge(mb, uid)
			}
			switch {
			case errors.Is(err, ErrSending):
				continue // it is leaving the box just now
			case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
				// Its mailbox was deleted and is being swept, or the entry is
				// damaged, which must not keep the others.
				err = tx.del(k)
			}
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
