package control

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"posthorn/appliance/update"
)

// newSystem makes what a running system's updates look at first.
func newSystem(t *testing.T) (root string) {
	t.Helper()
	key, _, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	for name, text := range map[string]string{
		"etc/posthorn-board": "rpi4", "etc/posthorn-version": "1", "etc/posthorn-built": "2026-11-01 00:00:00",
		"etc/posthorn-update.pub": string(text), "run/posthorn/disk": "mmcblk0", "proc/cmdline": "posthorn.slot=2",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// A refusal reaches who sends an update, though the head alone says that it is
// none; and the owner can read it later.
func TestUpdateIsRefused(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	box := &Box{Updater: &update.Updater{Root: newSystem(t), Data: t.TempDir()}}
	mux := http.NewServeMux()
	box.updateRoutes(routeOn(mux))
	c := openPipe(mux, log, func() error { return nil })
	defer c.Close()
	sent := bytes.NewReader(make([]byte, 20<<20))
	_, err := c.InstallUpdate(t.Context(), sent, nil)
	if err == nil || err.Error() != update.ErrNoBundle.Error() {
		t.Errorf("twenty megabytes of nothing: %v", err)
	}
	if sent.Len() > 0 {
		t.Errorf("the last %d octets were not read", sent.Len())
	}
	if _, err := c.InstallUpdate(t.Context(), io.LimitReader(rand.Reader, 100), nil); err == nil {
		t.Error("a hundred octets of chance were taken")
	}
	if err := c.TryUpdate(t.Context()); err == nil || err.Error() != update.ErrNothingToTry.Error() {
		t.Errorf("a trial of nothing: %v", err)
	}
	if last, err := os.ReadFile(filepath.Join(box.Updater.Data, "update.json")); err != nil || !strings.Contains(string(last), update.ErrNoBundle.Error()) {
		t.Errorf("the refusal is not remembered: %s, %v", last, err)
	}
}

func TestUpdateWithoutACard(t *testing.T) {
	for _, box := range []*Box{{}, {Updater: &update.Updater{Root: t.TempDir(), Data: t.TempDir()}}} {
		mux := http.NewServeMux()
		box.updateRoutes(routeOn(mux))
		c := openPipe(mux, slog.New(slog.DiscardHandler), func() error { return nil })
		if _, err := c.Update(t.Context()); err == nil || err.Error() != update.ErrNoCard.Error() {
			t.Errorf("state: %v", err)
		}
		if _, err := c.InstallUpdate(t.Context(), strings.NewReader("x"), nil); err == nil || err.Error() != update.ErrNoCard.Error() {
			t.Errorf("install: %v", err)
		}
		c.Close()
	}
}
