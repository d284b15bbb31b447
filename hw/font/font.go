// Package font holds the bitmap fonts of the small screens: X11's misc-fixed
// family, which is in the public domain, reduced to Latin, Greek and Cyrillic.
//
// A font file is: width, height (one byte each), the number of glyphs (two
// bytes), the code points in ascending order (two bytes each, big endian), and
// the glyphs, row by row from the top, leftmost dot in the highest bit, rows
// padded to whole bytes. The files are made by scripts/fontpack from the
// package xfonts-base of Debian.
package font

import (
	_ "embed" // the font files
	"sort"
)

//go:generate go run ../../scripts/fontpack -o 5x8.font /usr/share/fonts/X11/misc/5x8.pcf.gz
//go:generate go run ../../scripts/fontpack -o 6x10.font /usr/share/fonts/X11/misc/6x10.pcf.gz
//go:generate go run ../../scripts/fontpack -o 6x13.font /usr/share/fonts/X11/misc/6x13.pcf.gz
//go:generate go run ../../scripts/fontpack -ascii -o 10x20.font /usr/share/fonts/X11/misc/10x20.pcf.gz

//go:embed 5x8.font
var file5x8 string

//go:embed 6x10.font
var file6x10 string

//go:embed 6x13.font
var file6x13 string

//go:embed 10x20.font
var file10x20 string

// Replacement is drawn for a character the font lacks.
const Replacement = '\uFFFD'

// Font is one fixed-width bitmap font; every glyph fills a cell of Width by
// Height dots. The zero Font has no glyphs.
type Font struct {
	Width, Height int
	codes, bits   string
}

// Fixed5x8 is for footers: 25 characters across 128 dots.
func Fixed5x8() Font { return parse(file5x8) }

// Fixed6x10 is the text font: 21 characters across 128 dots.
func Fixed6x10() Font { return parse(file6x10) }

// Fixed6x13 is for headings: 21 taller characters across 128 dots.
func Fixed6x13() Font { return parse(file6x13) }

// Fixed10x20 is for counts; it has ASCII only.
func Fixed10x20() Font { return parse(file10x20) }

func parse(file string) Font {
	n := int(file[2])<<8 | int(file[3])
	return Font{
		Width:  int(file[0]),
		Height: int(file[1]),
		codes:  file[4 : 4+2*n],
		bits:   file[4+2*n:],
	}
}

// Has reports whether the font can draw r.
func (f Font) Has(r rune) bool { return f.find(r) >= 0 }

// Dot reports whether the dot x, y of r's cell is lit. A character the font
// lacks is drawn as Replacement, and as an empty cell where that is missing
// too. A dot outside the cell is dark.
func (f Font) Dot(r rune, x, y int) bool {
	if x < 0 || y < 0 || x >= f.Width || y >= f.Height {
		return false
	}
	i := f.find(r)
	if i < 0 {
		if i = f.find(Replacement); i < 0 {
			return false
		}
	}
	stride := (f.Width + 7) / 8
	return f.bits[(i*f.Height+y)*stride+x/8]&(0x80>>(x%8)) != 0
}

// find returns the index of r's glyph, or -1.
func (f Font) find(r rune) int {
	n := len(f.codes) / 2
	i := sort.Search(n, func(i int) bool { return f.code(i) >= r })
	if i < n && f.code(i) == r {
		return i
	}
	return -1
}

func (f Font) code(i int) rune { return rune(f.codes[2*i])<<8 | rune(f.codes[2*i+1]) }
