package hw

// Glyph is a character of our own: five dots wide, eight high, the leftmost
// dot of a row in bit 4. An LCD holds eight at a time in its character
// generator RAM.
type Glyph struct {
	Rune rune
	Rows [8]byte
}

// Glyphs returns the characters an LCD is taught at start, in the order of
// their places 0 to 7.
func Glyphs() []Glyph {
	return []Glyph{
		{'✉', [8]byte{0b00000, 0b11111, 0b11011, 0b10101, 0b10001, 0b11111, 0b00000, 0b00000}},
		{'⚠', [8]byte{0b00100, 0b00100, 0b01110, 0b01010, 0b01010, 0b11111, 0b11011, 0b11111}},
		{'✓', [8]byte{0b00000, 0b00001, 0b00011, 0b10110, 0b11100, 0b01000, 0b00000, 0b00000}},
		{'░', [8]byte{0b11111, 0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b11111, 0b00000}},
		{'█', [8]byte{0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b00000}},
	}
}
