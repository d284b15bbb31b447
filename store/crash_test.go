package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashDir tells this test's binary, run by itself, to be the process that is
// killed.
const crashDir = "POSTHORN_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		deliverForEver(dir)
	}
	os.Exit(m.Run())
}

func crashBody(n int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("mail %d, ", n)), 1+n*n%5000)
}

// deliverForEver delivers from four goroutines and prints a line for each
// delivery that is on disk.
func deliverForEver(dir string) {
	s, err := Open(Options{Dir: dir, Reserve: 1 << 20, Memory: 256 << 20})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var inbox MailboxID
	s.View(func(tx *Tx) error {
		a, err := tx.AccountByName("alice")
		if err != nil {
			return err
		}
		m, err := tx.MailboxByName(a.ID, "INBOX")
		inbox = m.ID
		return err
	})
	start, _ := strconv.Atoi(os.Getenv("POSTHORN_TEST_CRASH_FROM"))
	var out sync.Mutex
	for i := range 4 {
		go func() {
			for n := start + i; ; n += 4 {
				e, err := tryDeliver(s, inbox, crashBody(n))
				out.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println(n, e.UID)
				}
				out.Unlock()
				if n%10 == 3 {
					s.Update(func(tx *Tx) error { return tx.Expunge(inbox, e.UID) })
				}
			}
		}()
	}
	select {}
}

// TestEmptyLogFiles: power failed while Badger was making its next files.
func TestEmptyLogFiles(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	s := openTest(t, opts)
	_, inbox := newAccount(t, s, "alice")
	deliver(t, s, inbox, []byte("mail"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		if err := os.WriteFile(filepath.Join(opts.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = openTest(t, opts)
	if got := readBody(t, s, inbox, 1); string(got) != "mail" {
		t.Errorf("the mail is %q now", got)
	}
}

// TestKilledWhileDelivering kills a delivering process again and again: every
// delivery it reported is there afterwards, whole.
func TestKilledWhileDelivering(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	_, inbox := newAccount(t, s, "alice")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acked := make(map[int]uint32)
	next := 0
	for round := range 6 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("POSTHORN_TEST_CRASH_FROM=%d", next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(100+round*120)*time.Millisecond, func() { cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var n int
			var uid uint32
			if _, err := fmt.Sscan(lines.Text(), &n, &uid); err != nil || strings.HasPrefix(lines.Text(), "error") {
				if !strings.HasPrefix(lines.Text(), "error") {
					continue // a line cut off by the kill
				}
				t.Fatal(lines.Text())
			}
			acked[n] = uid
			next = max(next, n+4)
		}
		cmd.Wait()
		timer.Stop()
		next += 4
		s := openTest(t, Options{Dir: dir})
		verify(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = openTest(t, Options{Dir: dir})
	if len(acked) < 20 {
		t.Fatalf("only %d deliveries in all rounds: the test shows nothing", len(acked))
	}
	lost := 0
	for n, uid := range acked {
		if n%10 == 3 {
			continue // it was being expunged
		}
		if got := readBody(t, s, inbox, uid); !bytes.Equal(got, crashBody(n)) {
			lost++
		}
	}
	t.Logf("%d deliveries acknowledged, %d lost", len(acked), lost)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged deliveries are lost", lost, len(acked))
	}
}
