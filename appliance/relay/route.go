package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"posthorn/store"
)

// smarthostsValue is the name of the store's record of smarthosts. It is no
// part of the settings because it holds passwords.
const smarthostsValue = "relay/smarthosts"

// maxSmarthosts is how many a household can have.
const maxSmarthosts = 20

// Security is how the connection to a smarthost is protected.
type Security string

// The ways of protection and their usual ports.
const (
	TLS      Security = "tls"      // from the first octet: 465
	STARTTLS Security = "starttls" // asked for: 587
	Clear    Security = "none"     // not at all, for a server in the house: 25
)

// Smarthost is a provider's mail server that takes mail for everywhere.
type Smarthost struct {
	Host     string   `json:"host"`
	Port     int      `json:"port"`
	Security Security `json:"security"`
	// User and Password log in; without a user nobody does.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	// Mechanism is PLAIN, LOGIN, CRAM-MD5 or XOAUTH2; "" takes the best that
	// is offered. XOAUTH2 sends the password as its token, or one that OAuth
	// gives out.
	Mechanism string `json:"mechanism,omitempty"`
	OAuth     *OAuth `json:"oauth,omitempty"`
	// Senders are the addresses, or "@domain", whose mail goes this way; empty:
	// everybody's that no other smarthost names.
	Senders []string `json:"senders,omitempty"`
}

// Address is host:port.
func (s Smarthost) Address() string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }

// Check says what is wrong with the smarthost as it is described.
func (s Smarthost) Check() error {
	switch {
	case s.Host == "" || strings.ContainsAny(s.Host, " /@\r\n\x00"):
		return fmt.Errorf("%q is no name of a mail server", s.Host)
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("%d is no port", s.Port)
	case !slices.Contains([]Security{TLS, STARTTLS, Clear}, s.Security):
		return fmt.Errorf("security is tls, starttls or none, not %q", s.Security)
	case !slices.Contains([]string{"", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}, s.Mechanism):
		return fmt.Errorf("mechanism is PLAIN, LOGIN, CRAM-MD5 or XOAUTH2, not %q", s.Mechanism)
	case s.User == "" && s.Password != "":
		return errors.New("there is a password but no user name")
	case s.Security == Clear && s.Password != "" && s.Mechanism != "CRAM-MD5":
		return errors.New("a password is not sent without encryption; use tls or starttls")
	case s.OAuth != nil:
		return s.OAuth.check(&s)
	}
	return nil
}

// Smarthosts returns the household's smarthosts.
func Smarthosts(tx *store.Tx) (list []Smarthost, err error) {
	v, err := tx.Value(smarthostsValue)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(v, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read the smarthosts: %w", err)
	}
	return list, nil
}

// PutSmarthosts replaces the household's smarthosts. The tokens of those that
// are no longer among them go.
func PutSmarthosts(tx *store.Tx, list []Smarthost) error {
	if len(list) > maxSmarthosts {
		return fmt.Errorf("a household has at most %d smarthosts: %w", maxSmarthosts, store.ErrTooLarge)
	}
	for _, s := range list {
		if err := s.Check(); err != nil {
			return err
		}
	}
	old, err := Smarthosts(tx)
	if err != nil {
		return err
	}
	for _, s := range old {
		if s.OAuth == nil || slices.ContainsFunc(list, func(kept Smarthost) bool { return kept.OAuth != nil && kept.account() == s.account() }) {
			continue
		}
		if err := tx.DeleteValue(s.account()); err != nil {
			return err
		}
	}
	v, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return tx.PutValue(smarthostsValue, v)
}

// Route is a way for mail: a smarthost, or a domain's own servers.
type Route struct {
	Smarthost *Smarthost
	Domain    string
}

// Name tells routes apart.
func (r Route) Name() string {
	if r.Smarthost != nil {
		return "smarthost " + r.Smarthost.User + "@" + r.Smarthost.Address()
	}
	return r.Domain
}

// ErrNoRoute says that the owner has not said how mail leaves the box.
var ErrNoRoute = errors.New("the owner has not set how mail leaves the box; posthorn smarthost set does")

// Choose picks the way of mail from the address from to a domain.
func Choose(sending store.Sending, hosts []Smarthost, from, domain string) (Route, error) {
	switch {
	case sending == store.SendDirect:
		return Route{Domain: domain}, nil
	case sending != store.SendSmarthost || len(hosts) == 0:
		return Route{}, ErrNoRoute
	}
	from = strings.ToLower(from)
	at := from[max(strings.LastIndexByte(from, '@'), 0):]
	any := -1
	for i, h := range hosts {
		for _, s := range h.Senders {
			if s = strings.ToLower(s); s == from || s == at {
				return Route{Smarthost: &hosts[i], Domain: domain}, nil
			}
		}
		if any < 0 && len(h.Senders) == 0 {
			any = i
		}
	}
	if any < 0 {
		return Route{}, fmt.Errorf("no smarthost takes mail from <%s>: %w", from, ErrNoRoute)
	}
	return Route{Smarthost: &hosts[any], Domain: domain}, nil
}
