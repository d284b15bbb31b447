package imapd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDialogs plays the files testdata/*.dialog over real sockets. A line is
//
//	C: text     the client sends text and CRLF; C2: the second client, ...
//	S: text     the server sends exactly this line; S2: to the second client
//	S~ regexp   the server sends a line that matches
//	S! end      the server ends the connection
//	C! tls      the client starts TLS
//	# text      for the reader
//
// In client lines \xNN is a byte, {pad N} stands for N letters, and {next N} for
// {size}, the size of the next N lines as a literal; {all N} counts the end of the
// last of them too. A client connects when it is first named. After each dialog
// the box has to serve the next client.
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
			b := newBox(t, "")
			playDialog(t, b, string(script))
			b.login().ok("SELECT INBOX")
		})
	}
}

var dialogLine = regexp.MustCompile(`^([CS])(\d?)([:~!]) ?(.*)$`)

func playDialog(t *testing.T, b *box, script string) {
	clients := map[string]*client{}
	lines := strings.Split(strings.TrimSuffix(script, "\n"), "\n")
	for n, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := dialogLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %d: not a dialog line: %s", n+1, line)
		}
		who, side, text := m[2], m[1]+m[3], m[4]
		if clients[who] == nil {
			clients[who] = b.dial()
		}
		c := clients[who]
		c.at = n + 1
		switch side {
		case "C:":
			c.send(unescape(sized(text, lines[n+1:])) + "\r\n")
		case "C!":
			c.startTLS()
		case "S:":
			if got := c.line(); got != text {
				t.Fatalf("line %d: got %q\nwant %q", n+1, got, text)
			}
		case "S~":
			if got := c.line(); !regexp.MustCompile("^(?:" + text + ")$").MatchString(got) {
				t.Fatalf("line %d: got %q\nwant a match of %s", n+1, got, text)
			}
		case "S!":
			if got := c.line(); got != closed {
				t.Fatalf("line %d: got %q, want the end of the connection", n+1, got)
			}
		}
	}
}

var (
	escapedByte = regexp.MustCompile(`\\x[0-9a-f]{2}`)
	next        = regexp.MustCompile(`\{(?:next|all) (\d+)(\+?)\}`)
	padding     = regexp.MustCompile(`\{pad (\d+)\}`)
)

func unescape(s string) string {
	s = escapedByte.ReplaceAllStringFunc(s, func(e string) string {
		var b byte
		fmt.Sscanf(e, `\x%02x`, &b)
		return string([]byte{b})
	})
	return padding.ReplaceAllStringFunc(s, func(p string) string {
		var n int
		fmt.Sscanf(p, "{pad %d}", &n)
		return strings.Repeat("x", n)
	})
}

// sized puts the size of the lines that follow in the place of {next N}.
func sized(text string, lines []string) string {
	return next.ReplaceAllStringFunc(text, func(m string) string {
		var what string
		var n, size int
		fmt.Sscanf(m, "{%s %d", &what, &n)
		if what == "next" {
			size = -2 // the last line's end is that of the command
		}
		for _, line := range lines {
			if c := dialogLine.FindStringSubmatch(line); c != nil && c[1]+c[3] == "C:" && n > 0 {
				size += len(unescape(c[4])) + 2
				n--
			}
		}
		plus := ""
		if strings.Contains(m, "+") {
			plus = "+"
		}
		return fmt.Sprintf("{%d%s}", size, plus)
	})
}
