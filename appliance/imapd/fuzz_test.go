package imapd

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// FuzzDialog lets a client that is logged in say anything. Whatever it says, the
// server answers in whole lines, keeps in step with the library, calls nothing an
// internal error, and comes to an end.
func FuzzDialog(f *testing.F) {
	for _, seed := range []string{
		"b SELECT INBOX\r\nc FETCH 1:* (FLAGS BODY[1.MIME]<1.2> BINARY.PEEK[1] ENVELOPE BODYSTRUCTURE)\r\n",
		"b APPEND INBOX (\\Seen) \"01-Feb-2026 03:04:05 +0100\" {3+}\r\nabc\r\nc APPEND INBOX UTF8 (~{2+}\r\nab)\r\n",
		"b IDLE\r\ndone\r\nc LIST (SUBSCRIBED) \"\" (a% *) RETURN (STATUS (SIZE))\r\n",
		"b SEARCH RETURN (MIN SAVE) OR (NOT SEEN) TEXT {2+}\r\n\xc3\xa4\r\nc STORE $ +FLAGS.SILENT ($x)\r\n",
		"b CREATE {5+}\r\na\r\nb\"\r\nc ID (\"name\" NIL)\r\nd UID MOVE 1:* Trash\r\n",
	} {
		f.Add([]byte(seed))
	}
	complaints := &complaints{}
	b := newStore(f, "")
	b.server.Log = slog.New(complaints)
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	b.listen(func() net.Listener { return p })
	b.put("INBOX", "Subject: x\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\ntext\r\n--q--\r\n")
	f.Fuzz(func(t *testing.T, input []byte) {
		conn := p.dial()
		done := make(chan []byte)
		go func() { said, _ := io.ReadAll(conn); done <- said }()
		io.WriteString(conn, "a LOGIN alice \""+password+"\"\r\n")
		conn.Write(input)
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(conn, "\r\nDONE\r\n)\r\nzz LOGOUT\r\n")
		time.AfterFunc(100*time.Millisecond, func() { conn.Close() })
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the session does not end")
		}
		if said := complaints.take(); said != "" {
			t.Error(said)
		}
	})
}

// complaints collects what is logged as an error.
type complaints struct {
	mu   sync.Mutex
	said []string
}

func (c *complaints) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Join(c.said, "\n")
	c.said = nil
	return all
}

func (c *complaints) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := r.Message
	r.Attrs(func(a slog.Attr) bool { said += " " + a.String(); return true })
	c.said = append(c.said, said)
	return nil
}

func (c *complaints) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *complaints) WithGroup(string) slog.Handler      { return c }

// FuzzSearch: reading criteria ends, and whatever is read has a bounded depth.
func FuzzSearch(f *testing.F) {
	f.Add([]byte(`RETURN (MIN COUNT) CHARSET UTF-8 OR (NOT SEEN FROM "x") 1:*,5 SENTON 1-Jan-2026`))
	f.Add([]byte(`UID $ LARGER 5 HEADER a "" KEYWORD $x ((ALL))`))
	f.Fuzz(func(t *testing.T, args []byte) {
		s, ref := parseSearch(args)
		if (s == nil) == (ref == nil) {
			t.Fatal("neither understood nor refused")
		}
		if s != nil && s.what.cost() > opText {
			t.Fatal("no such cost")
		}
	})
}

// FuzzMatch compares with the definition written down as it stands.
func FuzzMatch(f *testing.F) {
	f.Add("a/b/c", "%b*c")
	f.Add("INBOX", "inb%")
	f.Fuzz(func(t *testing.T, name, p string) {
		if len(name) > 12 || len(p) > 8 || name == "INBOX" {
			return
		}
		if got, want := pattern(p).match(name), slowMatch(name, p); got != want {
			t.Errorf("%q matches %q: %v", p, name, got)
		}
	})
}

func slowMatch(name, p string) bool {
	if p == "" {
		return name == ""
	}
	if p[0] != '*' && p[0] != '%' {
		return name != "" && name[0] == p[0] && slowMatch(name[1:], p[1:])
	}
	if slowMatch(name, p[1:]) {
		return true
	}
	return name != "" && (p[0] == '*' || name[0] != '/') && slowMatch(name[1:], p)
}

// FuzzLine: a line that passes has its quotes in pairs and no control
// characters, and a literal's header is cut off only at its end.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`a LOGIN "x\"" {5+}`))
	f.Add([]byte(`a APPEND b ~{5}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		text, lit, err := scanLine(line)
		if !bytes.HasPrefix(line, text) {
			t.Fatalf("%q is not the start", text)
		}
		if err == nil && bytes.ContainsAny(line, "\x00\r") {
			t.Fatal("control characters passed")
		}
		if lit == nil && len(text) != len(line) {
			t.Fatal("something was cut off")
		}
		quoted, quoteErr := quote(nil, line, true)
		if quoteErr != nil {
			return
		}
		w := words{quoted}
		if got, ok := w.quoted(); !ok || !w.end() || got != strings.ReplaceAll(string(line), "\r", " ") {
			t.Fatalf("%q became %q", line, got)
		}
	})
}
