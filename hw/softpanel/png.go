package softpanel

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"posthorn/hw"
	"posthorn/hw/font"
)

// Geometry of the picture, in pixels: one dot of the display is drawn as a
// square with a gap, as it looks through a lens.
const (
	dotPitch = 6
	dotSize  = 5
	margin   = 18
	cellGap  = 5 // between the characters of an LCD
)

// Indices of the palette.
const (
	bezel = iota
	unlit
	lit
	backlight
)

// PNG writes a picture that looks like the glass: bluish dots on black for an
// OLED, white characters on blue for an LCD. Brightness shows.
func (g Glass) PNG(w io.Writer) error {
	img := g.image()
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img); err != nil {
		return fmt.Errorf("writing the picture of the screen: %w", err)
	}
	return nil
}

func (g Glass) image() *image.Paletted {
	if g.Frame.Size().IsText() {
		return g.lcdImage()
	}
	size := g.Frame.Size()
	img := image.NewPaletted(image.Rect(0, 0, size.Width()*dotPitch+2*margin, size.Height()*dotPitch+2*margin), g.palette())
	for y := range size.Height() {
		for x := range size.Width() {
			c := uint8(unlit)
			if g.Frame.Lit(x, y) {
				c = lit
			}
			square(img, margin+x*dotPitch, margin+y*dotPitch, c)
		}
	}
	return img
}

// lcdImage draws characters of five by eight dots. The forms are those of
// our 5x8 font, not of the chip's ROM.
func (g Glass) lcdImage() *image.Paletted {
	size, face := g.Frame.Size(), font.Fixed5x8()
	cellW, cellH := 5*dotPitch+cellGap, 8*dotPitch+cellGap
	img := image.NewPaletted(image.Rect(0, 0, size.Width()*cellW+2*margin, size.Height()*cellH+2*margin), g.palette())
	for i := range img.Pix {
		img.Pix[i] = backlight
	}
	for row := range size.Height() {
		for col, r := range g.Frame.Line(row) {
			dot := glyphDots(face, r)
			for y := range 8 {
				for x := range 5 {
					c := uint8(unlit)
					if dot(x, y) {
						c = lit
					}
					square(img, margin+col*cellW+x*dotPitch, margin+row*cellH+y*dotPitch, c)
				}
			}
		}
	}
	return img
}

func square(img *image.Paletted, left, top int, c uint8) {
	for y := range dotSize {
		row := img.Pix[(top+y)*img.Stride+left:]
		for x := range dotSize {
			row[x] = c
		}
	}
}

// palette is bezel, unlit dot, lit dot, and the LCD's background.
func (g Glass) palette() color.Palette {
	if !g.Frame.Size().IsText() {
		// The eye sees much of a low contrast as brightness still.
		b := 90 + int(g.Brightness)*165/0xff
		return color.Palette{
			bezel:     color.RGBA{4, 5, 8, 255},
			unlit:     color.RGBA{12, 14, 20, 255},
			lit:       color.RGBA{uint8(b * 190 / 255), uint8(b * 235 / 255), uint8(b), 255},
			backlight: color.RGBA{4, 5, 8, 255},
		}
	}
	if g.Brightness == 0 {
		return color.Palette{
			bezel:     color.RGBA{16, 20, 26, 255},
			unlit:     color.RGBA{18, 23, 46, 255},
			lit:       color.RGBA{92, 100, 120, 255},
			backlight: color.RGBA{14, 18, 38, 255},
		}
	}
	return color.Palette{
		bezel:     color.RGBA{16, 20, 26, 255},
		unlit:     color.RGBA{36, 62, 190, 255},
		lit:       color.RGBA{236, 242, 255, 255},
		backlight: color.RGBA{28, 50, 170, 255},
	}
}

// glyphDots returns a function that tells which dots of a character are lit.
func glyphDots(face font.Font, r rune) func(x, y int) bool {
	for _, g := range hw.Glyphs() {
		if g.Rune == r {
			return func(x, y int) bool { return g.Rows[y]&(0x10>>x) != 0 }
		}
	}
	return func(x, y int) bool { return face.Dot(r, x, y) }
}
