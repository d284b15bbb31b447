package stick

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// folder is a file system that is a folder; what mounts a real one needs a
// stick (scripts/test-stick).
func folder(t *testing.T, names ...string) (*mounted, func() []string) {
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &mounted{kind: "vfat", free: 1 << 40, root: root, sync: func() error { return nil }}, func() (names []string) {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			names = append(names, e.Name())
		}
		return names
	}
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestSave(t *testing.T) {
	m, names := folder(t, "holiday.jpg", "posthorn-backup-2026-01-01-1200.age", "posthorn-backup-2026-01-02-1200.age",
		"posthorn-backup-2026-01-03-1200.age", "posthorn-backup-2026-01-04-1200.age", "posthorn-backup-2026-01-05-1200.age",
		"posthorn-backup-2026-01-06-1200.part", "posthorn-backup-mine.age")
	content := bytes.Repeat([]byte("0123456789abcdef"), syncEvery/8)
	name, err := m.save(context.Background(), noon, 1000, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
	if err != nil || name != "posthorn-backup-2026-05-01-1200.age" {
		t.Fatal(name, err)
	}
	want := []string{"holiday.jpg", "posthorn-backup-2026-01-02-1200.age", "posthorn-backup-2026-01-03-1200.age",
		"posthorn-backup-2026-01-04-1200.age", "posthorn-backup-2026-01-05-1200.age", name, "posthorn-backup-mine.age"}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("on it are %v", got)
	}
	if got, err := m.root.ReadFile(name); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d octets of %d: %v", len(got), len(content), err)
	}
}

// A file that fails leaves what was there, and nothing of itself.
func TestSaveFails(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	broken := errors.New("broken")
	some := func(w io.Writer) error { _, err := w.Write([]byte("some")); return err }
	for _, test := range []struct {
		name  string
		ctx   context.Context
		need  int64
		write func(io.Writer) error
		err   error
	}{
		{"its source", context.Background(), 0, func(w io.Writer) error { some(w); return broken }, broken},
		{"told to stop", stopped, 0, some, context.Canceled},
		{"too large for FAT", context.Background(), maxFAT + 1, some, ErrLarge},
		{"no room", context.Background(), 1 << 31, some, ErrFull},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, names := folder(t, "posthorn-backup-2026-01-01-1200.age")
			m.free = 1 << 30
			if _, err := m.save(test.ctx, noon, test.need, test.write); !errors.Is(err, test.err) {
				t.Errorf("the error is %v, want %v", err, test.err)
			}
			if got := names(); len(got) != 1 {
				t.Errorf("on it are %v", got)
			}
		})
	}
}

// The clock of a box may stand in the past; the new file stays all the same.
func TestSaveInThePast(t *testing.T) {
	m, _ := folder(t, "posthorn-backup-2026-01-01-1200.age", "posthorn-backup-2026-01-02-1200.age",
		"posthorn-backup-2026-01-03-1200.age", "posthorn-backup-2026-01-04-1200.age", "posthorn-backup-2026-01-05-1200.age")
	name, err := m.save(context.Background(), time.Unix(0, 0).UTC(), 0, func(io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.root.Stat(name); err != nil {
		t.Error(err)
	}
}

func TestPlain(t *testing.T) {
	here := Stick{system: t.TempDir()}
	for from, want := range map[error]error{syscall.ENOSPC: ErrFull, syscall.EFBIG: ErrLarge, syscall.EROFS: ErrProtected,
		syscall.EPERM: ErrNotAllowed, syscall.EBUSY: ErrInUse, syscall.EIO: ErrGone, ErrFormat: ErrFormat, io.ErrShortWrite: io.ErrShortWrite} {
		if err := here.plain(from); !errors.Is(err, want) {
			t.Errorf("%v is said as %v", from, err)
		}
	}
	if err := (Stick{system: "/nowhere"}).plain(syscall.EROFS); !errors.Is(err, ErrGone) {
		t.Errorf("of a stick that is gone: %v", err)
	}
}
