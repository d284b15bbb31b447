package softpanel

import (
	"strings"

	"posthorn/hw"
)

// Glass is what a person in front of the display sees.
type Glass struct {
	Frame *hw.Frame // empty where the display is off
	// Brightness is an OLED's contrast, 0 when it is off; an LCD's lamp is 0
	// or 255, and its text can be read without it in daylight.
	Brightness uint8
}

// String draws the glass for people and for golden files: braille in a frame
// for dots, the text itself for characters.
func (g Glass) String() string {
	if g.Frame.Size().IsText() {
		return g.Box()
	}
	return frame(g.Braille())
}

// Box returns the text of an LCD in a frame, one line below the other.
func (g Glass) Box() string {
	var lines []string
	for row := range g.Frame.Size().Height() {
		lines = append(lines, string(g.Frame.Line(row)))
	}
	return frame(strings.Join(lines, "\n") + "\n")
}

// frame draws a line around text; all its lines have the same width.
func frame(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	rule := "+" + strings.Repeat("-", len([]rune(lines[0]))) + "+\n"
	var b strings.Builder
	b.WriteString(rule)
	for _, l := range lines {
		b.WriteString("|" + l + "|\n")
	}
	b.WriteString(rule)
	return b.String()
}

// Braille draws dots two by four to a character: 64 by 16 characters for
// 128x64, which fits a terminal. It is empty for a text display.
func (g Glass) Braille() string {
	// The eight dots of U+2800 as bits, column by column from the top.
	bits := [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}
	return g.cells(2, 4, func(x, y int) rune {
		r := rune(0x2800)
		for dx := range 2 {
			for dy := range 4 {
				if g.Frame.Lit(x+dx, y+dy) {
					r |= bits[dx][dy]
				}
			}
		}
		return r
	})
}

// HalfBlocks draws dots one by two to a character: 128 by 32 characters for
// 128x64. It is empty for a text display.
func (g Glass) HalfBlocks() string {
	return g.cells(1, 2, func(x, y int) rune {
		switch upper, lower := g.Frame.Lit(x, y), g.Frame.Lit(x, y+1); {
		case upper && lower:
			return '█'
		case upper:
			return '▀'
		case lower:
			return '▄'
		}
		return ' '
	})
}

// cells walks over the dots in cells of w by h.
func (g Glass) cells(w, h int, draw func(x, y int) rune) string {
	size := g.Frame.Size()
	if size.IsText() {
		return ""
	}
	var b strings.Builder
	for y := 0; y < size.Height(); y += h {
		for x := 0; x < size.Width(); x += w {
			b.WriteRune(draw(x, y))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
