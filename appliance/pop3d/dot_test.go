package pop3d

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// sent runs a message through a dotWriter in parts of the given size.
func sent(t *testing.T, message []byte, bodyLines int64, part int) (string, int64) {
	t.Helper()
	var out bytes.Buffer
	d := dotWriter{w: bufio.NewWriter(&out), bodyLines: bodyLines}
	for p := message; len(p) > 0; {
		n := min(part, len(p))
		if _, err := d.Write(p[:n]); err == errTopDone {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), d.octets
}

func TestDotWriter(t *testing.T) {
	for _, test := range []struct {
		message string
		lines   int64
		want    string
	}{
		{"", wholeMessage, ".\r\n"},
		{"a: b\r\n\r\nx\r\n", wholeMessage, "a: b\r\n\r\nx\r\n.\r\n"},
		{"a: b\r\n\r\nx", wholeMessage, "a: b\r\n\r\nx\r\n.\r\n"},
		{"\n.\n", wholeMessage, "\r\n..\r\n.\r\n"},
		{".\n.\r\n..", wholeMessage, "..\r\n..\r\n...\r\n.\r\n"},
		{"a\r.\r\n", wholeMessage, "a\r.\r\n.\r\n"},
		{"a\r", wholeMessage, "a\r\r\n.\r\n"},
		{"\r", wholeMessage, "\r\r\n.\r\n"},
		{"\r\r\n.\r\n", wholeMessage, "\r\r\n..\r\n.\r\n"},
		{"\r.\r\n", wholeMessage, "\r.\r\n.\r\n"},
		{"a\x00b\r\n", wholeMessage, "a\x00b\r\n.\r\n"},
		{"a: b\r\n\r\nx\r\ny\r\n", 0, "a: b\r\n\r\n.\r\n"},
		{"a: b\n\nx\ny\n", 1, "a: b\r\n\r\nx\r\n.\r\n"},
		{"a: b\r\n\r\n\r\n.y\r\nz", 2, "a: b\r\n\r\n\r\n..y\r\n.\r\n"},
		{"a: b\r\n", 5, "a: b\r\n.\r\n"},
	} {
		for part := 1; part <= 5; part++ {
			if got, _ := sent(t, []byte(test.message), test.lines, part); got != test.want {
				t.Errorf("%q, %d lines, in parts of %d: %q, want %q", test.message, test.lines, part, got, test.want)
			}
		}
	}
}

// unstuffed is what a client makes of an answer. A lenient one takes LF for a
// line end, a strict one only CRLF. complete is false when the end came early.
func unstuffed(answer, lineEnd string) (message string, complete bool) {
	var b strings.Builder
	for {
		line, rest, found := strings.Cut(answer, lineEnd)
		if !found {
			return "", false
		}
		if line == "." || line == ".\r" {
			return b.String(), rest == ""
		}
		b.WriteString(strings.TrimPrefix(line, ".") + lineEnd)
		answer = rest
	}
}

// FuzzDotWriter looks for a message that two kinds of client read
// differently, or that ends before its end.
func FuzzDotWriter(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\nb", "\n.\n.\r\n", "\r.\r\n\r", "..\r\r\n."} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, message []byte, part int) {
		if part < 1 {
			part = 1
		}
		answer, octets := sent(t, message, wholeMessage, part)
		strict, ok := unstuffed(answer, "\r\n")
		if !ok {
			t.Fatalf("%q is sent as %q, which ends early or not at all", message, answer)
		}
		lenient, ok := unstuffed(answer, "\n")
		if !ok || lenient != strict {
			t.Fatalf("%q is sent as %q, which is %q or %q", message, answer, strict, lenient)
		}
		if int64(len(strict)) != octets {
			t.Errorf("%q has %d octets and counts %d", strict, len(strict), octets)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(string(message), "\r\n", "\n"), "\n", "\r\n")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\r\n"
		}
		if strict != want {
			t.Errorf("%q arrives as %q", message, strict)
		}
	})
}
