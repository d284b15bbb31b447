package store

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestFullDisk moves the reserve instead of filling the disk; filling a real
// one is what scripts/test-full does.
func TestFullDisk(t *testing.T) {
	s := openTest(t, Options{})
	acct, inbox := newAccount(t, s, "alice")
	e := deliver(t, s, inbox, noise(100))
	var st unix.Statfs_t
	if err := unix.Statfs(s.opts.Dir, &st); err != nil {
		t.Fatal(err)
	}
	s.disk.reserve.Store(int64(st.Bavail) * int64(st.Bsize) * 2)
	if _, err := tryDeliver(s, inbox, noise(100)); !errors.Is(err, ErrFull) {
		t.Fatalf("delivery on a full disk: %v", err)
	}
	w := s.NewBlob()
	if _, err := w.Write(noise(1 << 20)); !errors.Is(err, ErrFull) {
		t.Errorf("large body on a full disk: %v", err)
	}
	w.Abort()
	// Reading, flags, moving to Trash and deletion go on.
	update(t, s, func(tx *Tx) error { _, err := tx.SetFlags(inbox, e.UID, Seen, nil); return err })
	update(t, s, func(tx *Tx) error {
		trash, err := tx.MailboxByRole(acct, RoleTrash)
		if err != nil {
			return err
		}
		moved, err := tx.Move(inbox, e.UID, trash.ID)
		if err != nil {
			return err
		}
		return tx.Expunge(trash.ID, moved.UID)
	})
	if !s.Health().Full {
		t.Error("health does not say that the disk is full")
	}
	// With so little left that a write could meet the end, nothing is written.
	s.disk.reserve.Store(s.disk.reserve.Load() * 10)
	if err := s.Update(func(tx *Tx) error { return tx.DeleteValue("x") }); !errors.Is(err, ErrFull) {
		t.Errorf("write on a disk without any room: %v", err)
	}
	s.disk.reserve.Store(1 << 20)
	if _, err := tryDeliver(s, inbox, noise(100)); err != nil {
		t.Errorf("delivery after room was made: %v", err)
	}
}

func TestReclaimGivesSpaceBack(t *testing.T) {
	s := openTest(t, Options{Memory: 256 << 20})
	_, inbox := newAccount(t, s, "alice")
	for range 160 {
		deliver(t, s, inbox, noise(400<<10))
	}
	for uid := uint32(1); uid <= 150; uid++ {
		update(t, s, func(tx *Tx) error { return tx.Expunge(inbox, uid) })
	}
	settle(t, s)
	before := s.diskUsage()
	freed, err := s.Reclaim(t.Context(), 1<<30, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB before, %d MB freed", before>>20, freed>>20)
	if freed < before/2 {
		t.Errorf("of %d octets, nine tenths garbage, %d were given back", before, freed)
	}
	for uid := uint32(151); uid <= 160; uid++ {
		if len(readBody(t, s, inbox, uid)) != 400<<10 {
			t.Errorf("UID %d is damaged", uid)
		}
	}
	start := time.Now()
	if freed, err := s.Reclaim(t.Context(), 1<<30, false); err != nil || freed > 0 {
		t.Errorf("second time: %d, %v after %v", freed, err, time.Since(start))
	}
}
