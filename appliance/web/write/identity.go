package write

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Limits of what a person chooses.
const (
	maxSignature  = 2000 // octets
	maxIdentities = 50
)

// choices are what a person has chosen about writing.
type choices struct {
	Signature string `json:"signature,omitempty"`
	Address   string `json:"address,omitempty"` // to write from; "" is the first
}

func readChoices(tx *store.Tx, account store.AccountID) (c choices, err error) {
	v, err := tx.Value(store.AccountValue(account, "writing"))
	if errors.Is(err, store.ErrNotFound) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(v, &c)
	}
	return c, err
}

func (c choices) save(tx *store.Tx, account store.AccountID) error {
	if len(c.Signature) > maxSignature || !utf8.ValidString(c.Signature) {
		return page.Refuse(http.StatusUnprocessableEntity, "write.signature.long", strconv.Itoa(maxSignature))
	}
	v, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.PutValue(store.AccountValue(account, "writing"), v)
}

// desk is what a person writes with.
type desk struct {
	choices
	from    []compose.Address // the person's own, the one to write from first
	domain  string            // completes a name without @
	maxSize int64             // octets of a message
	leaves  bool              // mail can leave the box
}

// own tells whether an address is one of the person's.
func (d *desk) own(address string) bool {
	return slices.ContainsFunc(d.from, func(a compose.Address) bool { return strings.EqualFold(a.Address, address) })
}

// identity is the person's address as it is to be shown with mail.
func (d *desk) identity(address string) (compose.Address, bool) {
	i := slices.IndexFunc(d.from, func(a compose.Address) bool { return strings.EqualFold(a.Address, address) })
	if i < 0 {
		return compose.Address{}, false
	}
	return d.from[i], true
}

// desk reads what a person writes with. Own addresses are the name at each
// domain of the box, and aliases that lead to nobody else; the post office
// decides in the end.
func (w *Write) desk(ctx context.Context, p *session.Person) (*desk, error) {
	d := new(desk)
	var all []string
	err := w.Store.View(func(tx *store.Tx) error {
		a, err := tx.Account(p.Account)
		if err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		if d.choices, err = readChoices(tx, p.Account); err != nil {
			return err
		}
		d.maxSize, d.leaves = set.MaxMessageSize, set.Sending != store.SendNone
		domains := append(slices.Clone(set.Domains), w.Office.Name())
		d.domain = domains[0]
		all = all[:0]
		for _, domain := range domains {
			all = append(all, a.Name+"@"+domain)
		}
		aliases, err := tx.Aliases()
		for _, alias := range aliases {
			if strings.Contains(alias.Address, "@") {
				all = append(all, alias.Address)
				continue
			}
			for _, domain := range domains {
				all = append(all, alias.Address+"@"+domain)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	name := p.Display
	if name == p.Name {
		name = ""
	}
	own, err := w.Office.Own(ctx, p.Account, all)
	if err == nil && len(own) == 0 {
		err = page.Refuse(http.StatusForbidden, "write.problem.noaddress") // an alias has taken the name over
	}
	for _, address := range own[:min(len(own), maxIdentities)] {
		one := compose.Address{Name: name, Address: address}
		if strings.EqualFold(address, d.Address) {
			d.from = slices.Insert(d.from, 0, one)
		} else {
			d.from = append(d.from, one)
		}
	}
	return d, err
}
