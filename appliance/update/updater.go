package update

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// trialFile, of the running system, makes the shutdown script restart into the
// other slot. It is in memory: a power cut takes the trial back.
const trialFile = "run/posthorn/trial"

// recordName is the file of the data directory that tells of the last update.
const recordName = "update.json"

var (
	// ErrBusy is returned while another update is being installed.
	ErrBusy = errors.New("an update is being installed already; wait for it")
	// ErrNothingToTry is returned by Try when no update waits.
	ErrNothingToTry = errors.New("no update waits for its trial; install one first")
)

// Updater updates the box it runs in, and remembers what came of it. Its
// fields must not change after first use; its methods are for any number of
// goroutines.
type Updater struct {
	// Root is where the running system is: "/".
	Root string
	// Data is the directory that the record of the last update is kept in.
	Data string
	// Report, which may be nil, is told of the version that is being installed
	// and how far that is in percent; version is "" when it is over.
	Report func(version string, percent int)

	mu      sync.Mutex // guards what follows
	busy    bool
	version string // being installed, once its head was read
	percent int
}

// Attempt is what came of an update.
type Attempt struct {
	Time time.Time `json:"time"`
	// Version of the update; "" if it was refused before that was known.
	Version string `json:"version"`
	// Slot it was written to, and the version that ran then.
	Slot int    `json:"slot"`
	From string `json:"from"`
	// Failure says why it does not run: the reason it was refused for, or that
	// it did not stay. "" if it runs, or waits for its trial.
	Failure string `json:"failure,omitempty"`
}

// State is what there is to know of a box and its updates.
type State struct {
	Board   string    `json:"board"`
	Version string    `json:"version"` // that runs
	Built   time.Time `json:"built"`   // when that was made; older updates are refused
	Slot    int       `json:"slot"`    // that runs: 2 or 3
	// Trial says that the running system has not proved itself yet: the board
	// starts the other slot the next time.
	Trial bool `json:"trial"`
	// Installing says that an update is being written, Next of which version,
	// and Percent how much of it is.
	Installing bool   `json:"installing"`
	Next       string `json:"next,omitempty"`
	Percent    int    `json:"percent"`
	// Ready says that an update waits for a restart, its trial.
	Ready bool     `json:"ready"`
	Last  *Attempt `json:"last,omitempty"` // nil if there was none
}

// State tells how it stands. The error is ErrNoCard where there is nothing to
// update.
func (u *Updater) State() (State, error) {
	card, err := System(u.Root)
	if err != nil {
		return State{}, err
	}
	start, err := card.Default()
	if err != nil {
		return State{}, err
	}
	u.mu.Lock()
	s := State{Board: card.Board, Version: card.Version, Built: card.Built, Slot: card.Running, Trial: start != card.Running,
		Installing: u.busy, Next: u.version, Percent: u.percent}
	u.mu.Unlock()
	s.Ready = u.ready()
	if s.Last, err = u.recall(); err != nil {
		return s, err
	}
	if last := s.Last; last != nil && last.Failure == "" && last.Slot != card.Running && last.From == card.Version && !s.Ready {
		last.Failure = fmt.Sprintf("version %s did not prove itself, or power failed before it had; the box runs version %s as before", last.Version, card.Version)
	}
	return s, nil
}

// Install puts an update onto the card, where it waits for its trial. The
// error says why it was refused; what runs is not touched by that. It ends
// early with ctx.
func (u *Updater) Install(ctx context.Context, bundle io.Reader) (m Manifest, err error) {
	if !u.begin() {
		return m, ErrBusy
	}
	defer u.end()
	card, err := System(u.Root)
	if err != nil {
		return m, err
	}
	// What waited for its trial is about to be overwritten.
	if err := os.Remove(u.path(trialFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	m, err = card.Install(ctx, bundle, u.progress)
	a := Attempt{Time: time.Now().UTC().Truncate(time.Second), Version: m.Version, Slot: other(card.Running), From: card.Version}
	if err != nil {
		a.Failure = err.Error()
	}
	// Not to remember is no reason to fail: the data directory may be the
	// trouble that the update is to end.
	_ = u.remember(a)
	if err != nil {
		return m, err
	}
	return m, os.WriteFile(u.path(trialFile), nil, 0o600)
}

// Try restarts the box for the trial of the update that waits for it. The
// system tells the box to stop, as always.
func (u *Updater) Try(ctx context.Context) error {
	if !u.ready() {
		return ErrNothingToTry
	}
	if out, err := exec.CommandContext(ctx, "reboot").CombinedOutput(); err != nil {
		return fmt.Errorf("restart: %w: %s", err, out)
	}
	return nil
}

// Leave restarts the board into the other slot at once: see RestartForTrial.
func (u *Updater) Leave() error {
	if !u.ready() {
		return ErrNothingToTry
	}
	return RestartForTrial()
}

func (u *Updater) path(name string) string { return filepath.Join(u.Root, name) }

func (u *Updater) ready() bool {
	_, err := os.Stat(u.path(trialFile))
	return err == nil
}

func (u *Updater) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy {
		return false
	}
	u.busy, u.version, u.percent = true, "", 0
	return true
}

func (u *Updater) end() {
	u.mu.Lock()
	u.busy, u.version, u.percent = false, "", 0
	u.mu.Unlock()
	if u.Report != nil {
		u.Report("", 0)
	}
}

func (u *Updater) progress(m Manifest, done int64) {
	percent := int(done * 100 / m.Size)
	u.mu.Lock()
	u.version, u.percent = m.Version, percent
	u.mu.Unlock()
	if u.Report != nil {
		u.Report(m.Version, percent)
	}
}

// recall returns what is remembered of the last update; nil for nothing.
func (u *Updater) recall() (*Attempt, error) {
	text, err := os.ReadFile(filepath.Join(u.Data, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := new(Attempt)
	if json.Unmarshal(text, a) != nil {
		return nil, nil // cut off by a power failure: the last update is not known
	}
	return a, nil
}

// remember keeps what came of an update.
func (u *Updater) remember(a Attempt) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	name := filepath.Join(u.Data, recordName)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
