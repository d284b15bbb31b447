package imapd

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// fill puts n messages into INBOX, of which every thousandth is one of its own
// and the others are further places of it.
func (b *box) fill(n int) {
	b.t.Helper()
	for done := 0; done < n; {
		body := fmt.Sprintf("From: Sender %d <s%d@example.org>\r\nTo: alice@mailbox.local\r\nSubject: message number %d\r\n"+
			"Date: Tue, 3 Mar 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n%s", done, done, done, done, strings.Repeat("a line of text\r\n", 200))
		w, scanner := b.store.NewBlob(), message.NewScanner()
		io.WriteString(io.MultiWriter(w, scanner), body)
		meta, err := scanner.Finish().Marshal()
		if err != nil {
			b.t.Fatal(err)
		}
		count := min(n-done, max(1, min(n/100, 500)))
		err = b.store.Update(func(tx *store.Tx) error {
			mb, err := tx.MailboxByName(b.alice, "INBOX")
			if err != nil {
				return err
			}
			id, err := tx.PutMessage(w, time.Now(), meta)
			if err != nil {
				return err
			}
			for i := range count {
				if _, err := tx.Append(mb.ID, id, store.Flags(i%2), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
		done += count
	}
}

// count sends a command and counts the lines of the answer without keeping them.
func (c *client) count(command string) (lines int) {
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	c.send(tag + command + "\r\n")
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil && len(line) == 0 {
			c.t.Fatal(err)
		}
		if strings.HasPrefix(string(line), tag) {
			return lines
		}
		lines++
	}
}

func benchCommand(b *testing.B, messages int, command string) {
	box := newBox(b, b.TempDir())
	box.fill(messages)
	c := box.login()
	c.ok("SELECT INBOX")
	b.ReportAllocs()
	for b.Loop() {
		c.count(command)
	}
}

func BenchmarkSelect100000(b *testing.B)  { benchCommand(b, 100000, "SELECT INBOX") }
func BenchmarkNoop100000(b *testing.B)    { benchCommand(b, 100000, "NOOP") }
func BenchmarkFlags100000(b *testing.B)   { benchCommand(b, 100000, "UID FETCH 1:* FLAGS") }
func BenchmarkFlagsOfFew(b *testing.B)    { benchCommand(b, 100000, "UID FETCH 50000:50010 FLAGS") }
func BenchmarkEnvelope1000(b *testing.B)  { benchCommand(b, 1000, "FETCH 1:* (FLAGS ENVELOPE)") }
func BenchmarkStructure1000(b *testing.B) { benchCommand(b, 1000, "FETCH 1:* BODYSTRUCTURE") }
func BenchmarkHeaders1000(b *testing.B) {
	benchCommand(b, 1000, "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
}
func BenchmarkUnseen100000(b *testing.B)   { benchCommand(b, 100000, "UID SEARCH UNSEEN") }
func BenchmarkCount100000(b *testing.B)    { benchCommand(b, 100000, "SEARCH RETURN (COUNT) UNSEEN") }
func BenchmarkSubject1000(b *testing.B)    { benchCommand(b, 1000, "SEARCH SUBJECT nowhere") }
func BenchmarkText1000(b *testing.B)       { benchCommand(b, 1000, "SEARCH TEXT nowhere") }
func BenchmarkStoreFlags1000(b *testing.B) { benchCommand(b, 1000, "STORE 1:* FLAGS (\\Seen)") }

func BenchmarkStatus200(b *testing.B) {
	box := newBox(b, b.TempDir())
	c := box.login()
	for i := range 194 {
		c.ok(fmt.Sprintf("CREATE Box/Number%d", i))
	}
	for b.Loop() {
		c.count(`LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))`)
	}
}

func BenchmarkAppend(b *testing.B) {
	box := newBox(b, b.TempDir())
	c := box.login()
	body := strings.Repeat("a line of text\r\n", 256)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		c.send(fmt.Sprintf("a APPEND INBOX {%d}\r\n", len(body)))
		c.line()
		c.send(body + "\r\n")
		c.until("a")
	}
}

func BenchmarkBody10MB(b *testing.B) {
	box := newBox(b, b.TempDir())
	const size = 10 << 20
	box.put("INBOX", "\r\n"+strings.Repeat("a line of sixteen\r\n", size/19))
	c := box.login()
	c.ok("SELECT INBOX")
	b.SetBytes(size)
	for b.Loop() {
		c.count("FETCH 1 BODY.PEEK[]")
	}
}

func BenchmarkPartOf10MB(b *testing.B) {
	box := newBox(b, b.TempDir())
	box.put("INBOX", "\r\n"+strings.Repeat("a line of sixteen\r\n", 10<<20/19))
	c := box.login()
	c.ok("SELECT INBOX")
	for b.Loop() {
		c.count("FETCH 1 BODY.PEEK[]<5000000.1000>")
	}
}

func BenchmarkLogin(b *testing.B) {
	box := newBox(b, b.TempDir())
	for b.Loop() {
		c := box.login()
		c.conn.Close()
	}
}
