package pop3d

import (
	"bufio"
	"crypto/tls"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"posthorn/store"
)

// TestDialogs plays the files in testdata. alice's INBOX has three messages.
// A line is
//
//	= unix             serve a Unix socket: the client is remote, not loopback
//	C: text            the client sends the line; C2: a second client
//	R: "text"          the client sends the quoted octets and nothing else
//	S: text            the server answers exactly so
//	S~ expression      the server's line matches
//	X:                 the server hangs up
//	! stls             the client begins TLS
//	! deliver          a message arrives
//	! expunge UID      another program removes a message
//	# text             a remark
//
// After each dialog the box has to serve the next client.
func TestDialogs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.dialog")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogs", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialog"), func(t *testing.T) {
			t.Parallel()
			playDialog(t, file)
		})
	}
}

func playDialog(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	network := "tcp"
	if strings.Contains(string(text), "\n= unix\n") {
		network = "unix"
	}
	b := newBox(t, network, nil)
	b.deliver(t, three...)
	clients := map[string]*client{}
	for number, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' || line[0] == '=' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "!" {
			dialogEvent(t, b, clients, rest)
			continue
		}
		which := strings.Trim(word, "CRSX:~")
		c := clients[which]
		if c == nil {
			c = b.dial(t)
			clients[which] = c
		}
		t.Logf("%s:%d: %s", file, number+1, line)
		dialogLine(t, c, word[:1]+word[len(word)-1:], rest)
	}
	next := b.dialTLS(t)
	next.do("USER bob", "+OK") // alice's maildrop may still be in use
	next.do("PASS "+secret, "+OK")
	next.do("STAT", "+OK 0 0")
}

// dialogLine plays one line of a client.
func dialogLine(t *testing.T, c *client, kind, rest string) {
	t.Helper()
	switch kind {
	case "C:":
		c.send(rest + "\r\n")
	case "R:":
		raw, err := strconv.Unquote(rest)
		if err != nil {
			t.Fatal(err)
		}
		c.send(raw)
	case "S:":
		if got := c.line(); got != rest {
			t.Fatalf("the server said %q", got)
		}
	case "S~":
		if got := c.line(); !regexp.MustCompile("^(?:" + rest + ")$").MatchString(got) {
			t.Fatalf("the server said %q", got)
		}
	case "X:":
		c.closed()
	default:
		t.Fatalf("no such line: %s", kind)
	}
}

// dialogEvent plays a line that begins with "!".
func dialogEvent(t *testing.T, b *box, clients map[string]*client, event string) {
	t.Helper()
	verb, arg, _ := strings.Cut(event, " ")
	switch verb {
	case "stls":
		secured := tls.Client(clients[""].Conn, b.roots)
		if err := secured.Handshake(); err != nil {
			t.Fatal(err)
		}
		clients[""].Conn, clients[""].r = secured, bufio.NewReader(secured)
	case "deliver":
		b.deliver(t, "Subject: late\n\nlate\n")
	case "expunge":
		uid, err := strconv.ParseUint(arg, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		b.update(t, func(tx *store.Tx) error { return tx.Expunge(b.inbox, uint32(uid)) })
	default:
		t.Fatalf("no such event: %s", event)
	}
}
