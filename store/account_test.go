package store

import (
	"errors"
	"testing"
)

// TestRemoveAccountValues: an account's own records go with it, those of
// account 11 do not go with account 1.
func TestRemoveAccountValues(t *testing.T) {
	s := openTest(t, Options{})
	a := &Account{Name: "alice"}
	update(t, s, func(tx *Tx) error { return tx.CreateAccount(a) })
	mine, others := AccountValue(a.ID, "rules"), AccountValue(a.ID*10+1, "rules")
	update(t, s, func(tx *Tx) error {
		if err := tx.PutValue(mine, []byte("x")); err != nil {
			return err
		}
		return tx.PutValue(others, []byte("x"))
	})
	update(t, s, func(tx *Tx) error { return tx.RemoveAccount(a.ID) })
	err := s.View(func(tx *Tx) error {
		if _, err := tx.Value(mine); !errors.Is(err, ErrNotFound) {
			t.Errorf("own record after the account is removed: %v", err)
		}
		_, err := tx.Value(others)
		return err
	})
	if err != nil {
		t.Errorf("another account's record: %v", err)
	}
}
