package softpanel

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Terminal draws glass at the end of a terminal, below what is written through
// it, such as a log: each write takes the picture away, adds its text, and
// draws the picture again. Nothing but moving up and clearing to the end is
// asked of the terminal, so one that is left at any moment needs no repair.
//
// It is safe for concurrent use. Whatever else writes to the same terminal
// must not do so while a picture is drawn.
type Terminal struct {
	W io.Writer // the terminal
	// Size returns columns and rows; where the picture does not fit, none is
	// drawn.
	Size func() (columns, rows int)

	mu      sync.Mutex
	picture string
	drawn   int  // lines of the picture on the terminal
	partial bool // the text above does not end with a line's end
}

// Sequences of ECMA-48: cursor to the line's begin (an interrupt key may have
// been echoed there) and up, and erase to the end of the page.
const (
	upLines = "\r\x1b[%dA"
	erase   = "\x1b[J"
)

// Write adds text above the picture.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	t.takeAway(&b)
	b.Write(p)
	if len(p) > 0 {
		t.partial = p[len(p)-1] != '\n'
	}
	t.put(&b)
	if _, err := t.W.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Show replaces the picture; "" takes it away. Lines must end with a line's
// end.
func (t *Terminal) Show(picture string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if picture == t.picture {
		return nil
	}
	var b bytes.Buffer
	t.takeAway(&b)
	t.picture = picture
	t.put(&b)
	_, err := t.W.Write(b.Bytes())
	return err
}

func (t *Terminal) takeAway(b *bytes.Buffer) {
	if t.drawn > 0 {
		fmt.Fprintf(b, upLines+erase, t.drawn)
	}
	t.drawn = 0
}

// put draws the picture, unless the line above is unfinished.
func (t *Terminal) put(b *bytes.Buffer) {
	lines := strings.Count(t.picture, "\n")
	if lines == 0 || t.partial || !t.fits(lines) {
		return
	}
	b.WriteString(t.picture)
	t.drawn = lines
}

func (t *Terminal) fits(lines int) bool {
	if t.Size == nil {
		return true
	}
	columns, rows := t.Size()
	first, _, _ := strings.Cut(t.picture, "\n")
	return len([]rune(first)) <= columns && lines < rows
}
