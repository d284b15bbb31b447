// Package oled drives the small OLEDs with an SSD1306 or SH1106 on I2C.
//
// Both chips are driven alike: page addressing, one transfer for each run of
// columns that changed, with the three commands that set the address in the
// same transfer as the data. So a fault can leave at most one run half
// written, and after any fault everything is sent again.
//
// The order of a start is: display off, registers, the whole frame, display
// on. Noise in RAM at power-on is never seen. Contrast is half of the most,
// because these displays burn in within months (they lose brightness where
// they are lit); at night it is the least.
//
// Data sheets: Solomon Systech SSD1306 revision 1.1, Sino Wealth SH1106
// version 2.3.
package oled

import (
	"bytes"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"

	"posthorn/hw"
)

// Chip is the controller of the display.
type Chip uint8

const (
	// SSD1306 has 128 columns of RAM and a charge pump to switch on.
	SSD1306 Chip = iota
	// SH1106 has 132 columns of RAM, of which modules show the middle.
	SH1106
)

// String returns the chip's name in lower case.
func (c Chip) String() string {
	if c == SH1106 {
		return "sh1106"
	}
	return "ssd1306"
}

// Control bytes, SSD1306 8.1.5.2: one command follows, or data to the end of
// the transfer. Commands could be sent to the end, too; the form with a control
// byte each is the one every chip and every emulation takes.
const (
	controlCommand = 0x80
	controlData    = 0x40
)

// Contrast for hw.Full and hw.Dim, of 255.
const (
	contrastFull = 0x7f
	contrastDim  = 0x01
)

// ErrGone is returned by Alive when the chip answers but has forgotten what it
// was told: it was without power since.
var ErrGone = errors.New("display was without power and has lost its picture")

// Config says how a module is built.
type Config struct {
	Addr uint16 // on the bus: 0x3c, or 0x3d
	Chip Chip
	Size hw.Size // hw.Dots128x64 or hw.Dots128x32
	// Offset is the RAM column at the left edge of the glass beyond the
	// chip's own: 0 for nearly all; clones of the SH1106 are known that need
	// 2 more.
	Offset int
	// Rotated is true for a module mounted upside down.
	Rotated bool
}

// Dev is one OLED; it implements hw.Display.
type Dev struct {
	dev    i2c.Dev
	cfg    Config
	shadow *hw.Frame // what the glass shows; nil when that is not known
	light  hw.Light
	lit    bool // the display is on
	// reports says that the status byte followed when the display was
	// switched; there are modules it cannot be read from.
	reports bool
	buf     []byte
}

// New returns the display; nothing is sent before the first Show. The bus
// stays the caller's.
func New(bus i2c.Bus, cfg Config) (*Dev, error) {
	if cfg.Size.IsText() || cfg.Chip == SH1106 && cfg.Size != hw.Dots128x64 {
		return nil, fmt.Errorf("oled: there is no %v of size %v", cfg.Chip, cfg.Size)
	}
	if cfg.Offset < 0 || cfg.Offset > 4 {
		return nil, fmt.Errorf("oled: column offset %d is not between 0 and 4", cfg.Offset)
	}
	return &Dev{dev: i2c.Dev{Bus: bus, Addr: cfg.Addr}, cfg: cfg}, nil
}

// Size implements hw.Display.
func (d *Dev) Size() hw.Size { return d.cfg.Size }

// String names chip, size and place.
func (d *Dev) String() string {
	return fmt.Sprintf("%v %v at %s address %#x", d.cfg.Chip, d.cfg.Size, d.dev.Bus, d.cfg.Addr)
}

// Show implements hw.Display. A full frame takes 98 ms at 100 kHz; a changed
// count a few.
func (d *Dev) Show(f *hw.Frame) error {
	if f.Size() != d.cfg.Size {
		return fmt.Errorf("oled: a frame of %v does not fit a display of %v", f.Size(), d.cfg.Size)
	}
	err := d.show(f)
	if err != nil {
		d.forget()
		return fmt.Errorf("oled: showing a frame on %v: %w", d, err)
	}
	return nil
}

func (d *Dev) show(f *hw.Frame) error {
	if d.shadow == nil {
		if err := d.start(); err != nil {
			return err
		}
		if err := d.send(f, nil); err != nil {
			return err
		}
	} else if err := d.send(f, d.shadow); err != nil {
		return err
	}
	d.shadow = f.Clone()
	if d.light == hw.Off || d.lit {
		return nil
	}
	return d.switchOn()
}

// start sets every register we rely on, with the display off.
func (d *Dev) start() error {
	d.lit = false
	if err := d.commands(0xae); err != nil {
		return err
	}
	off, err := d.saysOff()
	if err != nil {
		return err
	}
	d.reports = off
	height := d.cfg.Size.Height()
	pins := byte(0x12) // rows alternate between the two sides of the glass
	if height == 32 {
		pins = 0x02
	}
	segment, com := byte(0xa1), byte(0xc8)
	if d.cfg.Rotated {
		segment, com = 0xa0, 0xc0
	}
	setup := []byte{
		0xd5, 0x80, // clock: as after reset
		0xa8, byte(height - 1), // rows
		0xd3, 0x00, 0x40, // no vertical offset
		segment, com,
		0xda, pins,
		0x81, d.contrast(),
		0xd9, 0xf1, 0xdb, 0x40, // precharge and VCOMH for the charge pump
		0xa4, 0xa6, // show RAM, not inverted
	}
	if d.cfg.Chip == SH1106 {
		setup = append(setup, 0xad, 0x8b) // pump on
	} else {
		setup = append(setup,
			0x2e,       // a scroll left over would move the picture
			0x20, 0x02, // page addressing
			0x8d, 0x14) // charge pump on
	}
	return d.commands(setup...)
}

// switchOn lights the glass, and learns whether the status byte can be
// trusted.
func (d *Dev) switchOn() error {
	if err := d.commands(0xaf); err != nil {
		return err
	}
	d.lit = true
	off, err := d.saysOff()
	if err != nil {
		return err
	}
	d.reports = d.reports && !off
	return nil
}

// Light implements hw.Display. Coming back from Off starts the chip anew,
// because what happened to it in the dark is not known; the glass is then lit
// by the next Show.
func (d *Dev) Light(l hw.Light) error {
	before := d.light
	d.light = l
	if d.shadow == nil || before == l {
		return nil
	}
	var err error
	switch {
	case l == hw.Off:
		err = d.commands(0xae)
		d.lit = false
	case before == hw.Off:
		d.forget()
	default:
		err = d.commands(0x81, d.contrast())
	}
	if err != nil {
		d.forget()
		return fmt.Errorf("oled: setting the light of %v to %v: %w", d, l, err)
	}
	return nil
}

// Alive implements hw.Display. It returns ErrGone when the chip was replaced
// or without power.
func (d *Dev) Alive() error {
	if d.shadow == nil {
		return nil // the next Show will tell
	}
	off, err := d.saysOff()
	if err == nil && d.reports && d.lit == off {
		err = ErrGone
	}
	if err != nil {
		d.forget()
		return fmt.Errorf("oled: asking %v: %w", d, err)
	}
	return nil
}

// Close implements hw.Display: the last frame would stay lit for as long as
// the board has power.
func (d *Dev) Close() error {
	d.forget()
	if err := d.commands(0xae); err != nil {
		return fmt.Errorf("oled: switching off %v: %w", d, err)
	}
	return nil
}

// saysOff sends a command that does nothing and reads bit 6 of the status.
func (d *Dev) saysOff() (bool, error) {
	var status [1]byte
	err := d.dev.Tx([]byte{controlCommand, 0xe3}, status[:])
	return status[0]&0x40 != 0, err
}

// forget makes the next Show begin from nothing.
func (d *Dev) forget() { d.shadow, d.lit = nil, false }

func (d *Dev) contrast() byte {
	if d.light == hw.Dim {
		return contrastDim
	}
	return contrastFull
}

func (d *Dev) commands(c ...byte) error {
	d.buf = d.buf[:0]
	for _, b := range c {
		d.buf = append(d.buf, controlCommand, b)
	}
	return d.dev.Tx(d.buf, nil)
}

// runGap is how many equal columns between two changes are sent rather than
// skipped: a transfer of its own costs eight bytes.
const runGap = 8

// send brings the RAM from old to f; with no old, all of it is sent.
func (d *Dev) send(f, old *hw.Frame) error {
	for p := range f.Pages() {
		page := f.Page(p)
		if old == nil {
			if err := d.run(p, 0, page); err != nil {
				return err
			}
			continue
		}
		was := old.Page(p)
		if bytes.Equal(page, was) {
			continue
		}
		for first := 0; first < len(page); {
			if page[first] == was[first] {
				first++
				continue
			}
			end := first + 1
			for x := end; x < len(page) && x-end < runGap; x++ {
				if page[x] != was[x] {
					end = x + 1
				}
			}
			if err := d.run(p, first, page[first:end]); err != nil {
				return err
			}
			first = end
		}
	}
	return nil
}

// run writes columns of a page in one transfer: three commands, then data to
// the end.
func (d *Dev) run(page, column int, data []byte) error {
	ram := column + d.cfg.Offset
	if d.cfg.Chip == SH1106 {
		ram += 2
	}
	d.buf = append(d.buf[:0],
		controlCommand, 0xb0|byte(page),
		controlCommand, byte(ram&0x0f),
		controlCommand, 0x10|byte(ram>>4),
		controlData)
	d.buf = append(d.buf, data...)
	return d.dev.Tx(d.buf, nil)
}
