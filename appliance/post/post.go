// Package post is the post office of the box: it decides where a message goes
// and hands it over to the store, all or nothing.
//
// # The way of a message
//
//	RCPT   Resolve   address -> may it be delivered, is there room?      one View
//	DATA   Accept    Return-Path, Received, [header edits], body
//	                   -> BlobWriter (chunks on disk) and message.Scanner, one pass
//	                 addresses -> mailboxes, PutMessage, Append to each  one Update
//	250    queue id  only after the Update is on disk
//
// The body is streamed; memory does not grow with the message. It is stored
// once, however many recipients it has. Addresses are looked up again inside
// the Update, because accounts, aliases and mailboxes may have changed since
// RCPT: either every recipient has the message or nobody has and the client
// is told to come back.
//
// # Addresses
//
// A domain is local when it is one of Settings.Domains, the box's own
// NAME.local, or an address literal of the box. The local part is compared
// without case and looked up in this order: an alias for the whole address, an
// alias for the local part, an account, postmaster and abuse (the owner), the
// catch-all. "alice+bank" is alice's, and goes to her mailbox "bank" if she has
// one. An alias has many targets, which may be aliases in turn; one that leads
// back to itself names the account of that name, or nobody.
//
// # Who a sender may be
//
// A person who is logged in may write as any address whose mail reaches them
// and nobody else: their name at any local domain, with or without a
// sub-address, an alias that ends at them alone, the catch-all if it is theirs.
// The rule covers the envelope sender and the fields From and Sender.
//
// Others may not write as the box's own addresses from outside (ErrForged), and
// are marked if they do so on the home network ([Unproven]). What package origin
// finds out about mail from outside stands on top of it, and sends it to Junk if
// its author's domain disowns it.
//
// # Mail that leaves the box
//
// A route has a local and a remote part and Accept commits both in one
// transaction: the remote part goes into the store's queue, held for the undo
// time of its sender's account, and is shown in the sender's mailbox Outbox.
// Mail of others than those logged in has no remote part (ErrNotLocal), but for
// devices the owner has allowed by their network address ([Device]), [MaxRelayed]
// messages an hour each; as long as the owner has not chosen a road, nobody's
// has (ErrNoWayOut). The stored copy starts with a Return-Path field, which
// whoever relays it leaves out (RFC 5321 section 4.4).
//
// A message with a field X-Send-At or Deferred-Delivery (RFC 2156) is queued
// whole, for recipients here too, until that time. So is a [Draft] that is put
// into one of the mailboxes below Outbox, whose names say when ([SendTime]).
//
// # Mail that is delivered
//
//	forward   copies to other systems, and perhaps none here   ([Forward])
//	sort      which mailbox, by the account's rules
//	put       the entry itself
//	answer    an automatic answer                              ([Vacation])
//
// all in the transaction that accepts the message, or releases it from the
// queue. Of what somebody logged in has sent it is remembered where it went, so
// that it can be taken back until it is seen ([Office.Withdraw]).
package post

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"posthorn/appliance/origin"
	"posthorn/store"
)

// Office accepts messages. Its fields must not change after first use.
type Office struct {
	// Store keeps the accounts and the mail.
	Store *store.Store

	// Log gets one line for each accepted message; nil discards them.
	Log *slog.Logger

	// Hostname gives the box's present name without ".local", for example
	// "mailbox". It may change while the box runs (an mDNS conflict).
	Hostname func() string

	// Formerly gives names without ".local" under which the box has addresses
	// too: the one it lost to another device. Mail for alice@mailbox.local has
	// to arrive also while the box must call itself mailbox-2. nil is none.
	Formerly func() []string

	// Addresses gives the box's own network addresses, for mail to address
	// literals such as alice@[192.168.1.5]. nil asks the kernel.
	Addresses func() []netip.Addr

	// Origin checks mail from outside; nil: it is taken unchecked.
	Origin *origin.Checker

	// ClockSet tells whether the time of day can be believed; nil: it can.
	ClockSet func() bool

	relayed   meter
	delivered atomic.Int64
}

// Delivered is how many messages [Office.Accept] has put into mailboxes of the
// household since the start, each counted once however many have it.
func (o *Office) Delivered() int64 { return o.delivered.Load() }

// Envelope is what the client said about a message outside of it.
type Envelope struct {
	// Session is the id of the session in the log.
	Session string

	// Helo, Remote, Protocol and TLS go into the Received field: the client's
	// greeting, its address, the "with" keyword of RFC 3848 and RFC 6531
	// section 4.3 (for example "ESMTPSA"), and a comment on the encryption
	// ("" when there is none).
	Helo     string
	Remote   netip.Addr
	Protocol string
	TLS      string

	// From is the reverse path; "" is the null sender of notices.
	From string

	// Outside says that the client is not logged in and not on a local network.
	Outside bool

	// Submitter is the account that is logged in; nil for mail from others.
	Submitter *store.Account

	// Size is what the client announced in bytes (RFC 1870); 0 = unknown.
	Size int64

	// Body is "7BIT", "8BITMIME", "BINARYMIME" or "" (RFC 6152, RFC 3030).
	Body string

	// UTF8 says that the client asked for SMTPUTF8 (RFC 6531).
	UTF8 bool

	// Return is "FULL", "HDRS" or "" and ID the envelope id (RFC 3461
	// sections 4.3 and 4.4), kept for notices about this message.
	Return string
	ID     string

	// Secure says that the message must not travel without verified TLS
	// (REQUIRETLS, RFC 8689).
	Secure bool

	// HoldUntil is when the message is to be sent (FUTURERELEASE, RFC 4865);
	// zero: now.
	HoldUntil time.Time

	// Own says that the box itself is the sender, of a notice: it may go
	// anywhere, and leaves at once.
	Own bool

	// Also runs in the transaction that accepts the message; may be nil. Like
	// any update's function it may run more than once.
	Also func(*store.Tx) error

	// Recipients are the resolved ones, as Resolve returned them.
	Recipients []Recipient
}

// Recipient is one address of an envelope.
type Recipient struct {
	// Address is the forward path as the client gave it.
	Address string

	// Notify holds NEVER, or any of SUCCESS, FAILURE and DELAY; empty when the
	// client did not say (RFC 3461 section 4.1).
	Notify []string

	// Original is the ORCPT value "type;address", decoded, or "" (RFC 3461
	// section 4.2).
	Original string
}

// Name is the box's full name, "NAME.local": its greeting and the mail domain
// that always works.
func (o *Office) Name() string { return o.Hostname() + ".local" }

// Resolve answers RCPT: may a message with envelope e go to address? It
// returns the recipient to put into e.Recipients. The errors are ErrAddress,
// ErrNoSuchUser, ErrNotLocal, ErrNoWayOut, ErrAliasLoop, store.ErrQuota (no
// room now), ErrNeverFits and store.ErrFull, wrapped with the address, and
// whatever the store reports.
func (o *Office) Resolve(ctx context.Context, e *Envelope, address string) (Recipient, error) {
	if err := ctx.Err(); err != nil {
		return Recipient{}, err
	}
	if o.Store.Full() {
		return Recipient{}, fmt.Errorf("no room on the card for new mail: %w", store.ErrFull)
	}
	err := o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		r, err := d.reach(e, address)
		if err != nil {
			return err
		}
		for _, to := range r.local {
			if err := d.room(to.account, max(e.Size, 1)); err != nil {
				return fmt.Errorf("<%s>: %w", address, err)
			}
		}
		return nil
	})
	if err != nil {
		return Recipient{}, err
	}
	return Recipient{Address: address}, nil
}

// MaySend says whether mail from address may be written by account: nil, or
// ErrNotYours naming the address. The null sender is allowed, for the receipts
// mail programs send (RFC 8098).
func (o *Office) MaySend(ctx context.Context, account store.AccountID, address string) error {
	if err := ctx.Err(); err != nil || address == "" {
		return err
	}
	return o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		return d.maySend(account, address)
	})
}

// Own returns those of the addresses that account may write as.
func (o *Office) Own(ctx context.Context, account store.AccountID, addresses []string) (own []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = o.Store.View(func(tx *store.Tx) error {
		own = nil
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		for _, address := range addresses {
			err := d.maySend(account, address)
			if err == nil {
				own = append(own, address)
			} else if !errors.Is(err, ErrNotYours) {
				return err
			}
		}
		return nil
	})
	return own, err
}

// Settings reads the owner's choices, for callers that have only an Office.
func (o *Office) Settings() (s store.Settings, err error) {
	err = o.Store.View(func(tx *store.Tx) error {
		s, err = tx.Settings()
		return err
	})
	return s, err
}

func (o *Office) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// room says whether account can take size more bytes.
func (d *directory) room(account store.AccountID, size int64) error {
	a, err := d.tx.Account(account)
	if err != nil {
		return err
	}
	if a.Quota <= 0 {
		return nil
	}
	if size > a.Quota {
		return fmt.Errorf("%w: %d bytes, the whole mailbox holds %d", ErrNeverFits, size, a.Quota)
	}
	u, err := d.tx.Usage(account)
	if err != nil {
		return err
	}
	if u.Bytes+size > a.Quota {
		return fmt.Errorf("mailbox is full: %w", store.ErrQuota)
	}
	return nil
}

// isNotFound keeps the lookups in this package readable.
func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
