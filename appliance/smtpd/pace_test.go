package smtpd

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthorn/store"
)

// inData has a conversation up to the answer to DATA.
func (b *box) inData(t testing.TB, port, to string) *client {
	t.Helper()
	c := b.dial(t, port)
	c.expect("220")
	c.send("HELO slow.example")
	c.expect("250")
	c.send("MAIL FROM:<slow@example.com>")
	c.expect("250")
	c.send("RCPT TO:<%s>", to)
	c.expect("250")
	c.send("DATA")
	c.expect("354")
	return c
}

// TestByteAMinute: a client that sends a body of one octet a minute is cut
// off, and what it sends after that is not carried out.
func TestByteAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		c := b.inData(t, "25", "alice@mailbox.local")
		begun := time.Now()
		var trickle sync.WaitGroup
		defer trickle.Wait()
		trickle.Go(func() {
			for _, octet := range "Subject: slow\r\n\r\nMAIL FROM:<evil@example.com>\r\n" {
				if _, err := io.WriteString(c.conn, string(octet)); err != nil {
					return
				}
				time.Sleep(time.Minute)
			}
		})
		c.expect("421 4.4.2 message came in too slowly: less than 65536 octets within 3m0s")
		if s := c.line(); s != "" {
			t.Errorf("server goes on with %q", s)
		}
		if d := time.Since(begun); d > 4*time.Minute {
			t.Errorf("it took %v", d)
		}
		b.deliver(t, "bob@mailbox.local")
		if n := len(b.mail(t, "alice", "INBOX")); n != 0 {
			t.Errorf("alice has %d messages", n)
		}
	})
}

// TestSlowUpload: a large message over a thin line arrives, however long it
// takes as a whole.
func TestSlowUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		c := b.inData(t, "25", "alice@mailbox.local")
		begun := time.Now()
		piece := filling(8 << 10)
		for range 160 {
			c.raw(piece)
			time.Sleep(16 * time.Second) // 512 octets a second
		}
		c.raw(".\r\n")
		c.expect("250 2.0.0 OK: queued as")
		if d := time.Since(begun); d < 40*time.Minute {
			t.Errorf("it took %v only", d)
		}
		if n := len(b.mail(t, "alice", "INBOX")[0]); n < 160*len(piece) {
			t.Errorf("message has %d octets", n)
		}
	})
}

// TestSlowBurst: a fast beginning does not buy time for a trickle.
func TestSlowBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		c := b.inData(t, "25", "alice@mailbox.local")
		c.raw(filling(1 << 20))
		begun := time.Now()
		var trickle sync.WaitGroup
		defer trickle.Wait()
		trickle.Go(func() {
			for {
				if _, err := io.WriteString(c.conn, "x"); err != nil {
					return
				}
				time.Sleep(10 * time.Second)
			}
		})
		c.expect("421 4.4.2")
		if d := time.Since(begun); d > 4*time.Minute {
			t.Errorf("it took %v", d)
		}
		b.deliver(t, "bob@mailbox.local")
	})
}

// TestFaultyTrickle: a text that has to be refused does not come in for ever
// either.
func TestFaultyTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		c := b.inData(t, "25", "alice@mailbox.local")
		c.raw("Subject: x\n")
		begun := time.Now()
		var trickle sync.WaitGroup
		defer trickle.Wait()
		trickle.Go(func() {
			for {
				if _, err := io.WriteString(c.conn, "x"); err != nil {
					return
				}
				time.Sleep(4 * time.Second)
			}
		})
		c.expect("554 5.6.0 message refused: a LF without CR in its text")
		if d := time.Since(begun); d > 4*time.Minute {
			t.Errorf("it took %v", d)
		}
		b.deliver(t, "bob@mailbox.local")
	})
}

// TestSilence: who says nothing is sent away, at the prompt, within a line,
// before the octets of a chunk.
func TestSilence(t *testing.T) {
	for name, begin := range map[string]string{"prompt": "", "line": "MAIL FR", "chunk": "BDAT 10"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, boxOptions{pipe: true})
				c := b.dial(t, "25")
				c.expect("220")
				c.send("HELO quiet.example")
				c.expect("250")
				c.raw(begin)
				begun := time.Now()
				c.expect("421 4.4.2 no command within 5m0s")
				if d := time.Since(begun); d > 6*time.Minute {
					t.Errorf("it took %v", d)
				}
				b.deliver(t, "bob@mailbox.local")
			})
		})
	}
}

// TestStop: who waits at the prompt is told at once, who is in a message may
// finish it.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		idle := b.dial(t, "25")
		idle.expect("220")
		busy := b.inData(t, "25", "alice@mailbox.local")
		stopped := make(chan struct{})
		go func() { b.stop(); close(stopped) }()
		idle.expect("421 4.3.2 mailbox.local is shutting down")
		time.Sleep(3 * time.Second)
		busy.raw("Subject: last\r\n\r\nlast\r\n.\r\n")
		busy.expect("250 2.0.0 OK: queued as")
		busy.expect("421 4.3.2")
		<-stopped
		if n := len(b.mail(t, "alice", "INBOX")); n != 1 {
			t.Errorf("alice has %d messages", n)
		}
	})
}

// TestStopHard: a client that does not finish its message does not keep the
// box from stopping.
func TestStopHard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, boxOptions{pipe: true})
		busy := b.inData(t, "25", "alice@mailbox.local")
		busy.raw("Subject: endless\r\n\r\n")
		begun := time.Now()
		b.stop()
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("it took %v to stop", d)
		}
		if n := len(b.mail(t, "alice", "INBOX")); n != 0 {
			t.Errorf("alice has %d messages", n)
		}
	})
}

// TestTooLarge: a message over the limit is read to its end and refused; one
// that is just within it is taken.
func TestTooLarge(t *testing.T) {
	const limit = 100_000
	b := newBox(t, boxOptions{settings: func(s *store.Settings) { s.MaxMessageSize = limit }})
	c := b.inData(t, "25", "alice@mailbox.local")
	c.raw(strings.Repeat(filling(10_000), 40) + ".\r\n")
	c.expect("552 5.3.4")
	c.send("MAIL FROM:<slow@example.com>")
	c.expect("250")
	c.send("RCPT TO:<alice@mailbox.local>")
	c.expect("250")
	c.send("DATA")
	c.expect("354")
	c.raw(filling(limit-2) + ".\r\n")
	c.expect("250 2.0.0 OK: queued as")

	c.send("MAIL FROM:<slow@example.com>")
	c.expect("250")
	c.send("RCPT TO:<alice@mailbox.local>")
	c.expect("250")
	c.send("BDAT %d", limit+1)
	c.raw(filling(limit + 1))
	c.expect("552 5.3.4")
	c.send("NOOP")
	c.expect("250")
	if n := len(b.mail(t, "alice", "INBOX")); n != 1 {
		t.Errorf("alice has %d messages", n)
	}
}
