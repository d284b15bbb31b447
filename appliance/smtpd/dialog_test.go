package smtpd

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDialogs plays testdata/*.dialog against a box. Each file is one
// conversation, or two:
//
//	# text                  a comment
//	port 25|587|465         connect; a second "port" makes client 2
//	port 465 clear          connect to the TLS port without TLS
//	from ADDRESS            connections seem to come from there (before "port")
//	C: line                 client 1 sends the line with CR LF; C2: client 2
//	C= "text"               client 1 sends the Go string as it is
//	S: pattern              the server answers a line; * stands for any text
//	fill N                  the last client sends N octets of text lines
//	octets N                and here N octets without a line end
//	received N              and here N Received fields
//	closed                  the server has closed the connection
//	half-close              the client has nothing more to send
//	tls                     client 1 begins TLS
//	mail ACCOUNT MAILBOX N  the mailbox has N messages
//	text ACCOUNT MAILBOX pattern     the last one has such a line
//	no-text ACCOUNT MAILBOX pattern  it has not
//	log pattern             the log has such a line
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
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := newBox(t, boxOptions{limits: Limits{FaultPause: 200 * time.Millisecond, FailedRecipients: 4}})
			p := &player{t: t, box: b}
			for i, line := range strings.Split(string(script), "\n") {
				if line = strings.TrimRight(line, " \t\r"); line == "" || line[0] == '#' {
					continue
				}
				p.where = fmt.Sprintf("%s:%d: %s", file, i+1, line)
				p.play(line)
			}
			for _, c := range p.clients {
				c.conn.Close()
			}
			b.from.set(netip.Addr{})
			b.deliver(t, "bob@mailbox.local")
			if matchAny(b.log.String(), "*session failed*") {
				t.Error(b.log) // go-smtp caught a panic
			}
		})
	}
}

type player struct {
	t       *testing.T
	box     *box
	clients []*client
	where   string
}

var step = regexp.MustCompile(`^(C|S)([12]?)([:=]) ?(.*)$`)

func (p *player) play(line string) {
	if m := step.FindStringSubmatch(line); m != nil {
		n := 1
		if m[2] == "2" {
			n = 2
		}
		p.talk(p.clients[n-1], m[1]+m[3], m[4])
		return
	}
	word, rest, _ := strings.Cut(line, " ")
	last := func() *client { return p.clients[len(p.clients)-1] }
	switch word {
	case "port":
		p.clients = append(p.clients, p.box.dial(p.t, rest))
	case "fill":
		last().raw(filling(number(p.t, rest)))
	case "octets":
		last().raw(strings.Repeat("x", number(p.t, rest)))
	case "received":
		last().raw(strings.Repeat("Received: from a by b; Sun, 22 Nov 2026 20:00:00 +0000\r\n", number(p.t, rest)))
	case "from":
		p.box.from.set(netip.MustParseAddr(rest))
	case "tls":
		last().startTLS(p.box.tls)
	case "closed":
		if got := last().line(); got != "" {
			p.fail("server goes on with %q", got)
		}
	case "half-close":
		last().conn.(interface{ CloseWrite() error }).CloseWrite()
	case "mail", "text", "no-text":
		p.inspect(word, rest)
	case "log":
		if !matchAny(p.box.log.String(), rest) {
			p.fail("log is\n%s", p.box.log)
		}
	default:
		p.fail("unknown step")
	}
}

func (p *player) talk(c *client, kind, text string) {
	switch kind {
	case "C:":
		c.send("%s", text)
	case "C=":
		raw, err := strconv.Unquote(text)
		if err != nil {
			p.fail("%v", err)
		}
		c.raw(raw)
	case "S:":
		if got := c.line(); !matches(got, text) {
			p.fail("server says %q", got)
		}
	default:
		p.fail("unknown step")
	}
}

// filling returns n octets of text lines.
func filling(n int) string {
	const line = "0123456789abcdefghijklmnopqrstuvwxyz 0123456789abcdefghijklmnopqrstuvwxyz\r\n"
	s := strings.Repeat(line, n/len(line)+1)[:n-2]
	return strings.TrimRight(s, "\r\n") + "\r\n"
}

func number(t testing.TB, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *player) inspect(word, rest string) {
	f := strings.SplitN(rest, " ", 3)
	all := p.box.mail(p.t, f[0], f[1])
	if word == "mail" {
		if fmt.Sprint(len(all)) != f[2] {
			p.fail("it has %d", len(all))
		}
		return
	}
	if len(all) == 0 || matchAny(all[len(all)-1], f[2]) != (word == "text") {
		p.fail("mailbox has %q", all)
	}
}

func (p *player) fail(format string, a ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\n%s", p.where, fmt.Sprintf(format, a...))
}

func matches(got, pattern string) bool {
	expr := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
	return regexp.MustCompile(expr).MatchString(got)
}

func matchAny(text, pattern string) bool {
	for _, line := range strings.Split(text, "\n") {
		if matches(strings.TrimSuffix(line, "\r"), pattern) {
			return true
		}
	}
	return false
}
