package message

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// A message with fields put on top is what a scan of it all finds.
func TestPrepend(t *testing.T) {
	const fields = "Return-Path: <a@b>\r\nX-Checked: by\r\n\tme, and all of it\r\n"
	texts := []string{crlf(small), sections, "A: b\r\n", "A: b", "A: b\r\n\r\nbody without an end"}
	for seed := range uint64(200) {
		g := &tree{rnd: rand.New(rand.NewPCG(seed, 1))}
		g.line("Received: here")
		g.part(0)
		texts = append(texts, g.buf.String())
	}
	for _, text := range texts {
		got := scan(text)
		got.Prepend([]byte(fields))
		if want := scan(fields + text); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v\nwant\n%+v", text, got, want)
		}
	}
}
