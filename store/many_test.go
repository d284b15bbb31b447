package store

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestManySmallMessages fills a store until its tables have been written out
// and merged many times, which is where a 32-bit build with the published
// allocator loses mail, and finds every message after a clean reopening.
// POSTHORN_TEST_MANY sets how many; scripts/test-32bit takes 120,000.
func TestManySmallMessages(t *testing.T) {
	many := 4000
	if v := os.Getenv("POSTHORN_TEST_MANY"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		many = n
	}
	const batch = 100
	dir := t.TempDir()
	opts := Options{Dir: dir, Memory: 256 << 20, Reserve: 1 << 20}
	s := openTest(t, opts)
	_, inbox := newAccount(t, s, "alice")
	body := func(n int) string {
		return fmt.Sprintf("Subject: %d\r\n\r\nsmall message %x\r\n", n, uint32(n)*2654435761)
	}
	for first := 0; first < many; first += batch {
		writers := make([]*BlobWriter, min(batch, many-first))
		for i := range writers {
			writers[i] = s.NewBlob()
			fmt.Fprint(writers[i], body(first+i))
		}
		update(t, s, func(tx *Tx) error {
			for i, w := range writers {
				id, err := tx.PutMessage(w, time.Unix(int64(first+i), 0), []byte("metadata of a small message, as the index has it"))
				if err != nil {
					return err
				}
				if _, err := tx.Append(inbox, id, 0, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, opts)
	if r := verify(t, s); r.Entries != many || r.Messages != many {
		t.Fatalf("%d entries and %d messages after reopening, want %d", r.Entries, r.Messages, many)
	}
	for n := 0; n < many; n += 1 + many/1000 {
		if got := readBody(t, s, inbox, uint32(n+1)); string(got) != body(n) {
			t.Fatalf("UID %d is %q", n+1, got)
		}
	}
	t.Logf("%d messages, all there", many)
}
