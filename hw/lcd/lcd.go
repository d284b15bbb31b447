// Package lcd drives character displays with a Hitachi HD44780 behind a
// PCF8574 "backpack" on I2C.
//
// The expander's eight pins are the LCD's control lines and the upper half of
// its data bus, so a character costs four writes of one byte: two nibbles,
// each with E high and with E low. All of a changed run goes in one transfer.
// At 400 kHz, the fastest the PCF8574's successors allow, characters are still
// 90 µs apart; the LCD needs 37 µs.
//
// Data sheets: Hitachi HD44780U ADE-207-272, NXP PCF8574.
package lcd

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"posthorn/hw"
)

// Pins of the expander, as all backpacks are wired.
const (
	pinRS   = 0x01 // data, not an instruction
	pinE    = 0x04
	pinLamp = 0x08
)

// ErrGone is returned by Alive when the expander answers but has forgotten
// what it was told: it was without power since.
var ErrGone = errors.New("display was without power and has lost its text")

// Dev is one LCD; it implements hw.Display.
type Dev struct {
	dev    i2c.Dev
	size   hw.Size
	shadow []byte // codes on the glass, line by line; nil when not known
	light  hw.Light
	on     bool
	port   byte
	buf    []byte
}

// New returns the display; nothing is sent before the first Show. The bus
// stays the caller's.
func New(bus i2c.Bus, addr uint16, size hw.Size) (*Dev, error) {
	if !size.IsText() {
		return nil, fmt.Errorf("lcd: %v is not the size of a character display", size)
	}
	return &Dev{dev: i2c.Dev{Bus: bus, Addr: addr}, size: size}, nil
}

// Size implements hw.Display.
func (d *Dev) Size() hw.Size { return d.size }

// String names size and place.
func (d *Dev) String() string {
	return fmt.Sprintf("lcd %v at %s address %#x", d.size, d.dev.Bus, d.dev.Addr)
}

// Show implements hw.Display. A start takes 10 ms besides the bus's time.
func (d *Dev) Show(f *hw.Frame) error {
	if f.Size() != d.size {
		return fmt.Errorf("lcd: a frame of %v does not fit a display of %v", f.Size(), d.size)
	}
	if err := d.show(f); err != nil {
		d.forget()
		return fmt.Errorf("lcd: showing a frame on %v: %w", d, err)
	}
	return nil
}

func (d *Dev) show(f *hw.Frame) error {
	w := d.size.Width()
	codes := make([]byte, 0, w*d.size.Height())
	for row := range d.size.Height() {
		for _, r := range f.Line(row) {
			codes = append(codes, encode(r))
		}
	}
	fresh := d.shadow == nil
	if fresh {
		if err := d.start(); err != nil {
			return err
		}
	}
	for row := range d.size.Height() {
		var was []byte
		if !fresh {
			was = d.shadow[row*w : (row+1)*w]
		}
		if err := d.line(row, codes[row*w:(row+1)*w], was); err != nil {
			return err
		}
	}
	d.shadow = codes
	if d.light == hw.Off || d.on {
		return nil
	}
	d.on = true
	return d.instructions(0x0c) // display on, no cursor
}

// start goes through the data sheet's initialisation by instruction (figure
// 24), which works whatever state the chip is in, and teaches it our glyphs.
func (d *Dev) start() error {
	d.on = false
	for i, wait := range []time.Duration{5 * time.Millisecond, 200 * time.Microsecond, 200 * time.Microsecond} {
		if err := d.nibble(0x30); err != nil {
			return fmt.Errorf("step %d of the start: %w", i+1, err)
		}
		time.Sleep(wait)
	}
	if err := d.nibble(0x20); err != nil { // four bits from here on
		return err
	}
	// Four bits and two lines; display off; cursor moves right; clear.
	if err := d.instructions(0x28, 0x08, 0x06, 0x01); err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond) // clearing takes 1.52 ms
	d.begin()
	d.byte(0x40, false) // character generator RAM, place 0
	for _, g := range hw.Glyphs() {
		for _, row := range g.Rows {
			d.byte(row, true)
		}
	}
	return d.flush()
}

// line sends the run of a line that changed; all of it if was is nil.
func (d *Dev) line(row int, codes, was []byte) error {
	first, end := 0, len(codes)
	if was != nil {
		for first < end && codes[first] == was[first] {
			first++
		}
		for end > first && codes[end-1] == was[end-1] {
			end--
		}
	}
	if first == end {
		return nil
	}
	// Lines 3 and 4 are the second halves of lines 1 and 2.
	address := row%2*0x40 + row/2*d.size.Width() + first
	d.begin()
	d.byte(0x80|byte(address), false)
	for _, c := range codes[first:end] {
		d.byte(c, true)
	}
	return d.flush()
}

// Light implements hw.Display. Coming back from Off starts the chip anew; the
// next Show lights it.
func (d *Dev) Light(l hw.Light) error {
	before := d.light
	d.light = l
	if d.shadow == nil || before == l {
		return nil
	}
	var err error
	switch {
	case l == hw.Off:
		d.on = false
		err = d.instructions(0x08)
	case before == hw.Off:
		d.forget()
	default:
		d.begin()
		d.put(d.lamp())
		err = d.flush()
	}
	if err != nil {
		d.forget()
		return fmt.Errorf("lcd: setting the light of %v to %v: %w", d, l, err)
	}
	return nil
}

// Alive implements hw.Display: after power-on the port reads all ones, not
// what was written last.
func (d *Dev) Alive() error {
	if d.shadow == nil {
		return nil // the next Show will tell
	}
	var port [1]byte
	err := d.dev.Tx(nil, port[:])
	if err == nil && port[0] != d.port {
		err = ErrGone
	}
	if err != nil {
		d.forget()
		return fmt.Errorf("lcd: asking %v: %w", d, err)
	}
	return nil
}

// Close implements hw.Display.
func (d *Dev) Close() error {
	d.light = hw.Off
	d.forget()
	if err := d.instructions(0x08); err != nil {
		return fmt.Errorf("lcd: switching off %v: %w", d, err)
	}
	return nil
}

func (d *Dev) forget() { d.shadow, d.on = nil, false }

func (d *Dev) lamp() byte {
	if d.light == hw.Full {
		return pinLamp
	}
	return 0
}

// instructions sends some in one transfer.
func (d *Dev) instructions(codes ...byte) error {
	d.begin()
	for _, c := range codes {
		d.byte(c, false)
	}
	return d.flush()
}

// nibble sends an upper half alone, as the chip expects it while it still
// works with eight bits.
func (d *Dev) nibble(high byte) error {
	d.begin()
	d.put(d.lamp())
	d.put(high | d.lamp() | pinE)
	d.put(high | d.lamp())
	return d.flush()
}

func (d *Dev) begin() { d.buf = d.buf[:0] }

// byte adds both halves of a byte. RS must be stable before E rises (tAS, 40
// ns), which takes a write of its own when RS changes; when it does not, the
// write that lowered E has set it.
func (d *Dev) byte(b byte, data bool) {
	control := d.lamp()
	if data {
		control |= pinRS
	}
	if d.port&pinRS != control&pinRS || len(d.buf) == 0 {
		d.put(control)
	}
	for _, half := range [2]byte{b & 0xf0, b << 4} {
		d.put(half | control | pinE)
		d.put(half | control)
	}
}

func (d *Dev) put(port byte) {
	d.port = port
	d.buf = append(d.buf, port)
}

func (d *Dev) flush() error { return d.dev.Tx(d.buf, nil) }
