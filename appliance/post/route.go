package post

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"posthorn/store"
)

// MaxAliasSteps bounds the aliases followed and the targets collected for one
// address, so that a mistake in the alias table costs microseconds.
const MaxAliasSteps = 256

// directory looks addresses up in one transaction.
type directory struct {
	office    *Office
	tx        *store.Tx
	settings  store.Settings
	name      string
	formerly  []string // further names of the box, with .local
	addresses func() []netip.Addr
	clockSet  bool
}

func (o *Office) directory(tx *store.Tx) (*directory, error) {
	s, err := tx.Settings()
	if err != nil {
		return nil, err
	}
	addresses := o.Addresses
	if addresses == nil {
		addresses = kernelAddresses
	}
	var formerly []string
	if o.Formerly != nil {
		for _, name := range o.Formerly() {
			formerly = append(formerly, name+".local")
		}
	}
	return &directory{office: o, tx: tx, settings: s, name: o.Name(), formerly: formerly, addresses: addresses, clockSet: o.clockSet()}, nil
}

// route is where one address leads.
type route struct {
	local  []delivery
	remote []string
}

// delivery is an account and the sub-address that picks one of its mailboxes;
// "" is the INBOX.
type delivery struct {
	account store.AccountID
	detail  string
}

// route follows address to its accounts, all of them here. It never returns an
// empty route without an error.
func (d *directory) route(address string) (route, error) {
	r, err := d.expand(address)
	if err == nil && len(r.remote) > 0 {
		return route{}, fmt.Errorf("<%s>: %w", address, ErrNotLocal)
	}
	return r, err
}

// reach is route for a message with envelope e, which may have ways out of
// the box.
func (d *directory) reach(e *Envelope, address string) (route, error) {
	r, err := d.expand(address)
	switch {
	case err != nil || len(r.remote) == 0:
		return r, err
	case e.Submitter == nil && !e.Own && !d.mayRelay(e):
		return route{}, fmt.Errorf("<%s>: %w", address, ErrNotLocal)
	case d.settings.Sending == store.SendNone:
		return route{}, fmt.Errorf("<%s>: %w", address, ErrNoWayOut)
	}
	return r, nil
}

// expand follows address wherever it leads.
func (d *directory) expand(address string) (route, error) {
	if _, _, err := Split(address); err != nil {
		return route{}, fmt.Errorf("<%s>: %w", address, err)
	}
	x := expansion{directory: d, seen: map[string]bool{}}
	if err := x.follow(address, ""); err != nil {
		return route{}, fmt.Errorf("<%s>: %w", address, err)
	}
	switch {
	case len(x.local)+len(x.remote) > 0:
		return x.route, nil
	case x.circle:
		return route{}, fmt.Errorf("<%s>: %w", address, ErrAliasLoop)
	}
	return route{}, fmt.Errorf("<%s>: %w", address, ErrNoSuchUser)
}

// CheckAlias returns ErrSetting for an alias whose mail would go to nobody: one
// that leads back to itself, at once or through others, while no account has
// its name. It looks at what tx has.
func (o *Office) CheckAlias(tx *store.Tx, address string) error {
	d, err := o.directory(tx)
	if err != nil {
		return err
	}
	full := address
	if !strings.Contains(full, "@") {
		full += "@" + d.name
	}
	if _, err := d.expand(full); errors.Is(err, ErrAliasLoop) {
		return fmt.Errorf("%w: the alias %s leads back to itself, and no account has that name; name who is to get its mail", ErrSetting, address)
	}
	return nil
}

// expansion is the work in progress of following one address.
type expansion struct {
	*directory
	route
	seen   map[string]bool // aliases already followed, and "@" for the catch-all
	steps  int
	again  bool // the alias of the present name was followed before
	circle bool // an alias led back to itself, and no account has its name
}

// follow adds what address leads to. A target without "@" is local; detail is
// the sub-address of the alias it came from.
func (x *expansion) follow(address, detail string) error {
	if x.steps++; x.steps > MaxAliasSteps {
		return ErrAliasLoop
	}
	local, domain := address, ""
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local, domain = address[:at], address[at+1:]
		if !x.isLocal(domain) {
			x.remote = append(x.remote, address)
			return nil
		}
	}
	local, domain = strings.ToLower(local), strings.ToLower(domain)
	base, sub, hasSub := strings.Cut(local, "+")
	if hasSub && sub != "" {
		detail = sub
	}
	x.again = false
	names := []string{local}
	if hasSub && base != "" {
		names = append(names, base)
	}
	for _, name := range names {
		if done, err := x.alias(name, domain, detail); done || err != nil {
			return err
		}
	}
	for _, name := range names {
		if done, err := x.account(name, detail); done || err != nil {
			return err
		}
	}
	if x.again {
		x.circle = true
		return nil
	}
	return x.fallback(names[len(names)-1], detail)
}

// alias follows the alias for name@domain or for name, if there is one that
// was not followed before.
func (x *expansion) alias(name, domain, detail string) (bool, error) {
	keys := []string{name}
	if domain != "" {
		keys = []string{name + "@" + domain, name}
	}
	for _, key := range keys {
		if x.seen[key] {
			x.again = true
			continue
		}
		a, err := x.tx.Alias(key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		x.seen[key] = true
		for _, target := range a.Targets {
			if err := x.follow(target, detail); err != nil {
				return false, err
			}
		}
		return true, nil
	}
	return false, nil
}

// account delivers to the account called name, if there is one.
func (x *expansion) account(name, detail string) (bool, error) {
	a, err := x.tx.AccountByName(name)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	x.deliver(a, detail)
	return true, nil
}

func (x *expansion) deliver(a *store.Account, detail string) {
	to := delivery{account: a.ID, detail: detail}
	if !slices.Contains(x.local, to) {
		x.local = append(x.local, to)
	}
}

// fallback is for names nobody has: the addresses every domain must answer
// (RFC 5321 section 4.5.1, RFC 2142) go to the owner, others to the catch-all.
func (x *expansion) fallback(name, detail string) error {
	if name == "postmaster" || name == "abuse" {
		owner, err := x.owner()
		if err == nil {
			x.deliver(owner, detail)
		}
		if !isNotFound(err) {
			return err
		}
	}
	if x.settings.CatchAll == "" || x.seen["@"] {
		return nil
	}
	x.seen["@"] = true
	return x.follow(x.settings.CatchAll, detail)
}

// owner is the first account marked as owner, or the first of all.
func (d *directory) owner() (*store.Account, error) {
	all, err := d.tx.Accounts()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, store.ErrNotFound
	}
	if i := slices.IndexFunc(all, func(a *store.Account) bool { return a.Owner }); i >= 0 {
		return all[i], nil
	}
	return all[0], nil
}

// mailbox picks the mailbox of a delivery: the one named by the sub-address in
// any case, else the INBOX. Mailboxes with a role are passed over, so that
// nobody outside can put mail where it is thrown away or never looked at.
func (d *directory) mailbox(to delivery) (store.MailboxID, error) {
	if to.detail != "" {
		all, err := d.tx.Mailboxes(to.account)
		if err != nil {
			return 0, err
		}
		for _, mb := range all {
			if mb.Role == "" && strings.EqualFold(mb.Name, to.detail) {
				return mb.ID, nil
			}
		}
	}
	mb, err := d.tx.MailboxByName(to.account, "INBOX")
	if err != nil {
		return 0, err
	}
	return mb.ID, nil
}

// maySend applies the rule of the package comment.
func (d *directory) maySend(account store.AccountID, address string) error {
	r, err := d.route(address)
	switch {
	case errors.Is(err, ErrNotLocal), errors.Is(err, ErrNoSuchUser), errors.Is(err, ErrAddress),
		errors.Is(err, ErrAliasLoop):
		return fmt.Errorf("<%s>: %w", address, ErrNotYours)
	case err != nil:
		return err
	}
	for _, to := range r.local {
		if to.account != account {
			return fmt.Errorf("<%s>: %w", address, ErrNotYours)
		}
	}
	return nil
}
