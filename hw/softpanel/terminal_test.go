package softpanel

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// page is a terminal that knows what Terminal asks of one.
type page struct {
	lines []string
	row   int
}

func (p *page) Write(b []byte) (int, error) {
	for s := string(b); s != ""; {
		s = strings.TrimPrefix(s, "\r")
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			end := strings.IndexAny(rest, "AJ")
			if rest[end] == 'J' {
				p.lines = p.lines[:p.row]
			} else {
				n, err := strconv.Atoi(rest[:end])
				if err != nil || n > p.row {
					return 0, fmt.Errorf("up by %s from row %d", rest[:end], p.row)
				}
				p.row -= n
			}
			s = rest[end+1:]
			continue
		}
		line, rest, _ := strings.Cut(s, "\n")
		p.lines = append(p.lines[:p.row], line)
		p.row++
		s = rest
	}
	return len(b), nil
}

func TestTerminal(t *testing.T) {
	p := &page{}
	term := &Terminal{W: p}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 50 {
				if _, err := fmt.Fprintf(term, "line %d of %d\n", n, i); err != nil {
					t.Error(err)
				}
				if err := term.Show(fmt.Sprintf("+--+\n|%2d|\n+--+\n", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := term.Show("+--+\n|xx|\n+--+\n"); err != nil {
		t.Fatal(err)
	}
	if len(p.lines) != 203 || p.lines[201] != "|xx|" {
		t.Fatalf("%d lines, the last ones %q", len(p.lines), p.lines[max(len(p.lines)-5, 0):])
	}
	for _, l := range p.lines[:200] {
		if !strings.HasPrefix(l, "line ") {
			t.Fatalf("%q is left among the lines", l)
		}
	}
	if err := term.Show(""); err != nil {
		t.Fatal(err)
	}
	if len(p.lines) != 200 {
		t.Errorf("the picture is not gone: %q", p.lines[200:])
	}
}

func TestTerminalTooSmall(t *testing.T) {
	p := &page{}
	columns := 4
	term := &Terminal{W: p, Size: func() (int, int) { return columns, 10 }}
	show := func(picture string) {
		t.Helper()
		if err := term.Show(picture); err != nil {
			t.Fatal(err)
		}
	}
	show("12345\n")
	if len(p.lines) != 0 {
		t.Error("a picture that does not fit was drawn")
	}
	columns = 5
	if _, err := term.Write([]byte("text\n")); err != nil {
		t.Fatal(err)
	}
	if len(p.lines) != 2 {
		t.Error("the terminal has grown, and no picture")
	}
	if _, err := term.Write([]byte("begun")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.lines, "|"); got != "text|begun" {
		t.Errorf("after half a line: %q", got)
	}
}
