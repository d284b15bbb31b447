package login

import (
	"context"
	"errors"
	"testing"

	"posthorn/store"
)

// The password alone does not open the mail of somebody who asked for a second
// step, whichever service is tried and whatever the page is told meanwhile.
func TestSecondStepForMailPrograms(t *testing.T) {
	k, id := newKeeper(t)
	app, _, err := k.AddAppPassword(id, "tablet")
	if err != nil {
		t.Fatal(err)
	}
	at := func(service, password string, want error) {
		t.Helper()
		who, err := k.Login(context.Background(), "alice", password, home, service)
		if !errors.Is(err, want) || (who.Account == nil) != (err != nil) {
			t.Errorf("%s: %v, %v; want %v", service, who, err, want)
		}
	}
	at("imap", secret, nil)
	factors := store.AccountValue(id, FactorsValue)
	if err := k.Store.Update(func(tx *store.Tx) error { return tx.PutValue(factors, []byte("{}")) }); err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"imap", "pop3", "smtp"} {
		at(service, secret, ErrFactor)
		at(service, secret, ErrRefused) // which is all the servers need to know
		at(service, app, nil)
	}
	at(Web, secret, nil)
	at("imap", "a wrong one", ErrRefused)
	if err := k.Store.Update(func(tx *store.Tx) error { return tx.DeleteValue(factors) }); err != nil {
		t.Fatal(err)
	}
	at("imap", secret, nil)
}
