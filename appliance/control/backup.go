package control

import (
	"context"
	"io"
)

// Backup writes everything the store holds to w, encrypted with passphrase
// unless that is "", and remembers that it did. It is complete only when the
// error is nil. Errors: [ErrPassphraseShort] before anything is written,
// [ErrBackupBusy].
func (b *Box) Backup(ctx context.Context, w io.Writer, passphrase string) error {
	if !b.swap.busy.TryLock() {
		return ErrBackupBusy
	}
	defer b.swap.busy.Unlock()
	if err := b.writeBackup(ctx, w, passphrase); err != nil {
		return err
	}
	b.noteBackup()
	return nil
}

// writeBackup is Backup for who holds swap.busy and remembers it.
func (b *Box) writeBackup(ctx context.Context, w io.Writer, passphrase string) error {
	if passphrase != "" {
		sealed, err := Seal(w, passphrase)
		if err != nil {
			return err
		}
		if _, err := b.Store.Backup(ctx, sealed, 0); err != nil {
			return err
		}
		return sealed.Close()
	}
	_, err := b.Store.Backup(ctx, w, 0)
	return err
}
