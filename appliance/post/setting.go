package post

import (
	"encoding/json"
	"fmt"

	"posthorn/store"
)

// setting reads what an account wants done with its mail, kept under a name in
// JSON; nil if it has said nothing.
func setting[T any](tx *store.Tx, account store.AccountID, name string) (*T, error) {
	text, err := tx.Value(store.AccountValue(account, name))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("%s of account %d: %w: %v", name, account, store.ErrCorrupt, err)
	}
	return v, nil
}

// putSetting keeps it; nil is nothing.
func putSetting[T any](tx *store.Tx, account store.AccountID, name string, v *T) error {
	if v == nil {
		return tx.DeleteValue(store.AccountValue(account, name))
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.PutValue(store.AccountValue(account, name), text)
}
