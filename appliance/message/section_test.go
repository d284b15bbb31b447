package message

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// sections is a message with a part of each kind.
var sections = crlf(`Subject: outer
From: a@b.c
X-Fold: one
	two
Content-Type: multipart/mixed; boundary=o

preamble
--o
Content-Description: first

text
--o
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/alternative; boundary=i

--i

plain
--i
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<p>=C3=A9=
</p>
--i--
--o
Content-Type: message/rfc822

Subject: single

body of single
--o
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0K
Gg==
--o
Content-Transfer-Encoding: x-uuencode

begin
--o--
epilogue
`)

// TestSections shows the sections of IMAP (RFC 9051 section 6.4.5.1).
func TestSections(t *testing.T) {
	i := scan(sections)
	check(t, []byte(sections), i)
	header, text, _ := strings.Cut(sections, "\r\n\r\n")
	none := "\x00none"
	tests := []struct {
		path   []int
		what   Specifier
		fields string
		want   string
	}{
		{nil, SectionAll, "", sections},
		{nil, SectionHeader, "", header + "\r\n\r\n"},
		{nil, SectionText, "", text},
		{nil, SectionMIME, "", none},
		{nil, SectionFields, "SUBJECT x-fold Absent", "Subject: outer\r\nX-Fold: one\r\n\ttwo\r\n\r\n"},
		{nil, SectionFieldsNot, "subject x-fold content-type", "From: a@b.c\r\n\r\n"},
		{nil, SectionFields, "Absent", "\r\n"},
		{[]int{1}, SectionAll, "", "text"},
		{[]int{1}, SectionMIME, "", "Content-Description: first\r\n\r\n"},
		{[]int{1}, SectionHeader, "", none},
		{[]int{1}, SectionText, "", none},
		{[]int{1, 1}, SectionAll, "", none},
		{[]int{0}, SectionAll, "", none},
		{[]int{6}, SectionAll, "", none},
		{[]int{2}, SectionHeader, "", "Subject: inner\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"},
		{[]int{2}, SectionFields, "subject", "Subject: inner\r\n\r\n"},
		{[]int{2}, SectionMIME, "", "Content-Type: message/rfc822\r\n\r\n"},
		{[]int{2, 1}, SectionAll, "", "plain"},
		{[]int{2, 1}, SectionMIME, "", "\r\n"},
		{[]int{2, 2}, SectionAll, "", "<p>=C3=A9=\r\n</p>"},
		{[]int{2, 3}, SectionAll, "", none},
		{[]int{3}, SectionAll, "", "Subject: single\r\n\r\nbody of single"},
		{[]int{3}, SectionText, "", "body of single"},
		{[]int{3, 1}, SectionAll, "", "body of single"},
		{[]int{3, 1}, SectionMIME, "", "Subject: single\r\n\r\n"},
		{[]int{3, 2}, SectionAll, "", none},
		{[]int{3, 1, 1}, SectionAll, "", none},
		{[]int{4}, SectionAll, "", "iVBORw0K\r\nGg=="},
	}
	for _, tt := range tests {
		got := none
		s := Section{Path: tt.path, What: tt.what, Fields: strings.Fields(tt.fields)}
		r, err := i.Open(strings.NewReader(sections), s)
		if err == nil {
			b, err := io.ReadAll(r)
			if err != nil || int64(len(b)) != r.Size() {
				t.Fatalf("%+v: %d of %d bytes, %v", s, len(b), r.Size(), err)
			}
			got = string(b)
		} else if !errors.Is(err, ErrNoSection) {
			t.Errorf("%+v: %v", s, err)
		}
		if got != tt.want {
			t.Errorf("%+v\n got %q\nwant %q", s, got, tt.want)
		}
	}
	bare := scan("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno header\r\n--b--\r\n")
	if p := bare.Find([]int{1}); p.HeaderSize != 0 || p.BodySize != int64(len("no header")) || p.Lines != 1 {
		t.Errorf("part without a header: %+v", p)
	}
	single := scan("Subject: x\r\n\r\nbody")
	if p := single.Find([]int{1}); p == nil || p.BodySize != 4 {
		t.Errorf("part 1 of a single part: %+v", p)
	}
	if single.Find([]int{1, 1}) != nil || single.Find([]int{2}) != nil {
		t.Error("a single part has more than part 1")
	}
}

// TestBinary shows BINARY and BINARY.SIZE (RFC 9051 section 6.4.5).
func TestBinary(t *testing.T) {
	i := scan(sections)
	raw := strings.NewReader(sections)
	for _, tt := range []struct {
		path []int
		want string
	}{
		{nil, sections},
		{[]int{1}, "text"},
		{[]int{2, 2}, "<p>é</p>"},
		{[]int{3}, "Subject: single\r\n\r\nbody of single"},
		{[]int{4}, "\x89PNG\r\n\x1a"},
	} {
		r, err := i.OpenBinary(raw, tt.path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != tt.want {
			t.Errorf("%v: %q, %v", tt.path, b, err)
		}
		if n, err := i.BinarySize(raw, tt.path); err != nil || n != int64(len(tt.want)) {
			t.Errorf("%v: size %d, %v", tt.path, n, err)
		}
	}
	if _, err := i.OpenBinary(raw, []int{5}); !errors.Is(err, ErrUnknownEncoding) {
		t.Errorf("x-uuencode: %v", err)
	}
	if _, err := i.BinarySize(raw, []int{9}); !errors.Is(err, ErrNoSection) {
		t.Errorf("part 9: %v", err)
	}
}

// TestReadHeader shows raw fields, junk among them, and the limits.
func TestReadHeader(t *testing.T) {
	raw := "A: 1\r\nb : 2\n\t3\r\njunk\r\n: 4\r\nC:5\r\n\r\nD: 6\r\n"
	fields, err := ReadHeader(strings.NewReader(raw), 0, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fields {
		got = append(got, f.Name+"="+f.Value())
	}
	if s := strings.Join(got, "|"); s != "A=1|b=2\t3|=|=4|C=5" {
		t.Errorf("%q", s)
	}
	if b := FilterHeader(fields, []string{"a"}, true); string(b) != "b : 2\n\t3\r\nC:5\r\n\r\n" {
		t.Errorf("%q", b)
	}
	if b := FilterHeader([]Field{{Name: "A", Raw: []byte("A: 1")}}, []string{"a"}, false); string(b) != "A: 1\r\n\r\n" {
		t.Errorf("%q", b)
	}
	long := strings.Repeat("A: 1\r\n", MaxHeader)
	if fields, err := ReadHeader(strings.NewReader(long), 0, int64(len(long))); err != nil || len(fields) != MaxFields {
		t.Errorf("%d fields, %v", len(fields), err)
	}
	if _, err := ReadHeader(strings.NewReader(raw), 0, 1000); !errors.Is(err, io.EOF) {
		t.Errorf("header beyond the end: %v", err)
	}
}
