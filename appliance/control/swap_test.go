package control

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"posthorn/appliance/login"
	"posthorn/store"
)

// openAt is the operations on the store of a data directory.
func openAt(t *testing.T, data string) *Box {
	t.Helper()
	s, err := store.Open(store.Options{Dir: StoreDir(data), Memory: incomingMemory, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return &Box{Store: s, Keeper: &login.Keeper{Store: s}, Data: data}
}

func names(t *testing.T, b *Box) (all string) {
	t.Helper()
	list, err := b.Accounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		all += a.Name + " "
	}
	return all
}

// backupOf is the backup of a box with one account.
func backupOf(t *testing.T, name string) []byte {
	t.Helper()
	b := newBox(t)
	if name != "alice" {
		if err := b.AddAccount(NewAccount{Name: name, Password: "correct horse"}); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := b.Backup(t.Context(), &out, ""); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSwap(t *testing.T) {
	data, log := t.TempDir(), slog.New(slog.DiscardHandler)
	b := openAt(t, data)
	restarts := 0
	b.Restart = func() { restarts++ }
	if err := b.AddAccount(NewAccount{Name: "zoe", Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	good := backupOf(t, "bob")
	for name, c := range map[string]struct {
		backup []byte
		want   error
	}{"cut short": {good[:len(good)-9], store.ErrBackup}, "another file": {[]byte("PK"), store.ErrBackup}, "nothing": {nil, store.ErrBackup}} {
		if _, err := b.ReadBackup(t.Context(), bytes.NewReader(c.backup), ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(data, incomingName)); err == nil {
			t.Errorf("%s left its directory", name)
		}
	}
	if err := b.PutBackup(); !errors.Is(err, ErrNoIncoming) {
		t.Errorf("nothing was read: %v", err)
	}
	in, err := b.ReadBackup(t.Context(), bytes.NewReader(good), "")
	if err != nil || len(in.People) != 2 || b.Incoming() == nil {
		t.Fatalf("%+v, %v", in, err)
	}
	// Only read: the next start knows nothing of it.
	if err := b.DropBackup(); err != nil || b.Incoming() != nil {
		t.Error(err)
	}
	if _, err := b.ReadBackup(t.Context(), bytes.NewReader(good), ""); err != nil {
		t.Fatal(err)
	}
	if err := b.PutBackup(); err != nil || restarts != 1 {
		t.Fatalf("%d restarts, %v", restarts, err)
	}
	if got := names(t, b); got != "zoe " {
		t.Errorf("before the restart there are %s", got)
	}
	swap := func(want string) {
		t.Helper()
		if err := b.Store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := SwapStore(data, log); err != nil {
			t.Fatal(err)
		}
		b = openAt(t, data)
		b.Restart = func() {}
		if got := names(t, b); got != want {
			t.Errorf("after the restart there are %s, want %s", got, want)
		}
	}
	swap("alice bob ")
	swap("alice bob ") // once is enough
	if !b.Former() {
		t.Fatal("what was there is gone")
	}
	if err := b.PutFormer(); err != nil {
		t.Fatal(err)
	}
	swap("zoe ")
	if err := b.DropFormer(); err != nil || b.Former() {
		t.Errorf("dropped: %v", err)
	}
	if err := b.PutFormer(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was dropped: %v", err)
	}
	if err := b.Store.Close(); err != nil {
		t.Error(err)
	}
}

// Power fails between the two renames of a start, and before the owner agreed.
func TestSwapCutShort(t *testing.T) {
	data, log := t.TempDir(), slog.New(slog.DiscardHandler)
	at := func(name string) string { return filepath.Join(data, name) }
	for _, dir := range []string{nextName, beforeName, incomingName} { // the store was moved out of the way
		if err := os.MkdirAll(at(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at(dir), "name"), []byte(dir), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := SwapStore(data, log); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{StoreName: nextName, beforeName: beforeName} {
		if got, err := os.ReadFile(filepath.Join(at(dir), "name")); err != nil || string(got) != want {
			t.Errorf("%s is what %q was, want %s; %v", dir, got, want, err)
		}
	}
	for _, dir := range []string{incomingName, nextName} {
		if _, err := os.Stat(at(dir)); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}

// A box that nobody could log in to is not put in place.
func TestSwapNeedsAnOwner(t *testing.T) {
	other := openAt(t, t.TempDir())
	var empty bytes.Buffer
	if err := other.Backup(t.Context(), &empty, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := other.ReadBackup(t.Context(), &empty, ""); !errors.Is(err, ErrNoOwner) {
		t.Errorf("a backup without anybody: %v", err)
	}
	if err := other.Store.Close(); err != nil {
		t.Error(err)
	}
	stopped := newBox(t)
	for _, err := range []error{stopped.Off(), stopped.Reboot(), stopped.RemoveCertificate(), stopped.DropFormer()} {
		if !errors.Is(err, ErrUsage) {
			t.Errorf("without a running box: %v", err)
		}
	}
}
