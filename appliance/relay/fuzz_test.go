package relay

import (
	"bufio"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReply reads what a hostile server answers.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"250 2.1.0 fine\r\n", "250-a\r\n250-SIZE 1\r\n250 HELP\r\n", "550 5.1.1\r\n", "250\r\n",
		"220-x\r\n250 y\r\n", "999 x\r\n", "250-\xff\x00\r\n250 \x7f\r\n", "250", strings.Repeat("250-x\r\n", 300), "250 " + strings.Repeat("x", 5000) + "\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := &Conn{in: bufio.NewReaderSize(strings.NewReader(text), maxReplyLine), host: "h"}
		r, err := c.readReply()
		if err != nil {
			return
		}
		if r.code < 200 || r.code > 599 || len(r.lines) == 0 || len(r.lines) > maxReplyLines || r.status == "" || r.status[0] != text[0] {
			t.Errorf("%q is read as %+v", text, r)
		}
		words := c.failure(r).Error()
		if len(words) > maxReplyText+100 || !utf8.ValidString(words) || strings.ContainsFunc(words, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			t.Errorf("%q is told as %q", text, words)
		}
	})
}
