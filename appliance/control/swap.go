package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"posthorn/store"
)

// A running box puts a backup back in three steps, each of which a power cut
// leaves whole. The directories are beside the store, on the same disk:
//
//	store.incoming   a backup is being read, or was, and waits for the owner's
//	                 word: a start removes it
//	store.next       the owner has agreed, by one rename: the next start puts it
//	                 in the store's place
//	store.before     the store that was: kept until the owner is content, or
//	                 puts it back the same way
const (
	incomingName = "store.incoming"
	nextName     = "store.next"
	beforeName   = "store.before"
)

// incomingMemory is for how much memory a store is opened to be filled from a
// backup while another one serves, in octets: the smallest class there is.
const incomingMemory = 256 << 20

// Errors of putting a backup back.
var (
	// ErrBackupBusy says that a backup is being made or read already.
	ErrBackupBusy = errors.New("a backup is being made or read at this moment; wait until that is over")
	// ErrNoIncoming says that there is nothing to put in place.
	ErrNoIncoming = errors.New("no backup was read that could be put in place")
	// ErrNoOwner says that nobody could look after the box with what is in a backup.
	ErrNoOwner = errors.New("the backup has no owner who can log in; it is none of a box that was set up")
	// errStopped says that an operation needs a running box.
	errStopped = fmt.Errorf("%w: only a running box does this; posthorn restore fills a new data directory", ErrUsage)
)

// Incoming is what is in a backup that was read and verified.
type Incoming struct {
	People   []string `json:"people"` // names of the accounts
	Messages int64    `json:"messages"`
	Bytes    int64    `json:"bytes"`
}

// swap is the state of putting a backup back.
type swap struct {
	busy     sync.Mutex // held while a backup is made or read
	mu       sync.Mutex // guards incoming
	incoming *Incoming
}

// Incoming is the backup that waits to be put in place, or nil.
func (b *Box) Incoming() *Incoming {
	b.swap.mu.Lock()
	defer b.swap.mu.Unlock()
	return b.swap.incoming
}

// Former tells whether the store from before the last restore is still there.
func (b *Box) Former() bool {
	_, err := os.Stat(filepath.Join(b.Data, beforeName))
	return b.Data != "" && err == nil
}

// ReadBackup reads a complete backup into a store beside the one in use, and
// verifies it. Nothing else changes until [Box.PutBackup]. Errors:
// [ErrBackupBusy], those of [Unseal], [store.ErrBackup], [store.ErrFull],
// [ErrNoOwner].
func (b *Box) ReadBackup(ctx context.Context, r io.Reader, passphrase string) (in Incoming, err error) {
	if b.Data == "" {
		return in, errStopped
	}
	if !b.swap.busy.TryLock() {
		return in, ErrBackupBusy
	}
	defer b.swap.busy.Unlock()
	// One at a time: a passphrase takes as much memory as all else together.
	if r, err = Unseal(r, passphrase); err != nil {
		return in, err
	}
	if err := b.dropIncoming(); err != nil {
		return in, err
	}
	opts := store.Options{Dir: filepath.Join(b.Data, incomingName), Memory: incomingMemory, Log: b.Log}
	if err = store.Restore(ctx, opts, r); err == nil {
		in, err = inspect(opts)
	}
	if err != nil {
		return in, errors.Join(err, b.dropIncoming())
	}
	b.swap.mu.Lock()
	b.swap.incoming = &in
	b.swap.mu.Unlock()
	b.log().Info("backup read", "accounts", len(in.People), "messages", in.Messages)
	return in, nil
}

// inspect tells what is in a restored store, and whether a box can live on it.
func inspect(o store.Options) (in Incoming, err error) {
	s, err := store.Open(o)
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return in, s.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		owner := false
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			in.People = append(in.People, a.Name)
			in.Messages += u.Messages
			in.Bytes += u.Bytes
			owner = owner || a.Owner && !a.Disabled
		}
		if !owner {
			return ErrNoOwner
		}
		return nil
	})
}

// dropIncoming forgets a backup that was read.
func (b *Box) dropIncoming() error {
	b.swap.mu.Lock()
	b.swap.incoming = nil
	b.swap.mu.Unlock()
	if err := os.RemoveAll(filepath.Join(b.Data, incomingName)); err != nil {
		return fmt.Errorf("remove the backup that was read: %w", err)
	}
	return nil
}

// DropBackup forgets the backup that was read.
func (b *Box) DropBackup() error {
	if !b.swap.busy.TryLock() {
		return ErrBackupBusy
	}
	defer b.swap.busy.Unlock()
	return b.dropIncoming()
}

// PutBackup puts the backup that was read in the place of everything the box
// has, and restarts the box. What it had is kept beside it. Errors:
// [ErrNoIncoming].
func (b *Box) PutBackup() error {
	if b.Incoming() == nil {
		return ErrNoIncoming
	}
	return b.swapIn(incomingName)
}

// PutFormer puts the store from before the last restore back, and restarts the
// box; what it had until now is kept in turn. Errors: [store.ErrNotFound].
func (b *Box) PutFormer() error {
	if !b.Former() {
		return fmt.Errorf("mail from before a restore: %w", store.ErrNotFound)
	}
	return b.swapIn(beforeName)
}

// DropFormer removes the store from before the last restore, which makes room.
func (b *Box) DropFormer() error {
	if b.Data == "" {
		return errStopped
	}
	if err := os.RemoveAll(filepath.Join(b.Data, beforeName)); err != nil {
		return fmt.Errorf("remove the mail from before the restore: %w", err)
	}
	b.log().Info("mail from before the restore removed")
	return nil
}

// swapIn has the next start use the store in the directory of that name.
func (b *Box) swapIn(name string) error {
	if b.Restart == nil {
		return errStopped
	}
	if !b.swap.busy.TryLock() {
		return ErrBackupBusy
	}
	defer b.swap.busy.Unlock()
	if err := rename(b.Data, name, nextName); err != nil {
		return fmt.Errorf("put the backup in place: %w", err)
	}
	b.log().Info("restarting with another store", "from", name)
	b.Restart()
	return nil
}

// SwapStore puts the store that an owner has agreed to in its place, and
// removes what was never agreed to. It is called before the store is opened.
// Cut short anywhere, it goes on where it was the next time.
func SwapStore(data string, log *slog.Logger) error {
	if conn, err := net.Dial("unix", filepath.Join(data, SocketName)); err == nil {
		conn.Close()
		return nil // another box runs here, and reads a backup perhaps; opening its store will fail
	}
	if err := os.RemoveAll(filepath.Join(data, incomingName)); err != nil {
		return fmt.Errorf("remove a backup that was only read: %w", err)
	}
	if _, err := os.Stat(filepath.Join(data, nextName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look for a backup to put in place: %w", err)
	}
	// Without a store an earlier call was cut after moving it out of the way.
	if _, err := os.Stat(filepath.Join(data, StoreName)); err == nil {
		if err := os.RemoveAll(filepath.Join(data, beforeName)); err != nil {
			return fmt.Errorf("remove the mail from before the last restore: %w", err)
		}
		if err := rename(data, StoreName, beforeName); err != nil {
			return fmt.Errorf("move the store out of the way of a backup: %w", err)
		}
	}
	if err := rename(data, nextName, StoreName); err != nil {
		return fmt.Errorf("put a backup in place: %w", err)
	}
	log.Info("a backup is in place; the mail from before it is kept beside it", "former", beforeName)
	return nil
}

// rename gives a directory within another a new name, which is on disk when it
// returns.
func rename(dir, from, to string) error {
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// swapRoutes are the routes of putting a backup back.
func (b *Box) swapRoutes(route func(string, func(*http.Request) (any, error))) {
	route("POST /restore", func(r *http.Request) (any, error) { return b.ReadBackup(r.Context(), r.Body, "") })
	route("DELETE /restore", func(*http.Request) (any, error) { return nil, b.DropBackup() })
	route("POST /restore/put", func(*http.Request) (any, error) { return nil, b.PutBackup() })
	route("POST /restore/former", func(*http.Request) (any, error) { return nil, b.PutFormer() })
	route("DELETE /restore/former", func(*http.Request) (any, error) { return nil, b.DropFormer() })
}

// ReadBackup has a running box read and verify a complete backup, decrypted.
func (c *Client) ReadBackup(ctx context.Context, r io.Reader) (in Incoming, err error) {
	resp, err := c.do(ctx, "POST", "/restore", "application/octet-stream", r)
	if err != nil {
		return in, err
	}
	return in, decode(resp, &in)
}

// PutBackup puts the backup that was read in the place of everything the
// running box has, and restarts it.
func (c *Client) PutBackup(ctx context.Context) error {
	return c.call(ctx, "POST", "/restore/put", nil, nil)
}

// DropBackup forgets the backup that was read.
func (c *Client) DropBackup(ctx context.Context) error {
	return c.call(ctx, "DELETE", "/restore", nil, nil)
}

// PutFormer puts back what the running box had before the last restore, and
// restarts it.
func (c *Client) PutFormer(ctx context.Context) error {
	return c.call(ctx, "POST", "/restore/former", nil, nil)
}

// DropFormer removes what the box had before the last restore.
func (c *Client) DropFormer(ctx context.Context) error {
	return c.call(ctx, "DELETE", "/restore/former", nil, nil)
}
