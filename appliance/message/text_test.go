package message

import (
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
)

// TestDecode shows transfer encodings, whole and broken, however r hands out
// its bytes.
func TestDecode(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tests := []struct{ encoding, raw, want string }{
		{"7bit", "a=3D", "a=3D"},
		{"x-other", "a=3D", "a=3D"},
		{"base64", "aGVsbG8=", "hello"},
		{"base64", "aGVs\r\nbG8", "hello"},
		{"base64", "aG!Vs b\x00G8=", "hello"},
		{"base64", "aGVsbG8=aGVsbG8=", "hellohello"},
		{"base64", "====", ""},
		{"base64", "a", ""},
		{"quoted-printable", "a=3Db=C3=A9\r\n", "a=bé\r\n"},
		{"quoted-printable", "soft=\r\nbreak", "softbreak"},
		{"quoted-printable", "soft= \t\r\nbreak", "softbreak"},
		{"quoted-printable", "blanks  \t\r\nend", "blanks\r\nend"},
		{"quoted-printable", "lf=\nonly\n", "lfonly\n"},
		{"quoted-printable", "=XY=4 = =e9\xe9", "=XY=4 = \xe9\xe9"},
		{"quoted-printable", "end=", "end"},
		{"quoted-printable", "end  ", "end"},
		{"quoted-printable", "\r\n\r\n", "\r\n\r\n"},
		{"quoted-printable", long + "=3D" + long + "=3", long + "=" + long + "=3"},
		{"quoted-printable", strings.Repeat("=3D", 10_000), strings.Repeat("=", 10_000)},
		{"quoted-printable", strings.Repeat(" ", 4096) + "x", strings.Repeat(" ", 4096) + "x"},
		{"quoted-printable", strings.Repeat("x", 4090) + "    =41", strings.Repeat("x", 4090) + "    A"},
	}
	for _, tt := range tests {
		for _, r := range []io.Reader{strings.NewReader(tt.raw), iotest.OneByteReader(strings.NewReader(tt.raw))} {
			b, err := io.ReadAll(Decode(r, tt.encoding))
			if err != nil || string(b) != tt.want {
				t.Errorf("%s %.60q: got %.60q, want %.60q, %v", tt.encoding, tt.raw, b, tt.want, err)
			}
		}
		r := io.MultiReader(strings.NewReader(tt.raw), iotest.ErrReader(io.ErrClosedPipe))
		if b, err := io.ReadAll(Decode(r, tt.encoding)); !errors.Is(err, io.ErrClosedPipe) || string(b) != tt.want && tt.encoding != "quoted-printable" {
			t.Errorf("%s %.60q on a broken reader: %.60q, %v", tt.encoding, tt.raw, b, err)
		}
	}
}

// TestDecodeAsStandard compares with the standard library on what it writes.
func TestDecodeAsStandard(t *testing.T) {
	data := make([]byte, 100_000)
	for n := range data {
		data[n] = byte(n * n >> 3)
	}
	if b, err := io.ReadAll(Decode(strings.NewReader(base64.StdEncoding.EncodeToString(data)), "base64")); err != nil || string(b) != string(data) {
		t.Errorf("base64: %d bytes, %v", len(b), err)
	}
	var qp strings.Builder
	w := quotedprintable.NewWriter(&qp)
	w.Binary = true
	w.Write(data)
	w.Close()
	if b, err := io.ReadAll(Decode(strings.NewReader(qp.String()), "quoted-printable")); err != nil || string(b) != string(data) {
		t.Errorf("quoted-printable: %d bytes, %v", len(b), err)
	}
}

// TestText shows what a search sees of a message.
func TestText(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"plain", "\nhello\n", "hello\r\n\n"},
		{"Latin-1", "Content-Type: text/plain; charset=iso-8859-1\n\nCaf\xe9", "Café\n"},
		{"UTF-8 that is not said", "\nCafé", "Café\n"},
		{"Latin-1 that is not said", "\nCaf\xe9 and", "Café and\n"},
		{"UTF-8 that is none", "Content-Type: text/plain; charset=utf-8\n\n\xe9\xc3", "éÃ\n"},
		{"unknown charset", "Content-Type: text/plain; charset=x-none\n\nCafé", "Café\n"},
		{"UTF-16", "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nQwBhAGYA6QA=", "Café\n"},
		{"ISO-2022-JP", "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BF|K\\\x1b(B", "日本\n"},
		{"HTML", "Content-Type: text/html\n\n<html><head><title>T</title><style>p {}</style></head><body><!-- <b>no</b> --><p class=\"a>b\">One &amp; <b>t</b>wo&nbsp;x&#233;<br>three</p><script>if (a<b) x()</SCRIPT > end &bogus; a < b &lt",
			"T\nOne & two\u00a0xé\nthree\nend &bogus; a < b <\n"},
		{"HTML that leads astray", "Content-Type: text/html\n\na<!-- - -- ->--->b<style></styl</<</STYLE>c<script><!-- </script>d<p",
			"ab\nc\nd\n"},
		{"base64 HTML", "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\n6Tx0ZD7p", "é\né\n"},
		{"not text", "Content-Type: image/png; name=a.png\n\nxyz", "a.png\n"},
		{"parts", "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: in\nFrom: A <a@b.c>\n\ntwo\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=f.pdf\n\nx\n--b--\n",
			"one\nin\nA a@b.c\ntwo\nf.pdf\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := crlf(tt.raw)
			i := scan(raw)
			b, err := io.ReadAll(Text(strings.NewReader(raw), i, 1<<20))
			if err != nil || string(b) != tt.want {
				t.Errorf("got %q, want %q, %v", b, tt.want, err)
			}
			b, err = io.ReadAll(Text(strings.NewReader(raw), i, 3))
			if err != nil || string(b) != tt.want[:3] {
				t.Errorf("at most 3 bytes: got %q, %v", b, err)
			}
		})
	}
	i := scan("\r\nhello")
	if _, err := io.ReadAll(Text(broken{}, i, 100)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("on a broken reader: %v", err)
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

func TestPartSource(t *testing.T) {
	const mail = "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Gr=FC=DFe &amp; so</p>"
	s := NewScanner()
	io.WriteString(s, mail)
	got, err := io.ReadAll(PartSource(strings.NewReader(mail), &s.Finish().Root))
	if want := "<p>Grüße &amp; so</p>"; err != nil || string(got) != want {
		t.Errorf("%q %v", got, err)
	}
}
