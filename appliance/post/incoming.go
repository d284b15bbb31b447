package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"posthorn/appliance/message"
	"posthorn/appliance/origin"
	"posthorn/store"
)

// Keywords of delivered messages.
const (
	// Unproven marks mail that came from the home network without a login and
	// claims to be from somebody of the household.
	Unproven = "$Unproven"
	// Junk marks mail that its author's domain disowns (RFC 5788's registry).
	Junk = "$Junk"
)

// incoming is a message of somebody who is not logged in, on its way in.
//
//	from outside       checked (package origin); the box's own addresses in it
//	                   are refused, unless the box has signed it: a list sends
//	                   back what was written to it
//	home network       taken; what it claims to be is marked as not proven
//	allowed device     the same, but for the addresses that are its own
//
// The outcome is an Authentication-Results field on top of the message. It is
// known at the message's end, so it goes into the head of the stored body.
type incoming struct {
	check *origin.Check // nil: not from outside
	sieve *sieve
}

// marks are what is known of where a message comes from.
type marks struct {
	keywords []string
	junk     bool
}

// Admit answers MAIL of a client that is not logged in: ErrForged if it is
// from outside and writes as one of the box's own addresses.
func (o *Office) Admit(ctx context.Context, e *Envelope) error {
	if err := ctx.Err(); err != nil || !e.Outside || e.From == "" {
		return err
	}
	return o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		return d.foreign(e.From)
	})
}

// foreign returns ErrForged for an address of the box or of any home network.
func (d *directory) foreign(address string) error {
	domain := address[strings.LastIndexByte(address, '@')+1:]
	if d.isLocal(domain) || strings.HasSuffix(canonical(domain), ".local") {
		return fmt.Errorf("<%s>: %w", address, ErrForged)
	}
	return nil
}

// watch begins to look at a message that goes to w.
func (o *Office) watch(ctx context.Context, e *Envelope, w io.Writer) (*incoming, error) {
	in := &incoming{sieve: &sieve{w: w}}
	err := o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		in.sieve.ours = func(id string) bool { return d.isLocal(id) }
		return err
	})
	if err == nil && e.Outside && o.Origin != nil {
		in.check = o.Origin.Begin(ctx, origin.Client{Address: e.Remote, Helo: e.Helo, From: e.From})
	}
	return in, err
}

// Write takes a piece of the message.
func (in *incoming) Write(p []byte) (int, error) {
	if in.check != nil {
		in.check.Write(p)
	}
	return in.sieve.Write(p)
}

// abort gives the message up; harmless after result.
func (in *incoming) abort() {
	if in.check != nil {
		in.check.Abort()
	}
}

// top ends the message and puts the fields on top of it that tell where it is
// from. The error is ErrForged, ErrUnchecked or of the store.
func (o *Office) top(ctx context.Context, e *Envelope, in *incoming, blob *store.BlobWriter, info *message.Info) (marks, error) {
	head, m, err := o.result(ctx, e, in, info)
	if err != nil {
		return m, err
	}
	info.Prepend([]byte(head))
	return m, blob.SetHead([]byte(head))
}

// result composes these fields.
func (o *Office) result(ctx context.Context, e *Envelope, in *incoming, info *message.Info) (head string, m marks, err error) {
	var verdict *origin.Verdict
	if in.check != nil {
		verdict = in.check.Finish(ctx)
	}
	claims := in.claims(info)
	err = o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		m = marks{}
		if e.Outside {
			return d.refuseForged(claims, verdict)
		}
		unproven, err := d.unproven(e, claims)
		if unproven {
			m.keywords = []string{Unproven}
		}
		return err
	})
	if err != nil {
		return "", m, err
	}
	head = returnPath(e)
	switch {
	case verdict != nil:
		if m.junk = verdict.Condemned(); m.junk {
			m.keywords = []string{Junk}
		}
		head += verdict.Field(o.Name())
	case e.Outside:
		head += "Authentication-Results: " + o.Name() + "; none\r\n"
	case len(m.keywords) > 0:
		head += "Authentication-Results: " + o.Name() + ";\r\n\tauth=none (home network, no login) policy.sender=unproven\r\n"
	default:
		head += "Authentication-Results: " + o.Name() + ";\r\n\tauth=none (home network, no login)\r\n"
	}
	return head, m, nil
}

// junk is the mailbox for junk of an account, or else mb.
func (d *directory) junk(account store.AccountID, mb store.MailboxID) (store.MailboxID, error) {
	junk, err := d.tx.MailboxByRole(account, store.RoleJunk)
	if isNotFound(err) {
		return mb, nil
	}
	if err != nil {
		return 0, err
	}
	return junk.ID, nil
}

// claims are the addresses a message says it is from: those of every From
// field, and those that the more tolerant reading finds which mail programs
// show.
func (in *incoming) claims(info *message.Info) (list []string) {
	for _, raw := range in.sieve.from {
		if authors, err := origin.Authors(raw); err == nil {
			list = append(list, authors...)
		}
	}
	for _, a := range info.Envelope.From {
		if s := a.String(); s != "" && a.Host != message.MissingHost && a.Mailbox != message.MissingMailbox {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// refuseForged returns ErrForged if a message from outside says that it is from
// an address of the box whose domain has not signed it, and ErrUnchecked if it
// says that it has.
func (d *directory) refuseForged(claims []string, v *origin.Verdict) error {
	for _, address := range claims {
		err := d.foreign(address)
		if err == nil {
			continue
		}
		if v == nil {
			return err
		}
		switch v.SignedBy(address[strings.LastIndexByte(address, '@')+1:]) {
		case origin.Pass:
		case origin.TempError:
			return fmt.Errorf("<%s>: %w", address, ErrUnchecked)
		default:
			return err
		}
	}
	return nil
}

// unproven tells whether mail from the home network says that it is from
// somebody of the household.
func (d *directory) unproven(e *Envelope, claims []string) (bool, error) {
	if e.From != "" {
		claims = append(claims, e.From)
	}
	for _, address := range claims {
		person, err := d.isPerson(address)
		if err != nil {
			return false, err
		}
		if !person {
			continue
		}
		own, err := d.ownSender(e, address)
		if err != nil || !own {
			return !own, err
		}
	}
	return false, nil
}

// isPerson tells whether mail to an address reaches somebody here by name.
func (d *directory) isPerson(address string) (bool, error) {
	local, domain, err := Split(address)
	if err != nil || !d.isLocal(domain) {
		return false, nil
	}
	named := *d
	named.settings.CatchAll = ""
	if base, _, _ := strings.Cut(strings.ToLower(local), "+"); base == "postmaster" || base == "abuse" {
		return true, nil
	}
	r, err := named.expand(address)
	if errors.Is(err, ErrNoSuchUser) || errors.Is(err, ErrAliasLoop) {
		return false, nil
	}
	return len(r.local) > 0, err
}

// ownSender tells whether an address is one an allowed device may write as.
func (d *directory) ownSender(e *Envelope, address string) (bool, error) {
	device := deviceAt(d.settings, e.Remote)
	if device == nil {
		return false, nil
	}
	if len(device.Senders) > 0 {
		return slices.ContainsFunc(device.Senders, func(s string) bool { return strings.EqualFold(s, address) }), nil
	}
	// A device for which nothing is said may be alerts@ but nobody's name.
	local, _, _ := Split(address)
	base, _, _ := strings.Cut(strings.ToLower(local), "+")
	_, err := d.tx.AccountByName(base)
	if isNotFound(err) {
		return true, nil
	}
	return false, err
}
