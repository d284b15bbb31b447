package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"posthorn/store"
)

// Restore fills a new store in the data directory from a backup and its
// increments, in order. It refuses a directory that holds a store: mail that
// is there is not overwritten.
func Restore(ctx context.Context, data string, log *slog.Logger, backups ...io.Reader) error {
	dir := StoreDir(data)
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(list) > 0 {
		return fmt.Errorf("%s holds mail already: restore into an empty directory, named by --data, or move that one away first", dir)
	}
	return store.Restore(ctx, store.Options{Dir: dir, Log: log}, backups...)
}
