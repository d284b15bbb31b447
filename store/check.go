package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// maxProblems bounds the list of a report; the count goes on.
const maxProblems = 1000

// Report is what Check found.
type Report struct {
	Accounts  int
	Mailboxes int
	Entries   int
	Messages  int
	Bodies    int64    // octets of bodies read and verified
	Problems  []string // the first thousand, in words
	Count     int      // of problems
}

func (r *Report) add(format string, args ...any) {
	if r.Count++; len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Check reads the whole store and verifies it: tables and records that can't be
// read, counters against what they count, bitmaps against entries, references both
// ways, UID and modification sequence order, every body's length and hash. It
// runs on a snapshot beside other work and changes nothing. The error is for a
// check that could not be finished; problems are in the report.
func (s *Store) Check(ctx context.Context) (*Report, error) {
	r := &Report{}
	// Updates under way would look like problems: the snapshot is taken by
	// the committer's rules, so there are none in it.
	err := s.View(func(tx *Tx) error {
		c := &checker{Report: r, ctx: ctx, tx: tx, refs: newTally()}
		for _, step := range []func() error{c.tables, c.accounts, c.strays, c.queue, c.sent, c.messages, c.leftovers} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

type checker struct {
	*Report
	ctx   context.Context
	tx    *Tx
	refs  *tally // entries seen that refer to each message
	boxes map[MailboxID]bool
	buf   []byte // the chunk being verified
}

// note records an unreadable record as a problem and passes other errors on.
func (c *checker) note(err error, format string, args ...any) error {
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
		c.add("%s: %v", fmt.Sprintf(format, args...), err)
		return nil
	}
	return err
}

// tables verifies the files themselves: records in a damaged block are
// answered as absent, and so would be missed only where something refers to them.
func (c *checker) tables() error {
	for path, err := range c.tx.s.damagedTables(c.ctx) {
		c.add("table %s: %v", filepath.Base(path), err)
	}
	return c.ctx.Err()
}

func (c *checker) accounts() error {
	c.boxes = make(map[MailboxID]bool)
	keys, err := c.tx.collectKeys([]byte{keyAccount}, 0)
	if err != nil {
		return err
	}
	for _, k := range keys {
		id := AccountID(binary.BigEndian.Uint64(k[1:]))
		a, err := c.tx.Account(id)
		if err != nil {
			if err := c.note(err, "account %d", id); err != nil {
				return err
			}
			continue
		}
		c.Accounts++
		if byName, err := c.tx.AccountByName(a.Name); err != nil || byName.ID != id {
			c.add("account %q can't be found by its name", a.Name)
		}
		if err := c.account(a); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) account(a *Account) error {
	boxes, err := c.tx.Mailboxes(a.ID)
	if err != nil {
		return c.note(err, "mailboxes of %q", a.Name)
	}
	var sum Usage
	roles := make(map[Role]bool)
	for _, m := range boxes {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.Mailboxes++
		c.boxes[m.ID] = true
		if m.Account != a.ID {
			c.add("mailbox %q of %q says it belongs to account %d", m.Name, a.Name, m.Account)
		}
		if m.Role != "" && roles[m.Role] {
			c.add("%q has two mailboxes for %s", a.Name, m.Role)
		}
		roles[m.Role] = true
		if err := c.mailbox(a, m); err != nil {
			return err
		}
		sum.Bytes += m.Size
		sum.Messages += int64(m.Messages)
	}
	used, err := c.tx.Usage(a.ID)
	if err != nil {
		return c.note(err, "usage of %q", a.Name)
	}
	if used != sum {
		c.add("usage of %q is kept as %+v, its mailboxes hold %+v", a.Name, used, sum)
	}
	return nil
}

func (c *checker) mailbox(a *Account, m *Mailbox) error {
	var found Mailbox
	want := make(map[uint32]*block)
	for e, err := range c.tx.Entries(m.ID, 0, 0) {
		if err != nil {
			return c.note(err, "an entry of %q of %q", m.Name, a.Name)
		}
		c.Entries++
		c.refs.add(uint64(e.Message))
		found.Messages++
		found.Size += e.Size
		if e.Flags&Seen == 0 {
			found.Unseen++
		}
		if e.Flags&Deleted != 0 {
			found.Deleted++
		}
		if e.UID >= m.UIDNext {
			c.add("%s/%s: UID %d is not below UIDNEXT %d", a.Name, m.Name, e.UID, m.UIDNext)
		}
		if e.ModSeq > m.ModSeq {
			c.add("%s/%s: UID %d has a modification sequence above the mailbox's", a.Name, m.Name, e.UID)
		}
		n := e.UID / blockBits
		if want[n] == nil {
			want[n] = &block{}
		}
		want[n].put(e.UID, e.Flags)
	}
	if found.Messages != m.Messages || found.Unseen != m.Unseen || found.Deleted != m.Deleted || found.Size != m.Size {
		c.add("%s/%s counts %d messages, %d unseen, %d deleted, %d octets, but holds %d, %d, %d, %d", a.Name, m.Name,
			m.Messages, m.Unseen, m.Deleted, m.Size, found.Messages, found.Unseen, found.Deleted, found.Size)
	}
	err := c.tx.scan(key(keyBits, uint64(m.ID)), nil, func(k, v []byte) (bool, error) {
		var b block
		if err := b.decode(v); err != nil {
			return false, err
		}
		w := want[lastNumber(k)]
		if w == nil || w.present != b.present || w.flags != b.flags {
			c.add("%s/%s: the bitmaps of UIDs from %d differ from the entries", a.Name, m.Name, lastNumber(k)*blockBits)
		}
		delete(want, lastNumber(k))
		return true, nil
	})
	if err != nil {
		return c.note(err, "bitmaps of %s/%s", a.Name, m.Name)
	}
	if len(want) > 0 {
		c.add("%s/%s: %d bitmaps are missing", a.Name, m.Name, len(want))
	}
	records := uint32(0)
	err = c.tx.scan(key(keyHistory, uint64(m.ID)), nil, func(k, v []byte) (bool, error) {
		records++
		if seq := binary.BigEndian.Uint64(k[9:]); seq <= m.history || seq > m.ModSeq {
			c.add("%s/%s: history record %d is outside %d to %d", a.Name, m.Name, seq, m.history, m.ModSeq)
		}
		_, _, err := decodeHistory(v)
		return true, err
	})
	if err != nil {
		return c.note(err, "history of %s/%s", a.Name, m.Name)
	}
	if records != m.records {
		c.add("%s/%s: %d history records are counted, %d are there", a.Name, m.Name, m.records, records)
	}
	return nil
}

// strays finds entries of mailboxes that are not there. Those of a deleted
// mailbox still refer to their messages until they are swept.
func (c *checker) strays() error {
	return c.tx.scan([]byte{keyEntry}, nil, func(k, v []byte) (bool, error) {
		id := MailboxID(binary.BigEndian.Uint64(k[1:]))
		if c.boxes[id] {
			return true, c.ctx.Err()
		}
		doomed, err := c.tx.has(key(keyDoomed, uint64(id)))
		if err != nil {
			return false, err
		}
		if !doomed {
			c.add("UID %d lies in mailbox %d, which does not exist", lastNumber(k), id)
		}
		e, err := decodeEntry(lastNumber(k), v)
		if err == nil {
			c.refs.add(uint64(e.Message))
		}
		return true, c.note(err, "UID %d of deleted mailbox %d", lastNumber(k), id)
	})
}

// queue verifies the queued messages, their order and the entries that show
// them.
func (c *checker) queue() error {
	due, shown := 0, 0
	keys, err := c.tx.collectKeys([]byte{keyQueued}, 0)
	if err != nil {
		return err
	}
	for _, k := range keys {
		id := QueuedID(binary.BigEndian.Uint64(k[1:]))
		q, err := c.tx.Queued(id)
		if err != nil {
			if err := c.note(err, "queued message %d", id); err != nil {
				return err
			}
			continue
		}
		c.refs.add(uint64(q.Message))
		if k := q.dueKey(); k != nil {
			due++
			if v, err := c.tx.get(k); err != nil || string(v) != string(q.dueValue()) {
				c.add("queued message %d can't be found by its due time", id)
			}
		}
		if q.Mailbox == 0 {
			continue
		}
		shown++
		if at, err := c.tx.QueuedAt(q.Mailbox, q.UID); err != nil || at.ID != id {
			c.add("queued message %d can't be found by the entry that shows it", id)
		}
		if _, err := c.tx.Entry(q.Mailbox, q.UID); err != nil {
			c.add("queued message %d is not in its sender's mailbox: %v", id, err)
		}
	}
	for _, index := range []struct {
		kind byte
		want int
		name string
	}{{keyDue, due, "due times"}, {keyOutbox, shown, "entries of queued messages"}} {
		keys, err := c.tx.collectKeys([]byte{index.kind}, 0)
		if err != nil {
			return err
		}
		if len(keys) != index.want {
			c.add("%d %s are kept, %d belong to queued messages", len(keys), index.name, index.want)
		}
	}
	return nil
}

// sent verifies that what was sent can be found both ways.
func (c *checker) sent() error {
	index, err := c.tx.collectKeys([]byte{keySentAs}, 0)
	if err != nil {
		return err
	}
	records := 0
	if err := c.tx.scanKeys([]byte{keySent}, nil, func([]byte) (bool, error) {
		records++
		return true, nil
	}); err != nil {
		return err
	}
	if records != len(index) {
		c.add("%d sent messages are remembered, %d can be found", records, len(index))
	}
	for _, k := range index {
		id := sentMessage(k)
		s, err := c.tx.Sent(id)
		if err == nil && !slices.Equal(s.indexKey(), k) {
			err = fmt.Errorf("found by a key of another: %w", ErrCorrupt)
		}
		if err := c.note(err, "sent message %d", id); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) messages() error {
	if err := c.tx.scanKeys([]byte{keyMessage}, nil, func(k []byte) (bool, error) {
		c.Messages++
		err := c.message(MessageID(binary.BigEndian.Uint64(k[1:])))
		if err == nil {
			err = c.ctx.Err()
		}
		return true, err
	}); err != nil {
		return err
	}
	for id := range c.refs.left() {
		c.add("message %d is in a mailbox or the queue but not in the store", id)
	}
	return nil
}

func (c *checker) message(id MessageID) error {
	seen := c.refs.take(uint64(id))
	m, err := c.tx.Message(id)
	if err != nil {
		return c.note(err, "message %d", id)
	}
	refs, err := c.tx.refs(id)
	if err != nil {
		return c.note(err, "message %d", id)
	}
	if seen != refs {
		c.add("message %d counts %d references, %d entries and queued messages refer to it", id, refs, seen)
	}
	return c.body(m)
}

func (c *checker) body(m *Message) error {
	size := m.Size - int64(len(m.Blob.Head))
	chunks := (size + chunkSize - 1) / chunkSize
	for n := range chunks {
		v, err := c.tx.get(keyIn(keyChunk, uint64(m.Blob.ID), uint32(n)))
		if err == nil {
			c.buf, err = c.tx.s.codec.unpack(v, c.buf[:0])
		}
		if err == nil && int64(len(c.buf)) != min(chunkSize, size-n*chunkSize) {
			err = fmt.Errorf("length differs: %w", ErrCorrupt)
		}
		if err != nil {
			if err := c.note(err, "message %d, body %d, chunk %d", m.ID, m.Blob.ID, n); err != nil {
				return err
			}
			continue
		}
		c.Bodies += int64(len(c.buf))
	}
	return nil
}

// leftovers finds chunks that belong to no message, nor to a body being
// written or swept.
func (c *checker) leftovers() error {
	owned := newTally()
	err := c.tx.scan([]byte{keyMessage}, nil, func(_, v []byte) (bool, error) {
		if m, ok := decodeMessage(v); ok {
			owned.add(uint64(m.Blob.ID))
		}
		return true, nil
	})
	if err != nil {
		return c.note(err, "a message")
	}
	for _, kind := range []byte{keyPending, keyGarbage} {
		if err := c.tx.scanKeys([]byte{kind}, nil, func(k []byte) (bool, error) {
			owned.add(binary.BigEndian.Uint64(k[1:]))
			return true, nil
		}); err != nil {
			return err
		}
	}
	last := uint64(0)
	return c.tx.scanKeys([]byte{keyChunk}, nil, func(k []byte) (bool, error) {
		if id := binary.BigEndian.Uint64(k[1:]); id != last && !owned.has(id) {
			c.add("body %d belongs to no message", id)
			last = id
		}
		return true, c.ctx.Err()
	})
}
