package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// contents lists every record but the mark of a restored store and its line.
func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := make(map[string]string)
	if err := s.View(func(tx *Tx) error {
		return tx.scan(nil, nil, func(k, v []byte) (bool, error) {
			if k[0] != keyRestored && string(k) != string(keyText(keyCounter, lineName)) {
				all[string(k)] = string(v)
			}
			return true, nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			t.Errorf("record %q is missing or differs", k)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("record %q should not be there", k)
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	for i := range 50 {
		deliver(t, s, inbox, bytes.Repeat([]byte{byte(i), byte(rand.Uint32())}, 1+i*1000))
	}
	var whole, first, second bytes.Buffer
	v1, err := s.Backup(ctx, &whole, 0)
	if err != nil {
		t.Fatal(err)
	}
	at1 := contents(t, s)
	// What a household does between two backups: mail comes, is read, goes.
	for uid := uint32(1); uid < 40; uid += 2 {
		update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, uid) })
	}
	deliver(t, s, inbox, []byte("new"))
	newAccount(t, s, "bob")
	settle(t, s)
	v2, err := s.Backup(ctx, &first, v1)
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, 2) })
	settle(t, s)
	if _, err := s.Backup(ctx, &second, v2); err != nil {
		t.Fatal(err)
	}
	if first.Len() > whole.Len()/2 {
		t.Errorf("the incremental backup has %d octets, the whole one %d", first.Len(), whole.Len())
	}

	opts := Options{Dir: t.TempDir(), Reserve: 1 << 20, Memory: 512 << 20}
	if err := Restore(ctx, opts, bytes.NewReader(second.Bytes())); !errors.Is(err, ErrBackup) {
		t.Errorf("increment into nothing: %v", err)
	}
	if err := Restore(ctx, opts, bytes.NewReader(whole.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := Restore(ctx, opts, bytes.NewReader(whole.Bytes())); !errors.Is(err, ErrExists) {
		t.Errorf("second time: %v", err)
	}
	if err := Restore(ctx, opts, bytes.NewReader(second.Bytes())); !errors.Is(err, ErrBackup) {
		t.Errorf("increment out of order: %v", err)
	}
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := Restore(ctx, opts, b); err != nil {
			t.Fatal(err)
		}
	}
	same(t, contents(t, openTest(t, opts)), contents(t, s))

	opts.Dir = t.TempDir()
	if err := Restore(ctx, opts, bytes.NewReader(whole.Bytes())); err != nil {
		t.Fatal(err)
	}
	same(t, contents(t, openTest(t, opts)), at1)
}

func TestDamagedBackupIsRefused(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, Options{})
	_, inbox := newAccount(t, s, "alice")
	for i := range 20 {
		deliver(t, s, inbox, []byte(fmt.Sprint("mail ", i)))
	}
	var b bytes.Buffer
	if _, err := s.Backup(ctx, &b, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		bad := bytes.Clone(b.Bytes())
		if i%2 == 0 {
			bad = bad[:rand.IntN(len(bad))]
		} else {
			bad[rand.IntN(len(bad))] ^= 1 << rand.IntN(8)
		}
		opts := Options{Dir: t.TempDir(), Reserve: 1 << 20, Memory: 512 << 20}
		if err := Restore(ctx, opts, bytes.NewReader(bad)); !errors.Is(err, ErrBackup) {
			t.Errorf("damaged backup %d: %v", i, err)
		}
		// Nothing of it may stay: a good one can be put back there.
		if i == 0 {
			if err := Restore(ctx, opts, bytes.NewReader(b.Bytes())); err != nil {
				t.Error(err)
			}
		}
	}
}
