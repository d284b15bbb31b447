package softpanel

import (
	"posthorn/hw"
)

// LCD is a Hitachi HD44780U with ROM A00 (data sheet ADE-207-272) behind an
// NXP PCF8574, wired as all backpacks are: P0 RS, P1 RW, P2 E, P3 lamp, P4 to
// P7 the upper half of the data bus.
type LCD struct {
	size hw.Size
	port byte

	fourBit  bool
	high     bool // the next nibble is the lower one
	nibble   byte
	twoLines bool
	on       bool
	leftward bool
	ddram    [0x80]byte
	cgram    [0x40]byte
	address  int
	inCGRAM  bool
}

// NewLCD returns an LCD of a text size.
func NewLCD(size hw.Size) *LCD { return &LCD{size: size} }

// Bits of the port.
const (
	lcdRS   = 0x01
	lcdRW   = 0x02
	lcdE    = 0x04
	lcdLamp = 0x08
)

// PowerOn implements Chip: the port is all ones; the LCD's own reset leaves it
// with eight bits, one line, display off, and blanks.
func (c *LCD) PowerOn() {
	*c = LCD{size: c.size, port: 0xff}
	for i := range c.ddram {
		c.ddram[i] = ' '
	}
}

// Start implements Chip.
func (c *LCD) Start() {}

// Write implements Chip: a new state of the port. The LCD takes a nibble when
// E falls.
func (c *LCD) Write(b byte) {
	fell := c.port&lcdE != 0 && b&lcdE == 0
	// The data bus is sampled while E is high, so what counts is the old
	// port; RS must have been there before E rose.
	old := c.port
	c.port = b
	if !fell || old&lcdRW != 0 {
		return
	}
	c.take(old>>4, old&lcdRS != 0)
}

// Read implements Chip: the pins, which follow the port.
func (c *LCD) Read() byte { return c.port }

func (c *LCD) take(nibble byte, data bool) {
	if !c.fourBit {
		c.execute(nibble<<4, data)
		return
	}
	if !c.high {
		c.nibble, c.high = nibble, true
		return
	}
	c.high = false
	c.execute(c.nibble<<4|nibble, data)
}

func (c *LCD) execute(b byte, data bool) {
	if data {
		c.store(b)
		return
	}
	switch {
	case b&0x80 != 0:
		c.address, c.inCGRAM = int(b&0x7f), false
	case b&0x40 != 0:
		c.address, c.inCGRAM = int(b&0x3f), true
	case b&0x20 != 0:
		c.fourBit, c.twoLines = b&0x10 == 0, b&0x08 != 0
	case b&0x10 != 0: // cursor or display shift
	case b&0x08 != 0:
		c.on = b&0x04 != 0
	case b&0x04 != 0:
		c.leftward = b&0x02 == 0
	case b&0x02 != 0:
		c.address, c.inCGRAM = 0, false
	case b&0x01 != 0:
		for i := range c.ddram {
			c.ddram[i] = ' '
		}
		c.address, c.inCGRAM, c.leftward = 0, false, false
	}
}

func (c *LCD) store(b byte) {
	step := 1
	if c.leftward {
		step = -1
	}
	if c.inCGRAM {
		c.cgram[c.address&0x3f] = b
		c.address = (c.address + step) & 0x3f
		return
	}
	c.ddram[c.address&0x7f] = b
	c.address = (c.address + step) & 0x7f
}

// Glass implements Chip.
func (c *LCD) Glass() Glass {
	g := Glass{Frame: hw.NewFrame(c.size)}
	if c.port&lcdLamp != 0 {
		g.Brightness = 0xff
	}
	if !c.on {
		return g
	}
	for row := range c.size.Height() {
		if row%2 == 1 && !c.twoLines {
			continue
		}
		start := row % 2 * 0x40
		if row >= 2 {
			start += c.size.Width()
		}
		for col := range c.size.Width() {
			g.Frame.Put(col, row, c.character(c.ddram[start+col]))
		}
	}
	return g
}

// character says what a code looks like in ROM A00, or in the character
// generator RAM.
func (c *LCD) character(code byte) rune {
	switch {
	case code < 0x10:
		var rows [8]byte
		copy(rows[:], c.cgram[code&7*8:])
		for _, g := range hw.Glyphs() {
			if g.Rows == rows {
				return g.Rune
			}
		}
		return '▒' // something else than we taught it
	case code == '\\':
		return '¥'
	case code == '~':
		return '→'
	case code >= 0x20 && code < 0x7e:
		return rune(code)
	}
	switch code {
	case 0xdf:
		return '°'
	case 0xe1:
		return 'ä'
	case 0xe2:
		return 'ß'
	case 0xee:
		return 'ñ'
	case 0xef:
		return 'ö'
	case 0xf5:
		return 'ü'
	case 0xff:
		return '█'
	}
	return '▒'
}
