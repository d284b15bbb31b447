package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// openMailbox is a mailbox an update has changed: its record and bitmaps are
// written once, at the end, however many messages the update touched.
type openMailbox struct {
	Mailbox
	blocks   map[uint32]*block
	changed  *UIDSet
	expunged *UIDSet
	touched  bool // ModSeq was raised by this update
	dirty    bool // the record is to be written
}

// mailboxRecord is a Mailbox on disk.
type mailboxRecord struct {
	Account     AccountID `cbor:"1,keyasint"`
	Name        string    `cbor:"2,keyasint"`
	Role        Role      `cbor:"3,keyasint,omitempty"`
	UIDValidity uint32    `cbor:"4,keyasint"`
	UIDNext     uint32    `cbor:"5,keyasint"`
	ModSeq      uint64    `cbor:"6,keyasint"`
	Messages    uint32    `cbor:"7,keyasint,omitempty"`
	Unseen      uint32    `cbor:"8,keyasint,omitempty"`
	Deleted     uint32    `cbor:"9,keyasint,omitempty"`
	Size        int64     `cbor:"10,keyasint,omitempty"`
	History     uint64    `cbor:"11,keyasint,omitempty"`
	Records     uint32    `cbor:"12,keyasint,omitempty"`
}

// Mailbox returns a mailbox as it is now.
func (tx *Tx) Mailbox(id MailboxID) (*Mailbox, error) {
	if m := tx.mailboxes[id]; m != nil {
		out := m.Mailbox
		return &out, nil
	}
	var r mailboxRecord
	if err := tx.getRecord(key(keyMailbox, uint64(id)), &r); err != nil {
		return nil, fmt.Errorf("mailbox %d: %w", id, err)
	}
	subscribed, err := tx.has(key32(keySub, uint32(r.Account), r.Name))
	if err != nil {
		return nil, err
	}
	return &Mailbox{ID: id, Account: r.Account, Name: r.Name, Role: r.Role,
		UIDValidity: r.UIDValidity, UIDNext: r.UIDNext, ModSeq: r.ModSeq,
		Messages: r.Messages, Unseen: r.Unseen, Deleted: r.Deleted, Size: r.Size,
		Subscribed: subscribed, history: r.History, records: r.Records}, nil
}

// open returns a mailbox for changing.
func (tx *Tx) open(id MailboxID) (*openMailbox, error) {
	if m := tx.mailboxes[id]; m != nil {
		return m, nil
	}
	mb, err := tx.Mailbox(id)
	if err != nil {
		return nil, err
	}
	return tx.hold(*mb), nil
}

func (tx *Tx) hold(mb Mailbox) *openMailbox {
	m := &openMailbox{Mailbox: mb, blocks: make(map[uint32]*block), changed: &UIDSet{}, expunged: &UIDSet{}}
	tx.mailboxes[mb.ID] = m
	return m
}

// touch gives this update its place in the mailbox's modification sequence.
func (m *openMailbox) touch() {
	if !m.touched {
		m.ModSeq++
		m.touched, m.dirty = true, true
	}
}

func (m *openMailbox) write(tx *Tx) error {
	if err := m.writeBlocks(tx); err != nil {
		return err
	}
	if err := m.writeHistory(tx); err != nil {
		return err
	}
	if !m.dirty {
		return nil
	}
	return tx.setRecord(key(keyMailbox, uint64(m.ID)), mailboxRecord{
		Account: m.Account, Name: m.Name, Role: m.Role,
		UIDValidity: m.UIDValidity, UIDNext: m.UIDNext, ModSeq: m.ModSeq,
		Messages: m.Messages, Unseen: m.Unseen, Deleted: m.Deleted, Size: m.Size,
		History: m.history, Records: m.records})
}

// CleanName brings a mailbox name into the form it is stored in: NFC, INBOX in
// capitals. It returns ErrInvalidName, with the reason, for names that no
// mailbox can have.
func CleanName(name string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("%w: a mailbox name %s", ErrInvalidName, why)
	}
	switch {
	case name == "":
		return refuse("can't be empty")
	case !utf8.ValidString(name):
		return refuse("must be valid UTF-8")
	case len(name) > MaxNameLength:
		return refuse(fmt.Sprintf("can't be longer than %d octets", MaxNameLength))
	case strings.ContainsAny(name, "%*"):
		return refuse("can't contain % or *")
	}
	name = norm.NFC.String(name)
	levels := strings.Split(name, "/")
	if len(levels) > MaxNameLevels {
		return refuse(fmt.Sprintf("can't have more than %d levels", MaxNameLevels))
	}
	for _, l := range levels {
		switch {
		case l == "":
			return refuse("can't begin or end with / or have two in a row")
		case l == "." || l == "..":
			return refuse("can't have a level named . or ..")
		case strings.TrimSpace(l) != l:
			return refuse("can't have a level that begins or ends with a space")
		}
	}
	for _, r := range name {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return refuse("can't contain control characters")
		}
	}
	if strings.EqualFold(levels[0], "INBOX") {
		levels[0] = "INBOX"
	}
	return strings.Join(levels, "/"), nil
}

// CreateMailbox makes a mailbox, and the levels above it that are missing. It
// returns ErrExists for a name or a role that is taken, ErrInvalidName, or
// ErrTooLarge for an account that has MaxMailboxes.
func (tx *Tx) CreateMailbox(acct AccountID, name string, role Role) (*Mailbox, error) {
	name, err := CleanName(name)
	if err != nil {
		return nil, err
	}
	if err := tx.admit(); err != nil {
		return nil, err
	}
	if ok, err := tx.has(key(keyAccount, uint64(acct))); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("account %d: %w", acct, ErrNotFound)
	}
	n, err := tx.countNames(acct)
	if err != nil {
		return nil, err
	}
	if n+strings.Count(name, "/") >= MaxMailboxes {
		return nil, fmt.Errorf("an account has at most %d mailboxes: %w", MaxMailboxes, ErrTooLarge)
	}
	if err := tx.freeRole(acct, role, 0); err != nil {
		return nil, err
	}
	for i, c := range name {
		if c != '/' {
			continue
		}
		if _, err := tx.createOne(acct, name[:i], ""); err != nil && !errors.Is(err, ErrExists) {
			return nil, err
		}
	}
	return tx.createOne(acct, name, role)
}

func (tx *Tx) createOne(acct AccountID, name string, role Role) (*Mailbox, error) {
	nk := key32(keyName, uint32(acct), name)
	if ok, err := tx.has(nk); err != nil {
		return nil, err
	} else if ok {
		return nil, fmt.Errorf("mailbox %q: %w", name, ErrExists)
	}
	id, err := tx.next("mailbox")
	if err != nil {
		return nil, err
	}
	validity, err := tx.next("uidvalidity")
	if err != nil {
		return nil, err
	}
	if err := tx.set(nk, binary.BigEndian.AppendUint64(nil, id)); err != nil {
		return nil, err
	}
	subscribed, err := tx.has(key32(keySub, uint32(acct), name))
	if err != nil {
		return nil, err
	}
	m := tx.hold(Mailbox{ID: MailboxID(id), Account: acct, Name: name, Role: role,
		UIDValidity: uint32(validity), UIDNext: 1, ModSeq: 1, Subscribed: subscribed, history: 1})
	m.dirty = true
	tx.touchAccount(acct)
	out := m.Mailbox
	return &out, nil
}

func (tx *Tx) countNames(acct AccountID) (n int, err error) {
	err = tx.scanKeys(key32(keyName, uint32(acct), ""), nil, func([]byte) (bool, error) { n++; return true, nil })
	return n, err
}

// mailboxID looks a clean name up.
func (tx *Tx) mailboxID(acct AccountID, name string) (MailboxID, error) {
	v, err := tx.get(key32(keyName, uint32(acct), name))
	if err != nil {
		return 0, fmt.Errorf("mailbox %q: %w", name, err)
	}
	return MailboxID(binary.BigEndian.Uint64(v)), nil
}

// MailboxByName returns the account's mailbox of that name; INBOX in any case.
func (tx *Tx) MailboxByName(acct AccountID, name string) (*Mailbox, error) {
	clean, err := CleanName(name)
	if err != nil {
		// A name that can't be is a mailbox that is not there.
		return nil, fmt.Errorf("mailbox %q: %w", name, ErrNotFound)
	}
	id, err := tx.mailboxID(acct, clean)
	if err != nil {
		return nil, err
	}
	return tx.Mailbox(id)
}

// MailboxByRole returns the account's mailbox with that role. A role has at
// most one.
func (tx *Tx) MailboxByRole(acct AccountID, role Role) (*Mailbox, error) {
	// Most mailboxes with a role have the name they were made with: deliveries
	// and the screen ask often, and an account may have thousands.
	if name := usualName(role); name != "" {
		m, err := tx.MailboxByName(acct, name)
		if err == nil && m.Role == role || err != nil && !errors.Is(err, ErrNotFound) {
			return m, err
		}
	}
	all, err := tx.Mailboxes(acct)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Role == role {
			return m, nil
		}
	}
	return nil, fmt.Errorf("mailbox for %s: %w", role, ErrNotFound)
}

// usualName is the name a mailbox with that role is made with.
func usualName(role Role) string {
	switch role {
	case RoleInbox:
		return "INBOX"
	case RoleDrafts:
		return "Drafts"
	case RoleSent:
		return "Sent"
	case RoleTrash:
		return "Trash"
	case RoleJunk:
		return "Junk"
	case RoleArchive:
		return "Archive"
	case RoleOutbox:
		return "Outbox"
	}
	return ""
}

// freeRole returns ErrExists when another mailbox of the account has the role,
// which only one may have: programs would file the same mail in two places.
func (tx *Tx) freeRole(acct AccountID, role Role, id MailboxID) error {
	if role == "" {
		return nil
	}
	m, err := tx.MailboxByRole(acct, role)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case m.ID != id:
		return fmt.Errorf("mailbox %q is the one for %s: %w", m.Name, role, ErrExists)
	}
	return nil
}

// Mailboxes returns the account's mailboxes by name, INBOX first.
func (tx *Tx) Mailboxes(acct AccountID) ([]*Mailbox, error) {
	var ids []MailboxID
	err := tx.scan(key32(keyName, uint32(acct), ""), nil, func(_, v []byte) (bool, error) {
		ids = append(ids, MailboxID(binary.BigEndian.Uint64(v)))
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]*Mailbox, len(ids))
	for i, id := range ids {
		if all[i], err = tx.Mailbox(id); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *Mailbox) int {
		if (a.Name == "INBOX") != (b.Name == "INBOX") {
			return cmp.Compare(b2i(b.Name == "INBOX"), b2i(a.Name == "INBOX"))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return all, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// SetRole changes a mailbox's special use. INBOX keeps its own; ErrExists says
// that another mailbox of the account has the role.
func (tx *Tx) SetRole(id MailboxID, role Role) error {
	m, err := tx.open(id)
	if err != nil {
		return err
	}
	if m.Role == RoleInbox || role == RoleInbox {
		return fmt.Errorf("role of %q: %w", m.Name, ErrReserved)
	}
	if err := tx.freeRole(m.Account, role, id); err != nil {
		return err
	}
	m.Role, m.dirty = role, true
	tx.touchAccount(m.Account)
	return nil
}

// Subscribe puts a name on the account's list of subscriptions or takes it
// off. The mailbox need not exist (RFC 9051 6.3.7).
func (tx *Tx) Subscribe(acct AccountID, name string, on bool) error {
	name, err := CleanName(name)
	if err != nil {
		return err
	}
	k := key32(keySub, uint32(acct), name)
	is, err := tx.has(k)
	if err != nil || is == on {
		return err
	}
	if id, err := tx.mailboxID(acct, name); err == nil {
		if m := tx.mailboxes[id]; m != nil {
			m.Subscribed = on
		}
	}
	tx.touchAccount(acct)
	if !on {
		return tx.del(k)
	}
	if err := tx.admit(); err != nil {
		return err
	}
	return tx.set(k, mark)
}

// Subscriptions returns the names the account is subscribed to, sorted.
func (tx *Tx) Subscriptions(acct AccountID) ([]string, error) {
	var names []string
	err := tx.scanKeys(key32(keySub, uint32(acct), ""), nil, func(k []byte) (bool, error) {
		names = append(names, string(k[5:]))
		return true, nil
	})
	return names, err
}
