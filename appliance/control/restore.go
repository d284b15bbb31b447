package control

import (
	"context"
	"io"
	"log/slog"

	"posthorn/store"
)

// Restore fills the store of a data directory from a backup; an incremental
// one goes into what the backup before it was restored to. Mail that is there
// is never overwritten: see [store.Restore]. No box may run.
func Restore(ctx context.Context, data string, backup io.Reader, log *slog.Logger) error {
	return store.Restore(ctx, store.Options{Dir: StoreDir(data), Log: log}, backup)
}
