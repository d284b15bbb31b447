// Package control is what an owner can do with a box from the command line:
// accounts, app passwords, aliases, status, check, backup, import and export.
//
// # One road
//
// A running box has its store to itself, so a command reaches it through the
// socket DIR/control.sock (HTTP over a Unix socket, mode 0600: who may open
// the directory may do everything). When no box runs, the command opens the
// store and serves the same handler to itself through a pipe in memory. Either
// way the operation is the same code, reached by the same [Client].
//
//	command -> Client -> HTTP -> Box.Handler -> store, login
//	                      |
//	                      +-- control.sock of a running box, or a pipe
//
// # Routes
//
//	GET    /status
//	GET    /log                               the last lines
//	GET    /screen?as=text|blocks|png         what the display shows
//	GET    /accounts                          POST /accounts
//	PATCH  /accounts/{name}                   PUT  /accounts/{name}/password
//	DELETE /accounts/{name}?heir=NAME
//	                                          PUT  /accounts/{name}/quota
//	                                          PUT  /accounts/{name}/undo
//	GET    /accounts/{name}/app-passwords     POST /accounts/{name}/app-passwords
//	DELETE /accounts/{name}/app-passwords/{which}
//	GET    /accounts/{name}/sent              POST /accounts/{name}/sent/withdraw
//	GET    /accounts/{name}/deleted           POST /accounts/{name}/rescue
//	GET    /accounts/{name}/vacation          PUT, DELETE the same
//	GET    /accounts/{name}/forward           PUT  the same
//	GET    /aliases                           PUT  /aliases/{address}
//	DELETE /aliases/{address}
//	GET    /outbox                            mail that waits to leave
//	DELETE /outbox/{number}                   POST /outbox/{number}/retry
//	GET    /smarthosts                        PUT  /smarthosts
//	DELETE /smarthosts/{host}                 POST /smarthosts/test
//	GET    /sending                           PUT  /sending
//	GET    /settings                          PATCH /settings
//	GET    /devices                           PUT  /devices
//	GET    /domains                           PUT  /domains/{name}
//	DELETE /domains/{name}                    GET  /domains/{name}/records
//	GET    /update                            POST /update, a signed bundle
//	POST   /update/trial                      restart into what was installed
//	GET    /actions                           what owners did on the page
//	DELETE /accounts/{name}/factors           second factors, when the phone is lost
//	POST   /check
//	GET    /backup?since=N                    the store's backup stream
//	POST   /backup/stick, a passphrase        onto the USB stick that is plugged in
//	POST   /restore, a backup                 read and verify it beside the store
//	DELETE /restore                           POST /restore/put, in its place
//	POST   /restore/former                    DELETE /restore/former
//	GET    /certificate                       PUT, DELETE: the owner's own
//	POST   /restart                           POST /off
//	POST   /accounts/{name}/mailboxes         make sure a mailbox exists
//	POST   /accounts/{name}/import            multipart: one batch of messages
//	GET    /accounts/{name}/export?mailbox=M  multipart: messages
//
// Bodies are JSON but for mail, backups and updates. A refusal is a status of 400
// or more with {"error": "..."}.
package control

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"posthorn/appliance/certs"
	"posthorn/appliance/diary"
	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/appliance/relay"
	"posthorn/appliance/update"
	"posthorn/hw/softpanel"
	"posthorn/store"
)

// SocketName and StoreName are the control socket and the store's directory
// within the data directory.
const (
	SocketName = "control.sock"
	StoreName  = "store"
)

// StoreDir is where the store of a data directory lies.
func StoreDir(data string) string { return filepath.Join(data, StoreName) }

// Box is the operations on one store. Store and Keeper must be set; fields
// must not change after first use. Its methods are for any number of
// goroutines.
type Box struct {
	Store  *store.Store
	Keeper *login.Keeper
	// Log is told of changes to accounts and aliases; nil discards.
	Log *slog.Logger
	// Describe adds what only a running box knows to a status; nil when none
	// runs.
	Describe func(*Status)
	// Lines returns the last lines of a running box's log, oldest first; nil
	// when none runs.
	Lines func() []string
	// Screen returns what a running box's display shows; nil when none runs.
	Screen func() softpanel.Glass

	// RetryQueue tells the queue of a running box to look at what is due, even
	// for destinations that could not be reached; nil when none runs.
	RetryQueue func()
	// Office withdraws what was sent; nil makes one for the store alone.
	Office *post.Office
	// Relay tests smarthosts; nil makes one that greets as mailbox.local.
	Relay *relay.Relay
	// Updater updates the card of the box; nil if there is nothing to update.
	Updater *update.Updater

	// Data is the data directory of a running box; "" when none runs.
	Data string
	// Certs are the certificates of a running box; nil when none runs.
	Certs *certs.Authority
	// Restart has a running box stop and start anew, and SwitchOff has it stop
	// for good and shut the board down, both after the answer to this request
	// had time to leave; nil when none runs.
	Restart, SwitchOff func()

	swap      swap
	stick     stickJob
	importing sync.Mutex // one batch at a time; guards what follows
	index     index
	idle      *time.Timer
}

func (b *Box) log() *slog.Logger {
	if b.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return b.Log
}

// Account is what is told of an account.
type Account struct {
	Name         string    `json:"name"`
	DisplayName  string    `json:"display_name,omitempty"`
	Owner        bool      `json:"owner"`
	Disabled     bool      `json:"disabled"`
	Quota        int64     `json:"quota"` // octets; 0 = no limit
	Bytes        int64     `json:"bytes"`
	Messages     int64     `json:"messages"`
	AppPasswords int       `json:"app_passwords"`
	Created      time.Time `json:"created"`
}

// NewAccount is what makes an account.
type NewAccount struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Password    string `json:"password"`
	Quota       int64  `json:"quota,omitempty"`
	TimeZone    string `json:"time_zone,omitempty"` // IANA name; empty = the household's
	Language    string `json:"language,omitempty"`  // BCP 47 tag; empty = the household's
}

// AppPassword is what is told of a device's password.
type AppPassword struct {
	ID       string    `json:"id"`
	Label    string    `json:"label"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Secret   string    `json:"secret,omitempty"` // only in the answer that makes it
}

// Alias is an address that stands for others.
type Alias struct {
	Address string   `json:"address"`
	Targets []string `json:"targets"`
}

// Service is one port of a running box.
type Service struct {
	Name    string `json:"name"` // smtp, submission, submissions, imap, imaps, pop3, pop3s, http, https
	Address string `json:"address"`
	Open    int    `json:"open"`  // connections now
	Total   int64  `json:"total"` // connections since the start
}

// Status is how a box fares.
type Status struct {
	Version   string     `json:"version"`
	Running   bool       `json:"running"`
	Since     time.Time  `json:"since,omitzero"`
	Hostname  string     `json:"hostname,omitempty"`
	Domains   []string   `json:"domains"`
	ClockSet  bool       `json:"clock_set"`
	Services  []Service  `json:"services,omitempty"`
	Announced *Announced `json:"announced,omitempty"`
	Authority string     `json:"authority,omitempty"` // SHA-256 fingerprint of the box's own certificate authority
	Accounts  int        `json:"accounts"`
	Messages  int64      `json:"messages"`
	Bytes     int64      `json:"bytes"`
	Waiting   int        `json:"waiting"`            // messages that wait to leave; only a running box tells
	Failing   int        `json:"failing"`            // of them: tried in vain for more than an hour
	LastSent  time.Time  `json:"last_sent,omitzero"` // when another system last took mail, since the start
	Disk      Disk       `json:"disk"`
	Backup    time.Time  `json:"last_backup,omitzero"` // when the last one was made
	// Problems are sentences about what the owner should look at; Troubles are
	// the same ones with what a page in another language needs.
	Problems []string  `json:"problems"`
	Troubles []Trouble `json:"troubles"`

	// What follows only a running box tells.

	Incidents   []Incident  `json:"incidents,omitempty"`   // the last ones, newest first
	Temperature int         `json:"temperature,omitempty"` // of the processor in °C; 0 = not known
	Certificate Certificate `json:"certificate,omitzero"`
	Days        []diary.Day `json:"days,omitempty"` // the last 30, oldest first
	FullIn      int         `json:"full_in"`        // days until the disk is full at this pace; -1 = not in sight
}

// Trouble is one thing the owner should look at.
type Trouble struct {
	ID   string   `json:"id"` // one word, the same for the same kind
	Args []string `json:"args,omitempty"`
	Text string   `json:"text"` // in English
}

// Trouble adds one.
func (st *Status) Trouble(id, text string, args ...string) {
	st.Troubles = append(st.Troubles, Trouble{id, args, text})
	st.Problems = append(st.Problems, text)
}

// Incident is something that went wrong and was logged.
type Incident struct {
	At    time.Time `json:"at"`    // the last time
	Count int       `json:"count"` // how often, one after another
	ID    string    `json:"id"`    // one word for the kind; "other" for what has none
	Args  []string  `json:"args,omitempty"`
	Text  string    `json:"text"` // as logged
}

// Announced is how a running box is found on the home network; absent if it
// is told not to announce itself.
type Announced struct {
	Name      string   `json:"name"`      // with .local
	Claimed   bool     `json:"claimed"`   // the name is the box's; else it is still asked for
	Services  string   `json:"services"`  // what the services are called
	Types     []string `json:"types"`     // "_imaps._tcp:993"
	Addresses []string `json:"addresses"` // "192.168.7.20 (eth0)"
}

// Disk is the room a store has, in octets.
type Disk struct {
	Free    int64 `json:"free"`
	Total   int64 `json:"total"`
	Reserve int64 `json:"reserve"`
	Used    int64 `json:"used"`
	Full    bool  `json:"full"`
}

// Report is what a check found.
type Report struct {
	Accounts  int      `json:"accounts"`
	Mailboxes int      `json:"mailboxes"`
	Entries   int      `json:"entries"`
	Messages  int      `json:"messages"`
	Bodies    int64    `json:"bodies"` // octets read and verified
	Problems  []string `json:"problems"`
	Count     int      `json:"count"` // of problems
}

// Batch is what became of the messages of one import request.
type Batch struct {
	Added      int   `json:"added"`
	Duplicates int   `json:"duplicates"`
	Bytes      int64 `json:"bytes"` // octets of what was added
}

// ErrUsage says that a request makes no sense; the text says why.
var ErrUsage = errors.New("request not understood")
