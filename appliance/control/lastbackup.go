package control

import (
	"errors"
	"time"

	"posthorn/store"
)

// lastBackup is the store's value that tells when the last backup was made, in
// the form of RFC 3339.
const lastBackup = "backup/last"

// LastBackup is when the last whole or incremental backup was made, or the
// zero time if there was none.
func LastBackup(tx *store.Tx) (time.Time, error) {
	v, err := tx.Value(lastBackup)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(v))
}

// noteBackup remembers that a backup was made now.
func (b *Box) noteBackup() {
	err := b.Store.Update(func(tx *store.Tx) error {
		return tx.PutValue(lastBackup, []byte(time.Now().UTC().Format(time.RFC3339)))
	})
	if err != nil {
		b.log().Warn("when the last backup was made is not remembered", "error", err)
	}
}
