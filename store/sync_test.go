package store

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFailedSyncIsNotAcknowledged takes the last page of the value log's map
// away, where nothing is written: from then on syncing it fails, as it does on
// a card with a bad sector.
func TestFailedSyncIsNotAcknowledged(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Memory: 256 << 20, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	_, inbox := newAccount(t, s, "alice")
	if _, err := tryDeliver(s, inbox, noise(10000)); err != nil {
		t.Fatal(err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	var end uintptr
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if l := lines.Text(); strings.Contains(l, s.opts.Dir) && strings.HasSuffix(l, ".vlog") {
			var start uintptr
			if _, err := fmt.Sscanf(l, "%x-%x", &start, &end); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := uintptr(os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MUNMAP, end-page, page, 0); end == 0 || errno != 0 {
		t.Fatal("no map of the value log:", errno)
	}
	if _, err := tryDeliver(s, inbox, noise(10000)); err == nil {
		t.Error("a mail that is not on disk was acknowledged")
	}
	if s.Health().Err == nil {
		t.Error("health does not tell")
	}
	s.Close() // syncs, and so fails
}
