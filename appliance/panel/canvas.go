package panel

import (
	"strings"

	"posthorn/hw"
	"posthorn/hw/font"
)

// canvas draws on a frame of dots. Pages keep to its inner part, so that the
// picture can be moved by a few dots against burn-in without losing any.
type canvas struct {
	*hw.Frame
	w, h int // of the inner part
}

// Room left at the right and at the bottom for moving the picture.
const (
	slackRight = 3
	slackTall  = 3 // of 64 rows
	slackFlat  = 1 // of 32 rows
)

func newCanvas(size hw.Size) *canvas {
	return &canvas{hw.NewFrame(size), size.Width() - slackRight, size.Height() - slackDown(size)}
}

func slackDown(size hw.Size) int {
	if size == hw.Dots128x64 {
		return slackTall
	}
	return slackFlat
}

// text writes from x to at most right, cutting what does not fit, and returns
// where it ended.
func (c *canvas) text(face font.Font, x, y, right int, s string) int {
	for _, r := range cut(drawable(face, s), (right-x)/face.Width, "…") {
		c.glyph(face, x, y, r, 1)
		x += face.Width
	}
	return x
}

// textRight writes so that the text ends at right, and returns where it
// begins.
func (c *canvas) textRight(face font.Font, right, y int, s string) int {
	x := right - width(face, s)
	c.text(face, x, y, right, s)
	return x
}

// width is how many dots a text takes.
func width(face font.Font, s string) int {
	return face.Width * len([]rune(drawable(face, s)))
}

// big writes digits at twice the size of the font.
func (c *canvas) big(face font.Font, x, y int, digits string) int {
	for _, r := range digits {
		c.glyph(face, x, y, r, 2)
		x += 2 * face.Width
	}
	return x
}

func (c *canvas) glyph(face font.Font, x, y int, r rune, scale int) {
	for dy := range face.Height * scale {
		for dx := range face.Width * scale {
			if face.Dot(r, dx/scale, dy/scale) {
				c.Set(x+dx, y+dy, true)
			}
		}
	}
}

// dotted draws a line of which every third dot is lit: it separates and hardly
// burns in.
func (c *canvas) dotted(y int) {
	for x := 0; x < c.w; x += 3 {
		c.Set(x, y, true)
	}
}

// fill lights a box.
func (c *canvas) fill(x, y, w, h int) {
	for dy := range h {
		for dx := range w {
			c.Set(x+dx, y+dy, true)
		}
	}
}

// invert turns a box over: text in it becomes dark on light.
func (c *canvas) invert(x, y, w, h int) {
	for dy := range h {
		for dx := range w {
			c.Set(x+dx, y+dy, !c.Lit(x+dx, y+dy))
		}
	}
}

// bar draws a frame filled to so many percent.
func (c *canvas) bar(x, y, w, h, percent int) {
	c.fill(x, y, w, h)
	c.invert(x+1, y+1, w-2, h-2)
	c.fill(x+2, y+2, (w-4)*min(max(percent, 0), 100)/100, h-4)
}

// icon draws lines of '#' and anything else.
func (c *canvas) icon(x, y int, art string) {
	for dy, line := range strings.Split(strings.Trim(art, "\n"), "\n") {
		for dx, dot := range line {
			if dot == '#' {
				c.Set(x+dx, y+dy, true)
			}
		}
	}
}

// envelope is 15 by 10 dots.
const envelope = `
###############
##...........##
#.#.........#.#
#..##.....##..#
#....##.##....#
#......#......#
#.............#
#.............#
#.............#
###############`

// warning is 13 by 12 dots.
const warning = `
......#......
.....#.#.....
.....#.#.....
....#...#....
....#.#.#....
...#..#..#...
...#..#..#...
..#...#...#..
..#.......#..
.#....#....#.
.#.........#.
#############`
