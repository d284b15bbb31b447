package store

import (
	"errors"
	"fmt"
	"testing"
)

// What other packages keep of an account goes with it, and only that.
func TestRemoveAccountTakesItsValues(t *testing.T) {
	s := openTest(t, Options{})
	one, _ := newAccount(t, s, "alice")
	two, _ := newAccount(t, s, "bob")
	name := func(a AccountID) string { return AccountValue(a, "sessions") }
	longer := fmt.Sprintf("account/%d1/sessions", one)
	update(t, s, func(tx *Tx) error {
		for _, n := range []string{name(one), name(two), longer} {
			if err := tx.PutValue(n, []byte("x")); err != nil {
				return err
			}
		}
		return tx.RemoveAccount(one)
	})
	err := s.View(func(tx *Tx) error {
		if _, err := tx.Value(name(one)); !errors.Is(err, ErrNotFound) {
			t.Errorf("its value is left: %v", err)
		}
		for _, n := range []string{name(two), longer} {
			if _, err := tx.Value(n); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
