package appliance

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestLinesKeepsTheLast(t *testing.T) {
	l := new(Lines)
	log := NewLog(io.Discard, false, 0, l)
	for i := range maxLines + 7 {
		log.Info("event", "number", i)
	}
	got := l.Last()
	if len(got) != maxLines {
		t.Fatalf("%d lines are kept, want %d", len(got), maxLines)
	}
	for i, line := range got {
		if !strings.HasSuffix(line, fmt.Sprintf("number=%d", i+7)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestLinesAreCut(t *testing.T) {
	l := new(Lines)
	NewLog(io.Discard, true, 0, l).Info(strings.Repeat("x", 1<<20) + "\xff")
	if got := l.Last(); len(got) != 1 || len(got[0]) != maxLineOctets {
		t.Errorf("kept %d lines", len(got))
	}
	if got := (*Lines)(nil).Last(); len(got) != 0 {
		t.Errorf("no lines keep %d", len(got))
	}
}
