package post

import (
	"bytes"
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func edit(in string, size int) (string, *editor, error) {
	var out bytes.Buffer
	e := &editor{w: &out, date: "Sun, 22 Nov 2026 20:00:00 +0000", messageID: "new@mailbox.local"}
	for i := 0; i < len(in); i += size {
		if _, err := e.Write([]byte(in[i:min(i+size, len(in))])); err != nil {
			return out.String(), e, err
		}
	}
	err := e.finish()
	return out.String(), e, err
}

func TestEditor(t *testing.T) {
	const date, id = "Date: Sun, 22 Nov 2026 20:00:00 +0000\r\n", "Message-ID: <new@mailbox.local>\r\n"
	for _, c := range []struct{ name, in, out string }{
		{"nothing to do", "Date: x\r\nMessage-Id: <y>\r\n\r\nBcc: body\r\n", "Date: x\r\nMessage-Id: <y>\r\n\r\nBcc: body\r\n"},
		{"both missing", "From: a\r\n\r\nbody", "From: a\r\n" + date + id + "\r\nbody"},
		{"bcc", "Bcc: a,\r\n\tb\r\nFrom: a\r\nBCC : c\r\n\r\n", "From: a\r\n" + date + id + "\r\n"},
		{"bcc last", "From: a\r\nresent-bcc: a\r\n b\r\n\r\n", "From: a\r\n" + date + id + "\r\n"},
		{"return path", "Return-Path: <x@y>\r\nFrom: a\r\n\r\n", "From: a\r\n" + date + id + "\r\n"},
		{"no body", "From: a\r\n", "From: a\r\n" + date + id + "\r\n"},
		{"empty", "", date + id + "\r\n"},
		{"no header", "\r\nbody", date + id + "\r\nbody"},
		{"bare line ends", "From: a\nBcc: b\n\nbody\n", "From: a\n" + date + id + "\r\nbody\n"},
		{"names alike", "Bccx: a\r\nDated: b\r\n\r\n", "Bccx: a\r\nDated: b\r\n" + date + id + "\r\n"},
	} {
		for size := 1; size < 40; size += 7 {
			if out, _, err := edit(c.in, size); err != nil || out != c.out {
				t.Errorf("%s in pieces of %d: %q, %v; want %q", c.name, size, out, err, c.out)
			}
		}
	}
}

func TestEditorRefuses(t *testing.T) {
	for _, c := range []struct{ in, why string }{
		{" folded: from the start\r\n\r\n", "continuation"},
		{"From alice Mon Nov 22\r\n\r\n", "neither"},
		{"no colon\r\n\r\n", "neither"},
		{": no name\r\n\r\n", "neither"},
		{"From: a\r\nSub\x80ject: x\r\n\r\n", "neither"},
		{"From: a\r\n\rX", "neither"},
		{strings.Repeat("n", 200) + ": x\r\n\r\n", "neither"},
		{"From: a\r\nSubject", "neither"},
		{"From: a\r\nSubject: x", "no end"},
		{"From: " + strings.Repeat("a", MaxAuthor) + "\r\n\r\n", "16 KiB"},
		{"From: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 900)+"\r\n", 300) + "\r\n", "256 KiB"},
	} {
		if _, _, err := edit(c.in, 1000); !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%.40q: %v, want %q", c.in, err, c.why)
		}
	}
}

func TestParseAuthors(t *testing.T) {
	for raw, want := range map[string]string{
		" alice@example.org\r\n":                         "alice@example.org",
		" Alice\r\n\t<alice@example.org>\r\n":            "alice@example.org",
		" =?x-unknown?q?Al=FFce?= <alice@example.org>":   "alice@example.org",
		" Al\xffce <alice@example.org>":                  "alice@example.org",
		" \"bob@example.org\" <alice@example.org>":       "alice@example.org",
		" alice@example.org, Bob <bob@example.org>":      "alice@example.org bob@example.org",
		" us: alice@example.org, bob@example.org;":       "alice@example.org bob@example.org",
		" jürgen@example.org":                            "jürgen@example.org",
		" alice@example.org bob@example.org":             "error",
		" alice@example.org\r\n bob@example.org":         "error",
		"":                                               "error",
		" nobody at all":                                 "error",
		" <alice@example.org> <bob@example.org>":         "error",
		" alice@example.org (comment), bob@example.org ": "alice@example.org bob@example.org",
	} {
		got, err := parseAuthors([]byte(raw))
		s := strings.Join(got, " ")
		if err != nil {
			s = "error"
			if !errors.Is(err, ErrHeader) {
				t.Error(err)
			}
		}
		if s != want {
			t.Errorf("%q has %q, %v; want %q", raw, s, err, want)
		}
	}
}

// FuzzEditor: however a header is cut into pieces the outcome is the same,
// Bcc is gone, Date and Message-ID are there, and the body is untouched.
func FuzzEditor(f *testing.F) {
	f.Add([]byte("From: a@b\r\nBcc: c\r\n d\r\n\r\nbody"), 3)
	f.Add([]byte("Date: x\nBcc :y\n\nz"), 1)
	f.Add([]byte("\r\n\r\n"), 2)
	f.Add([]byte("Sender: \r\n\t\r\nFrom:a\r\n"), 5)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = size&0xfff + 1
		whole, e, err := edit(string(in), len(in)+1)
		pieces, _, err2 := edit(string(in), size)
		if (err == nil) != (err2 == nil) || err == nil && whole != pieces {
			t.Fatalf("whole %q, %v; in pieces of %d %q, %v", whole, err, size, pieces, err2)
		}
		if err != nil {
			return
		}
		for _, raw := range append(e.from, e.sender...) {
			parseAuthors(raw)
		}
		m, err := mail.ReadMessage(strings.NewReader(whole))
		if err != nil {
			return // net/mail is stricter about names and folding
		}
		has := make(map[string]bool)
		for name := range m.Header { // net/mail leaves the old "Date :" as it is
			has[strings.ToLower(strings.TrimSpace(name))] = true
		}
		if has["bcc"] || has["resent-bcc"] || !has["date"] || !has["message-id"] {
			t.Errorf("%q has Bcc, or no Date or Message-ID", whole)
		}
	})
}

// FuzzAddress: no address, however odd, breaks the lookup or a header field.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"alice@example.org", "a b@[IPv6:::1]", `q"\@x.y`, "ü@ü.example", "+@+", "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		local, domain, err := Split(address)
		if err != nil {
			return
		}
		if local == "" || domain == "" {
			t.Errorf("%q splits into %q and %q", address, local, domain)
		}
		if p := path(address); strings.ContainsAny(p, "\r\n\x00") {
			t.Errorf("%q becomes %q", address, p)
		}
		canonical(domain)
	})
}
