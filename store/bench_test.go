package store

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mail4K is a mail of 4 KiB as people send them: some headers and a text that
// compresses to about half.
func mail4K(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	fmt.Fprintf(&b, "From: Someone <someone%d@example.org>\r\nTo: alice@mailbox.local\r\nSubject: mail number %d\r\n\r\n", n, n)
	for b.Len() < 4<<10 {
		var noise [30]byte
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(noise[:]))
		b.WriteString(" and words that come again\r\n")
	}
	return []byte(b.String()[:4<<10])
}

// BenchmarkDelivery is one durable 4 KiB mail, from 1, 8 and 32 senders at
// once. POSTHORN_BENCH_DIR names a directory on the disk to measure.
func BenchmarkDelivery(b *testing.B) {
	for _, senders := range []int{1, 8, 16, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			dir := ""
			if base := os.Getenv("POSTHORN_BENCH_DIR"); base != "" {
				var err error
				if dir, err = os.MkdirTemp(base, "delivery"); err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { os.RemoveAll(dir) }) // after the store is closed
			}
			s := openTest(b, Options{Dir: dir})
			_, inbox := newAccount(b, s, "alice")
			meta := []byte(strings.Repeat("envelope ", 30))
			b.SetBytes(4 << 10)
			b.ResetTimer()
			before, watched := deviceCounters()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						w := s.NewBlob()
						w.Write(mail4K(int(n)))
						if err := s.Update(func(tx *Tx) error {
							id, err := tx.PutMessage(w, time.Now(), meta)
							if err != nil {
								return err
							}
							_, err = tx.Append(inbox, id, 0, nil)
							return err
						}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if watched {
				after, _ := deviceCounters()
				b.ReportMetric(float64(after.sectors-before.sectors)/2/float64(b.N), "KB-written/mail")
				b.ReportMetric(float64(after.flushes-before.flushes)/float64(b.N), "flushes/mail")
				b.ReportMetric(float64(after.writes-before.writes)/float64(b.N), "writes/mail")
			}
		})
	}
}

type counters struct{ writes, sectors, flushes int64 }

// deviceCounters reads what was written to the block device named by
// POSTHORN_BENCH_DEVICE, such as loop0.
func deviceCounters() (c counters, ok bool) {
	dev := os.Getenv("POSTHORN_BENCH_DEVICE")
	if dev == "" {
		return c, false
	}
	v, err := os.ReadFile("/sys/block/" + dev + "/stat")
	if err != nil {
		return c, false
	}
	f := make([]int64, 17)
	for i, s := range strings.Fields(string(v)) {
		if i < len(f) {
			fmt.Sscan(s, &f[i])
		}
	}
	return counters{writes: f[4], sectors: f[6], flushes: f[15]}, true
}
