package update

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
)

// newUpdater makes a system that runs version 1 from slot 2 of a card.
func newUpdater(t *testing.T, key minisign.PublicKey) *Updater {
	t.Helper()
	text, err := key.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	u := &Updater{Root: t.TempDir(), Data: t.TempDir()}
	for _, dir := range []string{"dev", "etc", "proc", "run/posthorn"} {
		if err := os.MkdirAll(u.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(newCard(t, key).Path, u.path("dev/mmcblk0")); err != nil {
		t.Fatal(err)
	}
	u.put(t, "etc/posthorn-board", "rpi4\n")
	u.put(t, "etc/posthorn-update.pub", string(text))
	u.put(t, "run/posthorn/disk", "mmcblk0\n")
	u.starts(t, "1", "2026-11-01 00:00:00", 2)
	return u
}

func (u *Updater) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(u.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// starts is what a restart does: another version may run from a slot.
func (u *Updater) starts(t *testing.T, version, built string, slot int) {
	t.Helper()
	os.Remove(u.path(trialFile))
	u.put(t, "etc/posthorn-version", version+"\n")
	u.put(t, "etc/posthorn-built", built+"\n")
	u.put(t, "proc/cmdline", "quiet posthorn.slot="+string(rune('0'+slot))+"\n")
}

func (u *Updater) state(t *testing.T) State {
	t.Helper()
	s, err := u.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUpdater(t *testing.T) {
	public, private := newKey(t)
	u := newUpdater(t, public)
	if s := u.state(t); s.Version != "1" || s.Board != "rpi4" || s.Slot != 2 || s.Trial || s.Ready || s.Installing || s.Last != nil {
		t.Fatalf("at first: %+v", s)
	}
	if err := u.Try(t.Context()); !errors.Is(err, ErrNothingToTry) {
		t.Errorf("a trial of nothing: %v", err)
	}
	var reported []string
	u.Report = func(version string, percent int) {
		reported = append(reported, version)
		if version == "" {
			return
		}
		if s := u.state(t); !s.Installing || s.Next != version || s.Percent != percent {
			t.Errorf("while %s is at %d %%: %+v", version, percent, s)
		}
		if _, err := u.Install(t.Context(), nil); !errors.Is(err, ErrBusy) {
			t.Errorf("a second update meanwhile: %v", err)
		}
	}
	good := bundle(t, manifest(newSlot()), newSlot(), private)
	if _, err := u.Install(t.Context(), bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	if strings.Join(reported, " ") != "2 2 " { // two chunks; over
		t.Errorf("reported %q", reported)
	}
	s := u.state(t)
	if !s.Ready || s.Installing || s.Last == nil || s.Last.Version != "2" || s.Last.From != "1" || s.Last.Failure != "" {
		t.Errorf("after it was installed: %+v, %+v", s, s.Last)
	}

	u.starts(t, "2", "2026-11-01 01:00:00", 3)
	if s := u.state(t); !s.Trial || s.Version != "2" || s.Last.Failure != "" {
		t.Errorf("on trial: %+v, %+v", s, s.Last)
	}
	u.starts(t, "1", "2026-11-01 00:00:00", 2)
	if s := u.state(t); s.Trial || s.Last == nil || !strings.Contains(s.Last.Failure, "did not prove itself") {
		t.Errorf("after it fell back: %+v, %+v", s, s.Last)
	}
}

// What waits for its trial is gone when another update is begun, even if that
// is refused: it may have been overwritten in part.
func TestUpdaterRefuses(t *testing.T) {
	public, private := newKey(t)
	_, stranger := newKey(t)
	u := newUpdater(t, public)
	if _, err := u.Install(t.Context(), bytes.NewReader(bundle(t, manifest(newSlot()), newSlot(), private))); err != nil {
		t.Fatal(err)
	}
	_, err := u.Install(t.Context(), bytes.NewReader(bundle(t, manifest(newSlot()), newSlot(), stranger)))
	if !errors.Is(err, ErrSignature) || !Refused(err) || Refused(io.ErrUnexpectedEOF) {
		t.Errorf("signed by a stranger: %v", err)
	}
	s := u.state(t)
	if s.Ready || s.Last == nil || s.Last.Failure != ErrSignature.Error() {
		t.Errorf("after a refusal: %+v, %+v", s, s.Last)
	}
	if err := u.Leave(); !errors.Is(err, ErrNothingToTry) {
		t.Errorf("the board may be left for a slot that can't be started: %v", err)
	}
	// A record that a power cut left unfinished is none.
	if err := os.WriteFile(filepath.Join(u.Data, recordName), []byte(`{"time":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := u.state(t); s.Last != nil {
		t.Errorf("an unfinished record: %+v", s.Last)
	}
}
