package store

import (
	"errors"
	"time"
)

// Errors a caller can act on. They are wrapped with detail; use errors.Is.
var (
	// ErrNotFound says that the account, alias, mailbox, message or UID does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("already exists")
	// ErrQuota says that the message would put its account over its quota.
	ErrQuota = errors.New("over quota")
	// ErrFull says that the disk's reserve is touched: nothing can be added until room is made.
	ErrFull = errors.New("disk is full")
	// ErrInvalidName says that an account, alias or mailbox name is not allowed; the text says why.
	ErrInvalidName = errors.New("name not allowed")
	// ErrCorrupt says that a record or body read back is not what was written.
	ErrCorrupt = errors.New("damaged on disk")
	// ErrClosed says that the store is closed or closing.
	ErrClosed = errors.New("store is closed")
	// ErrTooLarge says that one update holds more changes than a transaction takes
	// (about a thousand messages); do it in parts.
	ErrTooLarge = errors.New("too many changes in one update")
	// ErrReserved says that INBOX or another mailbox the account needs can't be removed.
	ErrReserved = errors.New("mailbox is needed by the account")
	// ErrInUse says that another process has the store open.
	ErrInUse = errors.New("store is in use by another process")
	// ErrBrokenBuild says that this binary was built without the change that 32-bit boards need.
	ErrBrokenBuild = errors.New("this 32-bit build would lose mail")
)

// AccountID names an account for ever; it is not reused.
type AccountID uint32

// Account is a person, or a device, that can log in and has mailboxes.
type Account struct {
	ID           AccountID
	Name         string        // login name and local part: lower case, at most 64 octets (RFC 5321 4.5.3.1.1)
	DisplayName  string        // shown on pages and the screen; at most 128 octets
	Password     string        // PHC string of the password's hash; empty: no password login
	AppPasswords []AppPassword // at most 64
	Quota        int64         // octets of mail; 0 = no limit
	Owner        bool          // may change the box's settings
	Disabled     bool          // can't log in; mail still arrives
	TimeZone     string        // IANA name; empty = the box's
	Language     string        // BCP 47 tag; empty = the box's
	Created      time.Time

	// Undo is how long mail to others can be called back: 0 = as the settings
	// say, negative = not at all; at most MaxUndo.
	Undo time.Duration `cbor:",omitempty"`
}

// The time in which mail can be called back.
const (
	DefaultUndo = 30 * time.Second
	MaxUndo     = 10 * time.Minute
)

// AppPassword is a password for one device of an account.
type AppPassword struct {
	ID       string // short, unique within the account
	Label    string // what the owner calls the device
	Hash     string // PHC string
	Created  time.Time
	LastUsed time.Time // to the day; zero = never
}

// Usage is what an account's mailboxes hold together. A message in two
// mailboxes counts twice, as the quota of RFC 9208 counts it.
type Usage struct {
	Bytes    int64
	Messages int64
}

// Alias is an address that stands for others.
type Alias struct {
	Address string   // local part, or full address; lower case
	Targets []string // account names or addresses, at most 100
}

// Role is a mailbox's special use (RFC 6154), or "" for none.
type Role string

// The roles an account's mailboxes can have. Each account has one mailbox of
// each of the first six from the start.
const (
	RoleInbox   Role = "inbox"
	RoleDrafts  Role = "drafts"
	RoleSent    Role = "sent"
	RoleTrash   Role = "trash"
	RoleJunk    Role = "junk"
	RoleArchive Role = "archive"
	RoleOutbox  Role = "outbox"
)

// MailboxID names a mailbox for ever, through renames; it is not reused.
type MailboxID uint64

// Mailbox is one folder of an account.
type Mailbox struct {
	ID          MailboxID
	Account     AccountID
	Name        string // UTF-8 in NFC, levels divided by '/', INBOX in capitals
	Role        Role
	UIDValidity uint32 // RFC 9051 2.3.1.1
	UIDNext     uint32
	ModSeq      uint64 // RFC 7162 3.1.2.1: highest modification sequence
	Messages    uint32
	Unseen      uint32
	Deleted     uint32 // messages marked \Deleted
	Size        int64  // octets of all messages
	Subscribed  bool

	history uint64 // oldest ModSeq from which Changes is complete
	records uint32 // history records kept
}

// Flags are the system flags of RFC 9051 2.3.2.
type Flags uint8

// The system flags.
const (
	Seen Flags = 1 << iota
	Answered
	Flagged
	Deleted
	Draft

	flagCount = 5
	allFlags  = 1<<flagCount - 1
)

// MessageID names a stored message for ever; the same message in several
// mailboxes has one.
type MessageID uint64

// BlobID names a stored body.
type BlobID uint64

// Blob is what is needed to open a stored body.
type Blob struct {
	ID   BlobID
	Size int64  // octets, with those of Head
	Head string // stands before what is stored under the ID
}

// Message is a message as it was stored. It never changes.
type Message struct {
	ID       MessageID
	Blob     Blob
	Size     int64     // octets, the same as Blob.Size
	Received time.Time // INTERNALDATE, with its zone
	Meta     []byte    // what package message found in it; opaque here
}

// Entry is a message's place in a mailbox.
type Entry struct {
	UID      uint32
	Message  MessageID
	Flags    Flags
	Keywords []string // sorted; at most 64 of at most 128 octets each
	ModSeq   uint64
	Size     int64
	Received time.Time // INTERNALDATE
	Saved    time.Time // when it came into this mailbox (RFC 8514), to the second
	Expires  time.Time // when it leaves by itself; zero = never
}

// Changes is what happened to a mailbox after a modification sequence.
type Changes struct {
	ModSeq   uint64  // up to which the sets are complete; ask from here next time
	UIDNext  uint32  // the mailbox's, now
	Changed  *UIDSet // messages that are new or whose flags changed
	Expunged *UIDSet // messages that are gone
	Lost     bool    // history was pruned: the sets are empty, read the mailbox anew
}

// Commit tells what a commit changed. Slices hold each ID once.
type Commit struct {
	Accounts  []AccountID // the account's record, or its list of mailboxes or subscriptions
	Mailboxes []MailboxID // messages or flags
	Settings  bool
	Queue     bool
}

// Limits on names and counts.
const (
	MaxNameLevels    = 32   // levels of a mailbox name
	MaxNameLength    = 512  // octets of a mailbox name
	MaxMailboxes     = 5000 // mailboxes of an account
	MaxKeywords      = 64   // keywords on one message
	MaxKeywordLength = 128  // octets of a keyword
	MaxMeta          = 64 << 10
	MaxValue         = 64 << 10 // octets of a named value
	MaxAccountName   = 64       // octets, RFC 5321 4.5.3.1.1
	maxAppPasswords  = 64
	maxAliasTargets  = 100
	maxDisplayName   = 128
	maxHistory       = 4096 // history records of a mailbox before pruning
	keepHistory      = 2048 // records left by pruning
)
