package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func sevenBit(t *testing.T, text string, from int64) string {
	t.Helper()
	s, err := NewSevenBit(strings.NewReader(text), from, scan(text))
	if err != nil {
		t.Fatal(err)
	}
	r := s.Open()
	defer r.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSevenBit(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"plain text without a word about it": {
			"Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9fe = \r\n",
			"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D=20\r\n"},
		"nothing to do": {
			"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n", "Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n"},
		"multipart": {
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nvor\xe4b\r\n" +
				"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding:\r\n 8bit\r\nX: y\r\n\r\n\xc3\xa4\r\n" +
				"--b\r\n\r\nascii\r\n" +
				"--b\r\nContent-Type: application/json\r\n\r\n{\"\xc3\xa4\"}" + strings.Repeat("x", 60) + "\r\n" +
				"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\nnach\xe4\r\n",
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nvor?b\r\n" +
				"--b\r\nContent-Type: text/plain; charset=utf-8\r\nX: y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n" +
				"--b\r\n\r\nascii\r\n" +
				"--b\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: base64\r\n\r\neyLDpCJ9eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\neHh4eHh4eHh4\r\n" +
				"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\nnach?\r\n"},
		"a message in it": {
			"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\n\xe4\r\n",
			"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n" +
				"Content-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n"},
		"signed, and ASCII": {
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c\r\n\r\nsig\r\n--c--\r\n--b\r\n\r\n\xe4\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\n--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c\r\n\r\nsig\r\n--c--\r\n" +
				"--b\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n--b--\r\n"},
		"binary": {
			"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\r\x01\n",
			"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0BCg=="},
		"a line too long": {
			"MIME-Version: 1.0\r\n\r\n\xe4" + strings.Repeat("y", 100),
			"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4" +
				strings.Repeat("y", 72) + "=\r\n" + strings.Repeat("y", 28)},
	} {
		if got := sevenBit(t, test.text, 0); got != test.want {
			t.Errorf("%s: got\n%q\nwant\n%q", name, got, test.want)
		}
	}
	text := "Return-Path: <a@b>\r\nSubject: x\r\n\r\n\xe4"
	if got := sevenBit(t, text, int64(strings.Index(text, "Subject"))); !strings.HasPrefix(got, "Subject: x\r\nMIME") || !strings.HasSuffix(got, "\r\n\r\n=E4") {
		t.Errorf("from the second field: %q", got)
	}
}

func TestSevenBitRefused(t *testing.T) {
	for want, text := range map[string]string{
		"header has characters":  "Subject: \xe4\r\n\r\nx",
		"is signed":              "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe4\r\n--b--\r\n",
		"is encrypted":           "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\n\xe4\r\n--b--\r\n--a--\r\n",
		"says that it is base64": "Content-Transfer-Encoding: base64\r\n\r\n\xe4\r\n",
		"damaged, or nested":     "Content-Type: multipart/mixed\r\n\r\n\xe4\r\n",
		"too long": "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n" + strings.Repeat("X: y\r\n", MaxFields) +
			"\r\n--b\r\n\r\n\xe4\r\n--b--\r\n",
		"says that it is x-unheard": "Content-Transfer-Encoding: x-unheard\r\n\r\n\xe4\r\n",
	} {
		_, err := NewSevenBit(strings.NewReader(text), 0, scan(text))
		if !errors.Is(err, ErrSevenBit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200q: error is %v, want %q in it", text, err, want)
		}
	}
}

// TestSevenBitSame: what is decoded is what was there.
func TestSevenBitSame(t *testing.T) {
	body := strings.Repeat("Gr\xc3\xbc\xc3\x9fe, und noch mehr davon =\t\r\n.\r\n", 3000)
	text := "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body +
		"\r\n--b\r\nContent-Type: application/x\r\n\r\n" + body + "\r\n--b--\r\n"
	out := sevenBit(t, text, 0)
	info := scan(out)
	for i, p := range info.Root.Children {
		got, err := io.ReadAll(Decode(io.NewSectionReader(strings.NewReader(out), p.BodyOffset, p.BodySize), p.Encoding))
		if err != nil || string(got) != body {
			t.Errorf("part %d has %d bytes, want %d, %v", i, len(got), len(body), err)
		}
	}
	if len(info.Root.Children) != 2 {
		t.Errorf("%d parts", len(info.Root.Children))
	}
}

func FuzzSevenBit(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xe4\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n\x00\r\n--b--\r\n\xff"))
	f.Add([]byte("Content-Transfer-Encoding: binary\r\nContent-Type: image/png\r\n\r\n\x00\n\r"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := NewSevenBit(bytes.NewReader(text), 0, scan(string(text)))
		if err != nil {
			return
		}
		r := s.Open()
		defer r.Close()
		out, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !ascii(out) {
			t.Errorf("%q becomes %q", text, out)
		}
	})
}

// slow is a message of which can be told whether it is read after its time.
type slow struct {
	*strings.Reader
	closed, late atomic.Bool
	reading      chan struct{}
}

func (s *slow) ReadAt(p []byte, off int64) (int, error) {
	select {
	case s.reading <- struct{}{}:
	default:
	}
	time.Sleep(10 * time.Millisecond)
	if s.closed.Load() {
		s.late.Store(true)
	}
	return s.Reader.ReadAt(p, off)
}

// Once it is closed the stored message is read no more: it may be closed too.
func TestSevenBitClose(t *testing.T) {
	text := "Subject: x\r\n\r\n" + strings.Repeat("\xe4\r\n", 100000)
	r := &slow{Reader: strings.NewReader(text), reading: make(chan struct{})}
	s, err := NewSevenBit(r, 0, scan(text))
	if err != nil {
		t.Fatal(err)
	}
	out := s.Open()
	if _, err := io.ReadFull(out, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	<-r.reading
	out.Close()
	r.closed.Store(true)
	time.Sleep(50 * time.Millisecond)
	if r.late.Load() {
		t.Error("the stored message was read after Close")
	}
}
