package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"posthorn/appliance/stick"
	"posthorn/store"
)

// StickBackup is a backup onto a USB stick: one that is whole, under way, or
// failed.
type StickBackup struct {
	Stick   stick.Stick `json:"stick"`
	Name    string      `json:"name"`   // of the file; "" until it is whole
	Octets  int64       `json:"octets"` // of the file, until now
	Running bool        `json:"running"`
	Ended   time.Time   `json:"ended,omitzero"`
	Err     error       `json:"-"` // why it failed
}

// stickJob is the last backup onto a stick that the page asked for. It goes on
// when the browser does not wait for it.
type stickJob struct {
	mu     sync.Mutex // guards what follows but octets
	last   *StickBackup
	cancel context.CancelFunc
	done   chan struct{} // closed at its end
	octets atomic.Int64
}

// StickBackup writes a complete backup, encrypted with passphrase, onto the USB
// stick that is plugged in; once it returns the stick can be taken out. Errors:
// [ErrPassphraseShort], [ErrBackupBusy], those of package stick.
func (b *Box) StickBackup(ctx context.Context, passphrase string) (StickBackup, error) {
	s, err := b.readyStick(passphrase)
	if err != nil {
		return StickBackup{}, err
	}
	defer b.swap.busy.Unlock()
	return b.toStick(ctx, s, passphrase)
}

// StartStick is [Box.StickBackup] that does not wait; [Box.LastStick] tells how
// it fares.
func (b *Box) StartStick(passphrase string) error {
	s, err := b.readyStick(passphrase)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.stick.mu.Lock()
	b.stick.last, b.stick.cancel, b.stick.done = &StickBackup{Stick: s, Running: true}, cancel, done
	b.stick.mu.Unlock()
	go func() {
		defer close(done)
		defer cancel()
		defer b.swap.busy.Unlock()
		result, err := b.toStick(ctx, s, passphrase)
		result.Err = err
		b.stick.mu.Lock()
		b.stick.last = &result
		b.stick.mu.Unlock()
	}()
	return nil
}

// LastStick is what became of the last [Box.StartStick], or nil.
func (b *Box) LastStick() *StickBackup {
	b.stick.mu.Lock()
	defer b.stick.mu.Unlock()
	if b.stick.last == nil {
		return nil
	}
	last := *b.stick.last
	if last.Running {
		last.Octets = b.stick.octets.Load()
	}
	return &last
}

// StopStick breaks off what [Box.StartStick] began and waits for that. The
// stick keeps no half a file.
func (b *Box) StopStick() {
	b.stick.mu.Lock()
	cancel, done := b.stick.cancel, b.stick.done
	b.stick.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// readyStick finds the stick and, without an error, holds swap.busy.
func (b *Box) readyStick(passphrase string) (s stick.Stick, err error) {
	if !mayProtect(passphrase) {
		return s, ErrPassphraseShort
	}
	if s, err = stick.Find("/"); err != nil {
		return s, err
	}
	if !b.swap.busy.TryLock() {
		return s, ErrBackupBusy
	}
	b.stick.octets.Store(0)
	return s, nil
}

// toStick does the work for who holds swap.busy.
func (b *Box) toStick(ctx context.Context, s stick.Stick, passphrase string) (StickBackup, error) {
	result := StickBackup{Stick: s}
	need, err := b.backupSize()
	if err == nil {
		result.Name, err = s.Save(ctx, time.Now(), need, func(w io.Writer) error {
			return b.writeBackup(ctx, &counter{w, &b.stick.octets}, passphrase)
		})
	}
	result.Octets, result.Ended = b.stick.octets.Load(), time.Now()
	if err != nil {
		b.log().Error("backup onto a USB stick failed", "stick", s.Name, "octets", result.Octets, "error", err)
		return result, err
	}
	b.noteBackup()
	b.log().Info("backup is on a USB stick", "stick", s.Name, "file", result.Name, "octets", result.Octets)
	return result, nil
}

// backupSize is about how many octets a backup will have: those of all mail,
// or those of the store, which is compressed, but has gaps.
func (b *Box) backupSize() (octets int64, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			octets += u.Bytes
		}
		return nil
	})
	return min(octets, b.Store.Health().Used), err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// stickRoutes is the route of backups onto a stick.
func (b *Box) stickRoutes(route func(string, func(*http.Request) (any, error))) {
	route("POST /backup/stick", func(r *http.Request) (any, error) {
		passphrase, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return b.StickBackup(r.Context(), passphrase)
	})
}

// StickBackup writes a complete backup, encrypted with passphrase, onto the USB
// stick that is plugged in.
func (c *Client) StickBackup(ctx context.Context, passphrase string) (done StickBackup, err error) {
	if err := c.call(ctx, "POST", "/backup/stick", passphrase, &done); err != nil {
		return done, fmt.Errorf("backup onto a USB stick: %w", err)
	}
	return done, nil
}
