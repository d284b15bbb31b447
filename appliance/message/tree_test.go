package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// tree writes a random message and what a reader must find in it.
type tree struct {
	rnd *rand.Rand
	buf bytes.Buffer
	n   int // boundaries given out
}

func (g *tree) line(s string) {
	g.buf.WriteString(s)
	g.buf.WriteString([]string{"\r\n", "\r\n", "\r\n", "\n"}[g.rnd.IntN(4)])
}

// part writes a part and returns what is to be found; the caller writes the
// line end that belongs to the boundary after it.
func (g *tree) part(depth int) Part {
	p := Part{HeaderOffset: int64(g.buf.Len())}
	kind := g.rnd.IntN(6)
	boundary := fmt.Sprintf("b%d", g.n)
	g.n++
	switch {
	case depth < 5 && kind < 2:
		p.Type = "multipart"
		g.line("Content-Type: multipart/mixed; boundary=" + boundary)
	case depth < 5 && kind == 2:
		p.Type = "message"
		g.line("Content-Type: message/rfc822")
	default:
		p.Type = "text"
		g.line("X-Other: value")
	}
	g.line("")
	p.BodyOffset = int64(g.buf.Len())
	switch p.Type {
	case "multipart":
		if g.rnd.IntN(2) == 0 {
			g.line("preamble")
		}
		for range g.rnd.IntN(3) + 1 {
			g.line("--" + boundary)
			p.Children = append(p.Children, g.part(depth+1))
			g.line("")
		}
		g.buf.WriteString("--" + boundary + "--")
		if g.rnd.IntN(2) == 0 {
			g.line("")
			g.buf.WriteString("epilogue")
		}
	case "message":
		root := g.part(depth + 1)
		p.Embedded = &Info{Root: root}
	default:
		for range g.rnd.IntN(4) {
			g.line([]string{"text", "--", "", "--b", "-", "\x00\xff\r"}[g.rnd.IntN(6)])
		}
		g.buf.WriteString([]string{"", "end", "--end"}[g.rnd.IntN(3)])
	}
	p.HeaderSize = p.BodyOffset - p.HeaderOffset
	p.BodySize = int64(g.buf.Len()) - p.BodyOffset
	return p
}

func compare(t *testing.T, path string, got, want *Part) {
	t.Helper()
	if got.Type != want.Type || got.HeaderOffset != want.HeaderOffset || got.HeaderSize != want.HeaderSize ||
		got.BodyOffset != want.BodyOffset || got.BodySize != want.BodySize || len(got.Children) != len(want.Children) {
		t.Fatalf("part %s: got %s %d+%d %d+%d, %d children; want %s %d+%d %d+%d, %d children", path,
			got.Type, got.HeaderOffset, got.HeaderSize, got.BodyOffset, got.BodySize, len(got.Children),
			want.Type, want.HeaderOffset, want.HeaderSize, want.BodyOffset, want.BodySize, len(want.Children))
	}
	for n := range want.Children {
		compare(t, fmt.Sprintf("%s.%d", path, n+1), &got.Children[n], &want.Children[n])
	}
	if want.Embedded != nil {
		compare(t, path+".message", &got.Embedded.Root, &want.Embedded.Root)
	}
}

// TestRandomTrees writes messages whose offsets are known and reads them in
// random pieces.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(2000) {
		g := &tree{rnd: rand.New(rand.NewPCG(seed, 1))}
		want := g.part(0)
		raw := g.buf.Bytes()
		s := NewScanner()
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), 1+g.rnd.IntN(20))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		i := s.Finish()
		compare(t, "root", &i.Root, &want)
		check(t, raw, i)
		if whole := scan(string(raw)); !reflect.DeepEqual(i, whole) {
			t.Fatalf("seed %d: pieces make a difference:\n%+v\n%+v", seed, i, whole)
		}
	}
}
