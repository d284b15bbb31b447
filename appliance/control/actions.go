package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"posthorn/appliance/login"
	"posthorn/store"
)

// Limits of the record of owners' actions.
const (
	MaxActions    = 200 // kept; the oldest go
	maxActionText = 200 // octets of one
)

// Action is something an owner did on the page.
type Action struct {
	At   time.Time `json:"at,omitzero"` // zero: before the time was known
	Who  string    `json:"who"`         // login name
	From string    `json:"from"`        // address of the browser
	Text string    `json:"text"`        // what, in English
	Key  string    `json:"key,omitempty"`
	Args []string  `json:"args,omitempty"` // of Key's words, for the page
}

// actionsName is the value of the store that keeps them.
const actionsName = "actions"

// Record adds an action to the record.
func (b *Box) Record(a Action) error {
	if len(a.Text) > maxActionText {
		a.Text, a.Key, a.Args = a.Text[:maxActionText], "", nil
	}
	return b.Store.Update(func(tx *store.Tx) error {
		list, err := actions(tx)
		if err != nil {
			return err
		}
		list = append(list, a)
		text, err := json.Marshal(list[max(0, len(list)-MaxActions):])
		if err != nil {
			return err
		}
		return tx.PutValue(actionsName, text)
	})
}

// Actions lists what owners did, newest first.
func (b *Box) Actions() (list []Action, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		list, err = actions(tx)
		return err
	})
	slices.Reverse(list)
	return list, err
}

func actions(tx *store.Tx) (list []Action, err error) {
	text, err := tx.Value(actionsName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("record of actions: %w", err)
	}
	return list, nil
}

// ForgetFactors has an account's login on the page ask for nothing but the
// password, for a person whose phone is lost. Errors: [store.ErrNotFound].
func (b *Box) ForgetFactors(name string) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		return tx.DeleteValue(store.AccountValue(a.ID, login.FactorsValue))
	})
	if err == nil {
		b.log().Info("second factors removed", "account", a.Name)
	}
	return err
}

// actionRoutes are the routes of both.
func (b *Box) actionRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /actions", func(*http.Request) (any, error) { return b.Actions() })
	route("DELETE /accounts/{name}/factors", func(r *http.Request) (any, error) { return nil, b.ForgetFactors(r.PathValue("name")) })
}

// Actions lists what owners did on the page, newest first.
func (c *Client) Actions(ctx context.Context) (list []Action, err error) {
	return list, c.call(ctx, "GET", "/actions", nil, &list)
}

// ForgetFactors has an account's login on the page ask for nothing but the
// password.
func (c *Client) ForgetFactors(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", account(name, "factors"), nil, nil)
}
