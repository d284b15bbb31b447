package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestRestoreKeepsBodiesBeingWritten: a body that is on its way in when the
// first backup is made and stored by the second is whole after both are put
// back. In the first it looks like one whose writer is gone.
func TestRestoreKeepsBodiesBeingWritten(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	body := noise(2 << 20)
	w := s.NewBlob()
	if _, err := w.Write(body[:1<<20]); err != nil {
		t.Fatal(err)
	}
	var whole, next bytes.Buffer
	v, err := s.Backup(ctx, &whole, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body[1<<20:]); err != nil {
		t.Fatal(err)
	}
	var e Entry
	update(t, s, func(tx *Tx) error {
		id, err := tx.PutMessage(w, e.Received, nil)
		if err != nil {
			return err
		}
		e, err = tx.Append(inbox, id, 0, nil)
		return err
	})
	if _, err := s.Backup(ctx, &next, v); err != nil {
		t.Fatal(err)
	}
	opts := Options{Dir: t.TempDir(), Reserve: 1 << 20, Memory: 512 << 20}
	for _, b := range []*bytes.Buffer{&whole, &next} {
		if err := Restore(ctx, opts, b); err != nil {
			t.Fatal(err)
		}
	}
	back := openTest(t, opts)
	if !bytes.Equal(readBody(t, back, inbox, e.UID), body) {
		t.Error("the body came back as another")
	}
}

// TestFailedRestoreLeavesOtherFilesAlone: people keep backups where they put
// them back.
func TestFailedRestoreLeavesOtherFilesAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"box.backup", "notes.txt", "MANIFESTO"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := openTest(t, Options{})
	newAccount(t, s, "alice")
	var b bytes.Buffer
	if _, err := s.Backup(t.Context(), &b, 0); err != nil {
		t.Fatal(err)
	}
	b.Truncate(b.Len() - 10)
	if err := Restore(t.Context(), Options{Dir: dir, Reserve: 1 << 20, Memory: 512 << 20}, &b); !errors.Is(err, ErrBackup) {
		t.Fatalf("half a backup: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Errorf("after a failed restore the directory has %v, %v; want the three files that were there", files, err)
	}
}

// TestBackupOfARestoredStore: a version of the store that was lost is not one
// of the store that was made from its backup, however far that has come.
func TestBackupOfARestoredStore(t *testing.T) {
	ctx := t.Context()
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	for range 30 {
		deliver(t, s, inbox, []byte("x"))
	}
	var whole, next bytes.Buffer
	v, err := s.Backup(ctx, &whole, 0)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Dir: t.TempDir(), Reserve: 1 << 20, Memory: 512 << 20}
	if err := Restore(ctx, opts, bytes.NewReader(whole.Bytes())); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(inbox, 1, Flagged, nil); return err })
	for range 60 {
		deliver(t, s, inbox, []byte("y"))
	}
	if _, err := s.Backup(ctx, &next, v); !errors.Is(err, ErrBackup) {
		t.Errorf("an increment on the version of another store: %v", err)
	}
	if v, err = s.Backup(ctx, io.Discard, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(ctx, io.Discard, v); err != nil {
		t.Errorf("an increment on its own: %v", err)
	}
}
