package imapd

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"posthorn/appliance/message"
	"posthorn/store"
)

// The faults of the library that mail or a client can reach, one test each.
// Those about literals, lines, IDLE, APPEND and EXAMINE are in testdata, those
// about time in limits_test.go.

// TestMultipartWithoutParts: the library's writer panics on such a structure,
// and with it goes every client that syncs the mailbox.
func TestMultipartWithoutParts(t *testing.T) {
	b := newBox(t, "")
	b.put("INBOX",
		"Content-Type: multipart/mixed; boundary=zzz\r\n\r\nnothing\r\n",
		"Content-Type: multipart/mixed\r\n\r\n",
		"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--a--\r\n",
		"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/x; boundary=q\r\n\r\n")
	c := b.login()
	c.ok("SELECT INBOX")
	if got := c.ok("FETCH 1:* (BODYSTRUCTURE BODY ENVELOPE)"); len(got) != 4 {
		t.Errorf("got %q", got)
	}
	// Should one come from elsewhere, it is shown as a leaf.
	leaf := toStructure(&message.Part{Type: "multipart", Subtype: "mixed"})
	if leaf.MediaType() != "application/octet-stream" {
		t.Errorf("a multipart without children is shown as %s", leaf.MediaType())
	}
}

// TestDeepMail: 10,000 levels and 100,000 parts cost no more than any mail.
func TestDeepMail(t *testing.T) {
	b := newBox(t, t.TempDir())
	var deep strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	b.put("INBOX", deep.String(),
		strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 10000),
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"+strings.Repeat("--b\r\n\r\n", 100000))
	c := b.login()
	c.ok("SELECT INBOX")
	for _, line := range c.ok("FETCH 1:3 BODYSTRUCTURE") {
		if len(line) > 1<<20 {
			t.Errorf("a structure of %d bytes", len(line))
		}
	}
	c.ok("FETCH 1:3 (BODY.PEEK[1.1.1.1.1.1.1] BODY.PEEK[1000] BODY.PEEK[1.MIME]<5.10>)")
	c.ok("SEARCH TEXT nowhere")
}

// TestPatternTime: the library needs minutes for such patterns.
func TestPatternTime(t *testing.T) {
	name := strings.Repeat("a", 500)
	for _, p := range []string{strings.Repeat("*a", 300) + "*b", strings.Repeat("%a", 300) + "b", strings.Repeat("*%", 500) + "b"} {
		start := time.Now()
		if newPattern("", p).match(name) {
			t.Errorf("%.20s... matches", p)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.20s... took %v", p, took)
		}
	}
}

// TestEnvelopeFromBrokenHeader: the library alone shows no sender here.
func TestEnvelopeFromBrokenHeader(t *testing.T) {
	b := newBox(t, "")
	b.put("INBOX", "From: Ren\xe9 <rene@example.org>\r\nTo: undisclosed-recipients:;\r\nSubject: caf\xe9\r\n\r\n")
	c := b.login()
	c.ok("SELECT INBOX")
	got := strings.Join(c.ok("FETCH 1 ENVELOPE"), "\n")
	for _, want := range []string{`"rene" "example.org"`, `=?utf-8?q?caf=C3=A9?=`, `((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))`} {
		if !strings.Contains(strings.ReplaceAll(got, ") (NIL NIL NIL NIL)", ")(NIL NIL NIL NIL)"), want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
}

// TestIndexAlone: what a list of mail shows is answered without opening the
// mail: here record and body are of different messages.
func TestIndexAlone(t *testing.T) {
	b := newBox(t, "")
	b.putAs("INBOX", "Subject: the record\r\nContent-Type: text/html\r\n\r\nlong text", "x")
	c := b.login()
	c.ok("SELECT INBOX")
	got := strings.Join(c.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"), "\n")
	if !strings.Contains(got, `"the record"`) || !strings.Contains(got, `"html"`) || !strings.Contains(got, "RFC822.SIZE 1 ") {
		t.Errorf("got %s", got)
	}
}

// TestShortBody: a body that ends before its record says is refused, and the
// session goes on with the next message; only where its size was said already
// the connection has to end.
func TestShortBody(t *testing.T) {
	b := newBox(t, "")
	b.putAs("INBOX", "\r\n"+strings.Repeat("x", 100), "short")
	b.put("INBOX", "\r\nfine")
	b.putAs("INBOX", "\r\n"+strings.Repeat("x", 2*prefetch), "short")
	c := b.login()
	c.ok("SELECT INBOX")
	got := c.do("FETCH 1:2 BODY.PEEK[TEXT]")
	if want := "t3 NO [CORRUPTION] 1 messages could not be read: they are damaged on disk"; got[len(got)-1] != want {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(strings.Join(got, "\n"), "fine") {
		t.Errorf("the other message is missing: %q", got)
	}
	if got := c.do("FETCH 3 BODY.PEEK[TEXT]"); !strings.HasSuffix(got[len(got)-1], closed) {
		t.Errorf("got %q", got)
	}
	b.login().ok("SELECT INBOX")
}

// TestHistoryLost: a client that slept while the store forgot the changes one by
// one gets them all the same.
func TestHistoryLost(t *testing.T) {
	b := newBox(t, "")
	b.put("INBOX", "a", "b", "c")
	c := b.login()
	c.ok("SELECT INBOX")
	var mb *store.Mailbox
	for i := range 4500 {
		err := b.store.Update(func(tx *store.Tx) (err error) {
			if mb, err = tx.MailboxByName(b.alice, "INBOX"); err != nil {
				return err
			}
			if i == 0 {
				return tx.Expunge(mb.ID, 1)
			}
			_, err = tx.SetFlags(mb.ID, 2, store.Flags(1+i%2), nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.put("INBOX", "d")
	lost := false
	for end := time.Now().Add(10 * time.Second); !lost && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.store.View(func(tx *store.Tx) error {
			changes, err := tx.Changes(mb.ID, 3)
			lost = changes.Lost
			return err
		})
	}
	if !lost {
		t.Fatal("the store still has the history")
	}
	got := strings.Join(c.ok("NOOP"), "\n")
	if got != "* 1 EXPUNGE\n* 3 EXISTS\n* 1 FETCH (UID 2 FLAGS (\\Answered))\n* 2 FETCH (UID 3 FLAGS ())" {
		t.Errorf("got %s", got)
	}
}

// TestTooManyConnections: one address does not take all the places.
func TestTooManyConnections(t *testing.T) {
	b := newStore(t, "")
	b.server.MaxConnsPerAddress = 2
	b.listen(func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
	first := b.login()
	b.login()
	conn, err := net.Dial("tcp", b.clear)
	if err != nil {
		t.Fatal(err)
	}
	third := &client{t: t, conn: conn}
	third.startReading()
	if got := third.line(); got != "* BYE [UNAVAILABLE] too many connections; close some and try again" {
		t.Errorf("got %q", got)
	}
	first.ok("LOGOUT")
	for end := time.Now().Add(10 * time.Second); b.server.limiter.Open() == 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	b.login().ok("NOOP")
}

// TestGuessing: a connection has a few tries; the next client is served.
func TestGuessing(t *testing.T) {
	b := newBox(t, "")
	c := b.dial()
	for i := range maxFailedLogins {
		if got := c.fails("LOGIN alice guess"); !strings.HasPrefix(got, "NO [AUTHENTICATIONFAILED]") {
			t.Errorf("try %d: %q", i, got)
		}
	}
	if got := c.line(); got != "* BYE too many errors" {
		t.Errorf("got %q", got)
	}
	b.login().ok("NOOP")
}

// TestQuota: a message over the quota is refused before it is sent.
func TestQuota(t *testing.T) {
	b := newBox(t, "")
	err := b.store.Update(func(tx *store.Tx) error {
		a, err := tx.Account(b.alice)
		if err != nil {
			return err
		}
		a.Quota = 10 << 10
		return tx.PutAccount(a)
	})
	if err != nil {
		t.Fatal(err)
	}
	c := b.login()
	if got := c.fails("APPEND INBOX {20000}"); !strings.HasPrefix(got, "NO [OVERQUOTA] ") {
		t.Errorf("got %q", got)
	}
	b.put("INBOX", strings.Repeat("x", 6<<10))
	c.ok("SELECT INBOX")
	if got := c.fails("COPY 1 Archive"); !strings.HasPrefix(got, "NO [OVERQUOTA] ") {
		t.Errorf("got %q", got)
	}
	c.ok("MOVE 1 Archive")
	if got := c.ok("GETQUOTA \"\""); got[0] != `* QUOTA "" (STORAGE 6 10 MESSAGE 1 4294967295)` {
		t.Errorf("got %q", got)
	}
}

// TestFullDisk: new mail is refused, everything else goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	b := newBox(t, dir)
	b.put("INBOX", "a", "b")
	b.stop()
	b.store.Close()
	// The reserve is a little more than there is free, which is full, and not
	// so much more that nothing can be written at all.
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	reserve := int64(disk.Bavail) * int64(disk.Bsize) * 5 / 4
	full, err := store.Open(store.Options{Dir: dir, Reserve: reserve, OnCommit: b.server.Hub.Announce})
	if err != nil {
		t.Fatal(err)
	}
	b.store, b.server = full, &Server{Store: full, Hub: b.server.Hub, TLS: b.server.TLS}
	b.listen(func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
	c := b.login()
	if got := c.fails("APPEND INBOX {5}"); !strings.HasPrefix(got, "NO [OVERQUOTA] append: the box's disk is full") {
		t.Errorf("got %q", got)
	}
	c.ok("SELECT INBOX")
	if got := c.fails("COPY 1 Archive"); !strings.HasPrefix(got, "NO [OVERQUOTA] ") {
		t.Errorf("got %q", got)
	}
	c.ok("FETCH 1 BODY[]")
	c.ok("MOVE 1 Trash")
	c.ok("STORE 1 +FLAGS (\\Deleted)")
	c.ok("EXPUNGE")
}

// TestBrokenAppend: a message whose sender goes away is not kept.
func TestBrokenAppend(t *testing.T) {
	b := newBox(t, "")
	for _, sent := range []string{"half", "all of it but the end of the line"} {
		c := b.login()
		c.send(fmt.Sprintf("a APPEND INBOX {%d}\r\n", 33))
		c.line()
		c.send(sent)
		c.conn.Close()
	}
	for end := time.Now().Add(10 * time.Second); b.server.limiter.Open() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := b.login().ok("STATUS INBOX (MESSAGES)"); got[0] != "* STATUS INBOX (MESSAGES 0)" {
		t.Errorf("got %q", got)
	}
}

// TestRevoked: a session ends when its password does, in IDLE too.
func TestRevoked(t *testing.T) {
	b := newBox(t, "")
	change := func(do func(a *store.Account)) {
		err := b.store.Update(func(tx *store.Tx) error {
			a, err := tx.Account(b.alice)
			if err != nil {
				return err
			}
			do(a)
			return tx.PutAccount(a)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	idle, selected, busy := b.login(), b.login(), b.login()
	idle.send("i IDLE\r\n")
	idle.line()
	selected.ok("SELECT INBOX")
	selected.send("i IDLE\r\n")
	selected.line()
	change(func(a *store.Account) { a.DisplayName = "Alice" })
	busy.ok("NOOP")
	change(func(a *store.Account) { a.Disabled = true })
	for _, c := range []*client{idle, selected} {
		if got := c.line(); !strings.HasPrefix(got, "* BYE [UNAVAILABLE] the account was switched off") {
			t.Errorf("got %q", got)
		}
	}
	if got := busy.do("NOOP"); !strings.HasPrefix(got[0], "* BYE [UNAVAILABLE] the account was switched off") {
		t.Errorf("got %q", got)
	}
}

// TestManySections: one command cannot ask for the same message a thousand
// times over.
func TestManySections(t *testing.T) {
	b := newBox(t, "")
	b.put("INBOX", "x")
	c := b.login()
	c.ok("SELECT INBOX")
	c.ok("FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", maxSections-1) + "BINARY.SIZE[1])")
	if got := c.fails("FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", maxSections) + "BINARY.SIZE[1])"); !strings.HasPrefix(got, "NO [LIMIT] ") {
		t.Errorf("got %q", got)
	}
}
