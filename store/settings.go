package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Settings are the owner's choices. A field at its zero value after reading
// means just that: defaults are filled in by [Tx.Settings].
type Settings struct {
	Household      string        // name of the household, as pages and discovery show it
	Domains        []string      // mail domains besides <hostname>.local; the first is the main one
	CatchAll       string        // account that takes mail for unknown local addresses; empty: refused
	OpenToInternet bool          // port 25 takes mail from everywhere, not just local networks
	POP3RescueDays int           // days that what POP3 deletes stays in Trash; 0 = none
	MaxMessageSize int64         // octets of one message
	TimeZone       string        // IANA name; empty = UTC
	Language       string        // BCP 47 tag
	Sending        Sending       // how mail leaves the box
	Undo           time.Duration // how long mail to others can be called back by those who did not choose: 0 = DefaultUndo, negative = not at all
	RelayFrom      []string      // addresses and networks whose devices may send to other systems without a login
	PlainPage      bool          // the page takes passwords on connections without TLS as well
	OpenPage       bool          // the page answers everywhere, not just on local networks
}

// Sending is the road mail to other systems takes.
type Sending string

// The roads. Most homes need the first: their lines may not or can't deliver
// mail themselves.
const (
	SendNone      Sending = ""          // mail stays on the box
	SendSmarthost Sending = "smarthost" // through the mail server of a provider
	SendDirect    Sending = "direct"    // to each domain's own mail server
)

// DefaultSettings are the settings of a new box.
func DefaultSettings() Settings {
	return Settings{POP3RescueDays: 30, MaxMessageSize: 50 << 20, Language: "en"}
}

// Settings returns the owner's choices.
func (tx *Tx) Settings() (Settings, error) {
	set := DefaultSettings()
	v, err := tx.get([]byte{keySettings})
	if errors.Is(err, ErrNotFound) {
		return set, nil
	}
	if err != nil {
		return set, err
	}
	if err := json.Unmarshal(v, &set); err != nil {
		return set, fmt.Errorf("settings: %w: %v", ErrCorrupt, err)
	}
	return set, nil
}

// PutSettings replaces the owner's choices.
func (tx *Tx) PutSettings(set Settings) error {
	v, err := json.Marshal(set)
	if err != nil {
		return err
	}
	tx.settings = true
	return tx.set([]byte{keySettings}, v)
}

// Value returns a small record that another package keeps under a name of its
// own, such as "discovery/name".
func (tx *Tx) Value(name string) ([]byte, error) {
	v, err := tx.get(keyText(keyValue, name))
	if err != nil {
		return nil, fmt.Errorf("value %q: %w", name, err)
	}
	return v, nil
}

// PutValue keeps a record of 1 to MaxValue octets under a name.
func (tx *Tx) PutValue(name string, v []byte) error {
	if name == "" || len(v) == 0 || len(v) > MaxValue {
		return fmt.Errorf("value %q has %d octets, 1 to %d are taken: %w", name, len(v), MaxValue, ErrTooLarge)
	}
	return tx.set(keyText(keyValue, name), v)
}

// DeleteValue removes a record; it need not exist.
func (tx *Tx) DeleteValue(name string) error {
	return tx.del(keyText(keyValue, name))
}
