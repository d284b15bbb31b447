package pop3d

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"posthorn/store"
)

// storeLarge puts a message of so many megabytes, which does not compress,
// into alice's INBOX.
func (b *box) storeLarge(t testing.TB, megabytes int) int64 {
	t.Helper()
	w := b.store.NewBlob()
	defer w.Abort()
	io.WriteString(w, "Subject: large\r\n\r\n")
	for block := randomText(); w.Size() < int64(megabytes)<<20; {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	size := w.Size()
	b.update(t, func(tx *store.Tx) error {
		id, err := tx.PutMessage(w, received, nil)
		if err != nil {
			return err
		}
		_, err = tx.Append(b.inbox, id, 0, nil)
		return err
	})
	return size
}

// randomText is half a megabyte of lines that look like base64.
func randomText() []byte {
	source := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 57)
	var text []byte
	for len(text) < 512<<10 {
		for i := range raw {
			raw[i] = byte(source.Uint32())
		}
		text = append(base64.StdEncoding.AppendEncode(text, raw), "\r\n"...)
	}
	return text
}

// A message of 50 MB passes through without being held.
func TestLargeMessageIsStreamed(t *testing.T) {
	b := newBox(t, "tcp", nil)
	size := b.storeLarge(t, 50)
	c := b.login(t)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	c.do("RETR 1", fmt.Sprintf("+OK %d octets", size))
	var most uint64
	part := make([]byte, 64<<10)
	for total := int64(0); total < size+3; {
		n, err := c.r.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		if total>>23 != (total+int64(n))>>23 { // every 8 MB
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		total += int64(n)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("live heap grew by %d KiB during RETR of 50 MB", grown>>10)
	}
	c.do("QUIT", "+OK")
}

// FuzzSession throws octets at a session of a logged-in client, through its
// socket, and looks whether the server gives up a session cleanly, keeps the
// mail and serves the next client.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"LIST\r\nUIDL 1\r\nTOP 1 1\r\nRETR 2\r\nDELE 3\r\nRSET\r\n",
		"retr 00000000001\nTOP 1 99999999999\r\nLIST 18446744073709551617\r\n",
		"\x00\xff\r\r\n\n\n\nCAPA\r\nLANG *\r\nSTAT 1 2 3\r\n",
	} {
		f.Add([]byte(s))
	}
	b := newBox(f, "tcp", nil)
	b.deliver(f, three...)
	f.Fuzz(func(t *testing.T, input []byte) {
		c := b.login(t)
		before := len(b.entries(t, store.RoleInbox)) + len(b.entries(t, store.RoleTrash))
		c.send(string(input) + "\r\n")
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		answers, err := io.ReadAll(c.r)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("the session does not end: %v", err)
		}
		if len(answers) > 0 && !strings.HasPrefix(string(answers), "+OK") && !strings.HasPrefix(string(answers), "-ERR") {
			t.Errorf("first answer %.80q", answers)
		}
		if after := len(b.entries(t, store.RoleInbox)) + len(b.entries(t, store.RoleTrash)); after != before {
			t.Errorf("%d messages before and %d after", before, after)
		}
	})
}

// BenchmarkLogin is a poll that finds nothing new: connect, log in, UIDL, quit.
func BenchmarkLogin(b *testing.B) {
	x := newBox(b, "tcp", nil)
	x.deliver(b, three...)
	for b.Loop() {
		c := x.login(b)
		c.do("UIDL", "+OK")
		c.body()
		c.do("QUIT", "+OK")
		c.Close()
	}
}

// BenchmarkOpenDrop is the login's share of reading a large INBOX.
func BenchmarkOpenDrop(b *testing.B) {
	for _, many := range []int{100, 10_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			x := newStore(b)
			x.deliver(b, three[0])
			for begun := 1; begun < many; {
				part := min(many-begun, 500)
				x.update(b, func(tx *store.Tx) error {
					e, err := tx.Entry(x.inbox, 1)
					for range part {
						if err == nil {
							_, err = tx.Append(x.inbox, e.Message, 0, nil)
						}
					}
					return err
				})
				begun += part
			}
			for b.Loop() {
				d, err := openDrop(x.store, x.alice)
				if err != nil || d.count != many {
					b.Fatal(d, err)
				}
			}
		})
	}
}

// BenchmarkRetr fetches a small and a large message in the clear.
func BenchmarkRetr(b *testing.B) {
	x := newBox(b, "tcp", nil)
	x.deliver(b, strings.Repeat("Subject: small, as an alert is\n", 20)+"\n"+strings.Repeat("text\n", 100))
	large := x.storeLarge(b, 10)
	c := x.login(b)
	for n, size := range []int64{int64(x.entries(b, store.RoleInbox)[0].Size), large} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				c.SetDeadline(time.Now().Add(time.Minute))
				c.do(fmt.Sprint("RETR ", n+1), "+OK")
				if _, err := io.CopyN(io.Discard, c.r, size); err != nil {
					b.Fatal(err)
				}
				c.expect(".")
			}
		})
	}
}
