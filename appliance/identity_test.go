package appliance

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"posthorn/appliance/control"
	"posthorn/store"
)

// A card that was set up anew and then restored from a backup must become the
// box that the household's devices trust.
func TestRestoredBoxKeepsItsAuthority(t *testing.T) {
	first := runBox(t, "")
	before := first.certs.Fingerprint()
	var backup bytes.Buffer
	if _, err := first.store.Backup(context.Background(), &backup, 0); err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := runBox(t, "")
	if second.certs.Fingerprint() == before {
		t.Fatal("two boxes made the same authority")
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(control.StoreDir(second.data)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(second.data, "tls", authorityKey)); err != nil {
		t.Fatal(err)
	}
	if err := control.Restore(context.Background(), second.data, &backup, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	third := runBox(t, second.data)
	if got := third.certs.Fingerprint(); got != before {
		t.Errorf("fingerprint %s after the restore, want %s", got, before)
	}
	if st, err := os.Stat(filepath.Join(second.data, "tls", authorityKey)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v", st, err)
	}
	// And again, without a restore: nothing changes.
	if err := third.stop(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: control.StoreDir(second.data)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := recallIdentity(second.data, s); err != nil {
		t.Fatal(err)
	}
}
