package hw

import (
	"bytes"
	"slices"
)

// Size is one of the four kinds of glass there are pages for.
type Size uint8

const (
	// Dots128x64 is an OLED of 0.96 or 1.3 inch.
	Dots128x64 Size = iota
	// Dots128x32 is an OLED of 0.91 inch.
	Dots128x32
	// Text16x2 is an LCD of two lines.
	Text16x2
	// Text20x4 is an LCD of four lines.
	Text20x4
)

// Sizes lists every size.
func Sizes() []Size { return []Size{Dots128x64, Dots128x32, Text16x2, Text20x4} }

// String returns the size as people write it, for example "128x64".
func (s Size) String() string {
	switch s {
	case Dots128x64:
		return "128x64"
	case Dots128x32:
		return "128x32"
	case Text16x2:
		return "16x2"
	}
	return "20x4"
}

// Width is in dots, or in characters if IsText.
func (s Size) Width() int {
	switch s {
	case Text16x2:
		return 16
	case Text20x4:
		return 20
	}
	return 128
}

// Height is in dots, or in lines if IsText.
func (s Size) Height() int {
	switch s {
	case Dots128x64:
		return 64
	case Dots128x32:
		return 32
	case Text16x2:
		return 2
	}
	return 4
}

// IsText says whether the glass shows characters rather than dots.
func (s Size) IsText() bool { return s >= Text16x2 }

// Frame is one picture: dots for an OLED, characters for an LCD.
//
// Dots are kept as the chips keep them: pages of eight rows, one byte for each
// column of a page, the topmost row in the lowest bit.
//
// Characters an LCD can show are ASCII without backslash and tilde, the
// letters ä ö ü ß ñ, the signs ° and →, and those of Glyphs. A driver shows
// '?' for any other.
type Frame struct {
	size Size
	dots []byte
	text []rune
}

// NewFrame returns an empty frame.
func NewFrame(s Size) *Frame {
	f := &Frame{size: s}
	if s.IsText() {
		f.text = make([]rune, s.Width()*s.Height())
	} else {
		f.dots = make([]byte, s.Width()*s.Height()/8)
	}
	f.Clear()
	return f
}

// Size returns the size the frame was made for.
func (f *Frame) Size() Size { return f.size }

// Clear empties the frame: dark dots, or blanks.
func (f *Frame) Clear() {
	clear(f.dots)
	for i := range f.text {
		f.text[i] = ' '
	}
}

// Set lights or clears a dot. Outside the frame, and on a text frame, it does
// nothing.
func (f *Frame) Set(x, y int, lit bool) {
	if f.size.IsText() || !f.inside(x, y) {
		return
	}
	i, bit := y/8*f.size.Width()+x, byte(1)<<(y%8)
	if lit {
		f.dots[i] |= bit
	} else {
		f.dots[i] &^= bit
	}
}

// Lit reports whether a dot is lit; those outside the frame are not.
func (f *Frame) Lit(x, y int) bool {
	if f.size.IsText() || !f.inside(x, y) {
		return false
	}
	return f.dots[y/8*f.size.Width()+x]&(1<<(y%8)) != 0
}

// Page returns the bytes of eight rows of dots, one for each column. They
// belong to the frame.
func (f *Frame) Page(n int) []byte {
	w := f.size.Width()
	return f.dots[n*w : (n+1)*w]
}

// Pages returns how many pages of eight rows a dot frame has.
func (f *Frame) Pages() int { return len(f.dots) / f.size.Width() }

// Put writes a character. Outside the frame, and on a dot frame, it does
// nothing.
func (f *Frame) Put(col, row int, r rune) {
	if f.size.IsText() && f.inside(col, row) {
		f.text[row*f.size.Width()+col] = r
	}
}

// Line returns the characters of one line of a text frame. They belong to the
// frame.
func (f *Frame) Line(n int) []rune {
	w := f.size.Width()
	return f.text[n*w : (n+1)*w]
}

// Equal reports whether two frames show the same.
func (f *Frame) Equal(g *Frame) bool {
	return f.size == g.size && bytes.Equal(f.dots, g.dots) && slices.Equal(f.text, g.text)
}

// Clone returns a copy.
func (f *Frame) Clone() *Frame {
	return &Frame{size: f.size, dots: bytes.Clone(f.dots), text: slices.Clone(f.text)}
}

// Moved returns a copy whose dots are right and down by so many; what leaves
// the frame is lost. A text frame is only copied.
func (f *Frame) Moved(right, down int) *Frame {
	if f.size.IsText() || right == 0 && down == 0 {
		return f.Clone()
	}
	g := NewFrame(f.size)
	for y := range f.size.Height() {
		for x := range f.size.Width() {
			if f.Lit(x, y) {
				g.Set(x+right, y+down, true)
			}
		}
	}
	return g
}

func (f *Frame) inside(x, y int) bool {
	return x >= 0 && y >= 0 && x < f.size.Width() && y < f.size.Height()
}
