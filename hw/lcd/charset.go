package lcd

import "posthorn/hw"

// encode returns the code of a character in ROM A00 of the HD44780U (data
// sheet table 4), or the place of one of our own glyphs.
func encode(r rune) byte {
	for i, g := range hw.Glyphs() {
		if g.Rune == r {
			return byte(i)
		}
	}
	switch r {
	case '\\', '~': // yen sign and arrow in this ROM
		return '?'
	case '°':
		return 0xdf
	case 'ä':
		return 0xe1
	case 'ß':
		return 0xe2
	case 'ñ':
		return 0xee
	case 'ö':
		return 0xef
	case 'ü':
		return 0xf5
	case '→':
		return 0x7e
	}
	if r >= ' ' && r <= '}' {
		return byte(r)
	}
	return '?'
}
