package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestDamagedManifest: whatever a bad power cut leaves of the list of tables,
// the mail in the tables is there after the next Open.
func TestDamagedManifest(t *testing.T) {
	cut := func(n int) func([]byte) []byte {
		return func(b []byte) []byte { return b[:len(b)-n] }
	}
	for name, damage := range map[string]func([]byte) []byte{
		"five octets short":   cut(5),
		"one octet short":     cut(1),
		"only a length":       func(b []byte) []byte { return append(b, 0, 0) },
		"garbage at its end":  func(b []byte) []byte { return append(b, noise(100)...) },
		"a wrong octet":       func(b []byte) []byte { b[len(b)-3] ^= 0x40; return b },
		"zeroes for its end":  func(b []byte) []byte { return append(b[:len(b)-20], make([]byte, 40)...) },
		"zeroes, sector-wise": func(b []byte) []byte { return make([]byte, len(b)) },
		"empty":               func([]byte) []byte { return nil },
		"not there":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Dir: t.TempDir(), Memory: 256 << 20}
			s := openTest(t, opts)
			_, inbox := newAccount(t, s, "alice")
			for i := range 20 {
				deliver(t, s, inbox, []byte(fmt.Sprint("mail ", i)))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(opts.Dir, "MANIFEST")
			if damage == nil {
				os.Remove(path)
			} else {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(b), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // mended for good
				s = openTest(t, opts)
				if r := verify(t, s); r.Entries != 20 {
					t.Errorf("%d of 20 messages are left", r.Entries)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s = openTest(t, opts)
			if got := readBody(t, s, inbox, 7); !bytes.Equal(got, []byte("mail 6")) {
				t.Errorf("UID 7 is %q", got)
			}
			deliver(t, s, inbox, []byte("more"))
		})
	}
}

// TestTableEmptiedWhileRead has a table emptied under those who read it, as
// Badger does with one that was merged.
func TestTableEmptiedWhileRead(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Memory: 256 << 20}
	s := openTest(t, opts)
	_, inbox := newAccount(t, s, "alice")
	for n := range 50 {
		deliver(t, s, inbox, bytes.Repeat([]byte{byte(n)}, 100))
	}
	o := s.db.Opts()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(opts.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal("tables:", tables, err)
	}
	whole, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := wholeTable(tables[0], o); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(tables[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := make(chan int)
	go func() {
		failed := 0
		for range 3000 {
			if wholeTable(tables[0], o) != nil {
				failed++
			}
		}
		read <- failed
	}()
	for {
		select {
		case failed := <-read:
			if failed == 0 {
				t.Error("the table was never found empty")
			}
			return
		default:
		}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(whole, 0); err != nil {
			t.Fatal(err)
		}
	}
}
