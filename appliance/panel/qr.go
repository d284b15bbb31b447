package panel

import "rsc.io/qr"

// code draws a QR code with dark modules on a lit square at the right edge and
// returns the column where it begins; readers refuse the inverse. It draws
// nothing, and returns the edge, when there is no text or it does not fit with
// a margin of one module.
func (c *canvas) code(text string) int {
	edge, high := c.Size().Width(), c.Size().Height()
	code, err := qr.Encode(text, qr.L)
	if text == "" || err != nil {
		return edge
	}
	scale := high / (code.Size + 2)
	if scale == 0 {
		return edge
	}
	// Four dots of margin are two modules at the size that matters.
	side := min(code.Size*scale+8, high)
	left, top := edge-side, (high-side)/2
	c.fill(left, top, side, side)
	at := (side - code.Size*scale) / 2
	for my := range code.Size {
		for mx := range code.Size {
			if code.Black(mx, my) {
				c.invert(left+at+mx*scale, top+at+my*scale, scale, scale)
			}
		}
	}
	return left
}
