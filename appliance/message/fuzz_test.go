package message

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// FuzzScanner feeds any bytes, whole and in pieces, and verifies what the
// package promises (see check), then reads all of the text.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(crlf(small)), uint8(7))
	f.Add([]byte(sections), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		s := NewScanner()
		s.Write(raw)
		whole := s.Finish()
		check(t, raw, whole)
		s = NewScanner()
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			s.Write(rest[:n])
			rest = rest[n:]
		}
		if pieces := s.Finish(); !reflect.DeepEqual(whole, pieces) {
			t.Fatalf("pieces of %d make a difference:\n%+v\n%+v", int(size)+1, whole, pieces)
		}
		text, err := io.ReadAll(Text(bytes.NewReader(raw), whole, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) {
			t.Fatalf("text is not UTF-8: %q", text)
		}
		if _, err := ReadHeader(bytes.NewReader(raw), 0, whole.HeaderSize); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzUnmarshal reads stored bytes that may be damaged.
func FuzzUnmarshal(f *testing.F) {
	b, err := scan(sections).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Unmarshal(b)
		if err != nil {
			return
		}
		i.Find([]int{1, 1})
		if _, err := i.Marshal(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzContains: text found in a whole is found in pieces.
func FuzzContains(f *testing.F) {
	f.Add("Grüße aus\r\n Köln", "SE AUS")
	f.Add("cafe\u0301", "caf\u00e9")
	f.Fuzz(func(t *testing.T, text, needle string) {
		needle = Fold(needle)
		whole, _ := Contains(strings.NewReader(text), needle)
		pieces, _ := Contains(iotest.OneByteReader(strings.NewReader(text)), needle)
		if whole != pieces {
			t.Errorf("%q in %q: whole %v, in pieces %v", needle, text, whole, pieces)
		}
	})
}
