package smtpd

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"posthorn/store"
)

func TestTooManyRecipients(t *testing.T) {
	b := newBox(t, boxOptions{})
	c := b.dial(t, "25")
	c.expect("220")
	c.send("HELO x")
	c.expect("250")
	c.send("MAIL FROM:<a@example.com>")
	c.expect("250")
	for range 100 {
		c.send("RCPT TO:<alice@mailbox.local>")
		c.expect("250")
	}
	c.send("RCPT TO:<bob@mailbox.local>")
	c.expect("452 4.5.3 ")
	c.send("DATA")
	c.expect("354")
	c.raw("Subject: x\r\n\r\n.\r\n")
	c.expect("250")
	if n := len(b.mail(t, "alice", "INBOX")); n != 1 {
		t.Errorf("alice has %d messages", n)
	}
	b.deliver(t, "bob@mailbox.local")
}

// TestTooManyConnections: the one too many is told, and a place that comes
// free can be taken.
func TestTooManyConnections(t *testing.T) {
	b := newBox(t, boxOptions{limits: Limits{Connections: 4, PerAddress: 3}})
	var open []*client
	for range 3 {
		c := b.dial(t, "25")
		c.expect("220")
		open = append(open, c)
	}
	refused := b.dial(t, "587")
	refused.expect("421 4.7.0 too many connections, try again later")
	if s := refused.line(); s != "" {
		t.Errorf("server goes on with %q", s)
	}
	open[0].send("QUIT")
	open[0].expect("221")
	for open[0].line() != "" {
	}
	b.deliver(t, "bob@mailbox.local")
}

// TestTooManyCommands: each kind of useless work ends somewhere.
func TestTooManyCommands(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		limits  Limits
		last    string
	}{
		"noop":    {"NOOP", Limits{Commands: 30}, "421 4.7.0 too many commands without a message"},
		"chunks":  {"BDAT 0", Limits{Commands: 30}, "421 4.7.0 too many commands without a message"},
		"refused": {"EXPN staff", Limits{FailedCommands: 7}, "421 4.7.0 too many refused commands, goodbye"},
		"syntax":  {"!", Limits{}, "500 5.5.1 Too many errors. Quiting now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, boxOptions{limits: c.limits})
			client := b.dial(t, "25")
			client.raw("HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<alice@mailbox.local>\r\n" + strings.Repeat(c.command+"\r\n", 40))
			last, said := "", ""
			for said = client.line(); said != ""; said = client.line() {
				last = said
			}
			if last != c.last {
				t.Errorf("server ends with %q", last)
			}
			b.deliver(t, "bob@mailbox.local")
		})
	}
}

// TestLongLines: of commands, of AUTH, of text.
func TestLongLines(t *testing.T) {
	b := newBox(t, boxOptions{})
	c := b.dial(t, "25")
	c.expect("220")
	c.send("HELO x")
	c.expect("250")
	c.send("NOOP %s", strings.Repeat("x", MaxCommandLine-len("NOOP \r\n")))
	c.expect("250")
	c.send("NOOP %s", strings.Repeat("x", MaxCommandLine))
	c.expect("500 5.5.2 line is longer than 2048 octets")
	for _, size := range []int{MaxTextLine, 10 * MaxTextLine} {
		c.send("MAIL FROM:<a@example.com>")
		c.expect("250")
		c.send("RCPT TO:<alice@mailbox.local>")
		c.expect("250")
		c.send("DATA")
		c.expect("354")
		c.raw("Subject: x\r\n\r\n" + strings.Repeat("x", size-2) + "\r\n.\r\n")
		if size == MaxTextLine {
			c.expect("250")
		} else {
			c.expect("554 5.6.0 message refused: a line longer than 65536 octets in its text")
		}
	}
	go io.WriteString(c.conn, strings.Repeat("x", 1<<20)) // breaks off when the server closes
	c.expect("500 5.5.2 line is longer than 2048 octets")
	if s := c.line(); s != "" {
		t.Errorf("server goes on with %q", s)
	}
	if n := len(b.mail(t, "alice", "INBOX")); n != 1 {
		t.Errorf("alice has %d messages", n)
	}
	b.deliver(t, "bob@mailbox.local")
}

// TestEndless: a client that goes on and on with a message refused long ago.
func TestEndless(t *testing.T) {
	b := newBox(t, boxOptions{limits: Limits{Excess: 1 << 20}, settings: func(s *store.Settings) { s.MaxMessageSize = 100_000 }})
	for _, begin := range []string{"DATA", "BDAT 4000000000"} {
		c := b.dial(t, "25")
		c.expect("220")
		c.send("HELO x")
		c.expect("250")
		c.send("MAIL FROM:<a@example.com>")
		c.expect("250")
		c.send("RCPT TO:<alice@mailbox.local>")
		c.expect("250")
		c.send("%s", begin)
		if begin == "DATA" {
			c.expect("354")
		}
		go func() { // breaks off when the server closes
			for {
				if _, err := io.WriteString(c.conn, filling(10_000)); err != nil {
					return
				}
			}
		}()
		c.expect("552 5.3.4")
		if s := c.line(); s != "" {
			t.Errorf("server goes on with %q", s)
		}
	}
	b.deliver(t, "bob@mailbox.local")
}

// TestHostileMIME: a tree 10,000 levels deep, 100,000 parts and a header beyond
// what is looked at are mail like any other, and come back as they were sent.
func TestHostileMIME(t *testing.T) {
	b := newBox(t, boxOptions{dir: t.TempDir()})
	var deep strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for i, text := range []string{
		deep.String(),
		strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 10_000),
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", 100_000),
		"To: a@example.com" + strings.Repeat(",\r\n a@example.com", 30_000) + "\r\nSubject: x\r\n\r\n",
	} {
		c := b.inData(t, "25", "alice@mailbox.local")
		c.raw(text + ".\r\n")
		c.expect("250 2.0.0 OK: queued as")
		if all := b.mail(t, "alice", "INBOX"); len(all) != i+1 || !strings.HasSuffix(all[i], text) {
			t.Errorf("alice has %d messages, the last is not the one sent", len(all))
		}
		b.deliver(t, "bob@mailbox.local")
	}
}

// TestFullDisk: 452 while the reserve is touched, and no lost sessions.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	b := newBox(t, boxOptions{dir: dir})
	b.deliver(t, "alice@mailbox.local")
	b.stop()
	b.store.Close()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	full := newBox(t, boxOptions{dir: dir, reserve: 2 * int64(fs.Bavail) * int64(fs.Bsize), peopled: true})
	c := full.dial(t, "25")
	c.expect("220")
	c.send("HELO x")
	c.expect("250")
	c.send("MAIL FROM:<a@example.com>")
	c.expect("250")
	c.send("RCPT TO:<alice@mailbox.local>")
	c.expect("452 4.3.1 no room on the card for new mail: disk is full")
	c.send("QUIT")
	c.expect("221")
	if n := len(full.mail(t, "alice", "INBOX")); n != 1 {
		t.Errorf("alice has %d messages", n)
	}
}

// A device that logs in with a password of its own writes as the account's
// addresses and no others.
func TestDeviceSendsAsItself(t *testing.T) {
	b := newBox(t, boxOptions{})
	var alice store.AccountID
	err := b.store.View(func(tx *store.Tx) error {
		a, err := tx.AccountByName("alice")
		if err == nil {
			alice = a.ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := b.server.Keeper.AddAppPassword(alice, "camera")
	if err != nil {
		t.Fatal(err)
	}
	c := b.dial(t, "465")
	c.expect("220")
	c.send("EHLO camera")
	c.expect("250")
	c.send("AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00alice\x00"+secret)))
	c.expect("235")
	for _, other := range []string{"bob@example.org", "family@example.org", "camera@example.org", "x@far.example"} {
		c.send("MAIL FROM:<%s>", other)
		c.expect("550 5.7.1")
	}
	for author, answer := range map[string]string{"ally@example.org": "250", "alice+camera@mailbox.local": "250", "bob@example.org": "550 5.7.1"} {
		c.send("MAIL FROM:<alice@example.org>")
		c.expect("250")
		c.send("RCPT TO:<bob@example.org>")
		c.expect("250")
		c.send("DATA")
		c.expect("354")
		c.raw("From: " + author + "\r\n\r\nmotion\r\n.\r\n")
		c.expect(answer)
	}
}

// From outside nobody writes as the household, in the reverse path or as the
// author; the session goes on.
func TestForgedFromOutside(t *testing.T) {
	b := newBox(t, boxOptions{settings: func(s *store.Settings) { s.OpenToInternet = true }})
	b.from.set(addr("203.0.113.9"))
	c := b.dial(t, "25")
	c.expect("220")
	c.send("EHLO far.example")
	c.expect("250")
	for _, from := range []string{"alice@example.org", "alice@mailbox.local", "nobody@EXAMPLE.ORG", "x@printer.local"} {
		c.send("MAIL FROM:<%s>", from)
		c.expect("550 5.7.1 <" + from + ">: mail of this household is taken from its people only")
	}
	c.send("MAIL FROM:<friend@example.com>")
	c.expect("250")
	c.send("RCPT TO:<bob@example.org>")
	c.expect("250")
	c.send("DATA")
	c.expect("354")
	c.raw("From: Alice <alice@example.org>\r\n\r\nsend money\r\n.\r\n")
	c.expect("550 5.7.1 <alice@example.org>: mail of this household")
	c.send("MAIL FROM:<friend@example.com>")
	c.expect("250")
	b.from.set(addr("192.168.1.9"))
	// On the home network it is taken, and marked.
	c = b.dial(t, "25")
	c.expect("220")
	c.send("HELO scanner")
	c.expect("250")
	c.send("MAIL FROM:<alice@example.org>")
	c.expect("250")
}

// TestOpenToInternet: with the owner's word port 25 takes mail from anywhere.
func TestOpenToInternet(t *testing.T) {
	b := newBox(t, boxOptions{settings: func(s *store.Settings) { s.OpenToInternet = true }})
	b.from.set(addr("203.0.113.7"))
	b.deliver(t, "alice@mailbox.local")
	if got := b.mail(t, "alice", "INBOX")[0]; !strings.Contains(got, "([203.0.113.7])") {
		t.Errorf("message is %q", got)
	}
}

// TestConstantMemory: a large message comes in without being held. The one
// before it has filled the buffers of the store, which are bounded themselves.
func TestConstantMemory(t *testing.T) {
	b := newBox(t, boxOptions{dir: t.TempDir()})
	const bound = 6 << 20
	before := b.peakOf(t, 8<<20)
	grown := b.peakOf(t, 16<<20) - before
	t.Logf("peak grew by %d KB", grown>>10)
	if grown > bound {
		t.Errorf("peak grew by %d MB", grown>>20)
	}
}

// peakOf delivers a message of size octets and returns the largest heap seen
// meanwhile.
func (b *box) peakOf(t *testing.T, size int) int64 {
	c := b.inData(t, "25", "alice@mailbox.local")
	stop := make(chan struct{})
	peak := make(chan int64)
	go func() {
		most := int64(0)
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(50 * time.Millisecond):
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, int64(m.HeapAlloc))
			}
		}
	}()
	random := rand.NewChaCha8([32]byte{byte(size >> 20)})
	octets, piece := make([]byte, 57), make([]byte, 78)
	w := bufio.NewWriterSize(c.conn, 64<<10)
	c.raw("Subject: large\r\n\r\n")
	for sent := 0; sent < size; sent += len(piece) { // as an attachment looks
		random.Read(octets)
		base64.StdEncoding.Encode(piece, octets)
		copy(piece[76:], "\r\n")
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	c.raw(".\r\n")
	c.expect("250")
	close(stop)
	return <-peak
}

func TestNearby(t *testing.T) {
	for _, c := range []struct {
		client, own string
		near        bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"::1", "::1", true},
		{"192.168.1.7", "192.168.1.5", true},
		{"::ffff:10.1.2.3", "192.168.1.5", true},
		{"172.31.0.1", "192.168.1.5", true},
		{"172.32.0.1", "192.168.1.5", false},
		{"169.254.3.4", "192.168.1.5", true},
		{"fe80::1%eth0", "fe80::2%eth0", true},
		{"fd00::1", "fd12::2", true},
		{"100.64.0.1", "192.168.1.5", false},
		{"8.8.8.8", "192.168.1.5", false},
		{"203.0.113.8", "203.0.113.9", false},
		{"2001:db8:1::7", "2001:db8:1::5", true},
		{"2001:db8:2::7", "2001:db8:1::5", false},
		{"2001:db8:1::7", "fd00::5", false},
	} {
		if got := nearby(addr(c.client), tcpAddr(c.own)); got != c.near {
			t.Errorf("%s to %s: %v", c.client, c.own, got)
		}
	}
}
