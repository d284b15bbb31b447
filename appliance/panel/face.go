package panel

import (
	"net/netip"
	"time"
)

// Phase is what the box is doing as a whole.
type Phase uint8

const (
	// Running is everyday.
	Running Phase = iota
	// Booting lasts until the servers answer.
	Booting
	// Updating writes a new version; power must not be cut.
	Updating
	// Stopping closes the store; power must not be cut.
	Stopping
	// Stopped means that power may be cut.
	Stopped
)

// Face is what the box has to say at one moment: facts only, nothing about
// how they look. The zero value of a fact means that it is not known, and
// then nothing is said about it.
type Face struct {
	Now      time.Time // in the owner's time zone
	ClockSet bool      // Now can be believed

	Phase       Phase
	Progress    int // of the update, in percent
	Version     string
	NextVersion string // while Updating

	Host      string // how to reach the page, "mailbox.local"
	Household string
	People    []Person
	Latest    *Latest // the newest unread mail
	Junk      int     // messages in Junk mailboxes

	Disk        Disk
	Queue       Queue
	Backup      time.Time // of the last backup
	Certificate time.Time // when the certificate ends
	Temperature int       // of the processor in °C
	Uptime      time.Duration

	Links   []Link
	Clients int // IMAP sessions

	Setup Setup
}

// Person is an account as the household sees it.
type Person struct {
	Name   string
	Unread int  // in INBOX
	New    int  // of these, arrived in the last 24 hours, 99 at most
	Recent bool // one of them in the last hour
	// Quota in percent of what is allowed; 0 without a quota.
	Quota int
}

// Latest is the newest unread mail. Sender and Subject are empty unless the
// owner wants them shown: screens hang in hallways.
type Latest struct {
	For     string // name of the person
	Sender  string
	Subject string
	At      time.Time
}

// Disk is the store's file system.
type Disk struct {
	Used   int  // percent
	Full   bool // new mail is refused
	Days   int  // until it is full at the present pace; 0 = not known
	Errors int  // reads and writes of the card that failed since the start
}

// Queue is the mail that waits to leave.
type Queue struct {
	Waiting int
	Failing int    // of these, tried in vain for more than an hour
	Reason  string // what the other side said last
}

// Link is a network interface that is up.
type Link struct {
	Name  string
	Addr  netip.Addr
	Speed int // Mbit/s; 0 = not known
}

// Setup is how to get to the box's page for the first time.
type Setup struct {
	Needed bool   // nobody has set the box up yet
	URL    string // what the QR code says
	Code   string // eight digits; "" when there is none to show
}

// Unread is the sum over all people.
func (f *Face) Unread() int {
	n := 0
	for _, p := range f.People {
		n += p.Unread
	}
	return n
}

// New is the number of unread messages of the last 24 hours.
func (f *Face) New() int {
	n := 0
	for _, p := range f.People {
		n += p.New
	}
	return n
}

// Clock returns hours and minutes, and dashes while the clock is not set.
func (f *Face) Clock() string {
	if !f.ClockSet {
		return "--:--"
	}
	return f.Now.Format("15:04")
}

// title is the name at the top of the home page.
func (f *Face) title() string {
	switch {
	case len(f.People) == 1:
		return f.People[0].Name
	case f.Household != "":
		return f.Household
	}
	return f.Host
}
