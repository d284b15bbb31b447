package softpanel

import "posthorn/hw"

// SH1106 is Sino Wealth's controller (data sheet version 2.3), sold as an
// SSD1306 on 1.3 inch modules: 132 columns of RAM of which the glass shows the
// middle 128, page addressing only, RAM that can be read back.
type SH1106 struct {
	oled
	modify      bool // between E0 and EE: reading leaves the column alone
	saved       int
	latch       byte
	latchLoaded bool
}

// NewSH1106 returns a chip with glass of 128 by 64 dots.
func NewSH1106() *SH1106 {
	return &SH1106{oled: oled{size: hw.Dots128x64, columns: 132, first: 2}}
}

// sh1106ID is the low part of its status byte.
const sh1106ID = 0x08

// PowerOn implements Chip.
func (c *SH1106) PowerOn() {
	c.powerOn()
	c.pump, c.modify, c.latchLoaded = true, false, false
}

// Start implements Chip.
func (c *SH1106) Start() { c.begin() }

// Write implements Chip.
func (c *SH1106) Write(b byte) { c.route(b, c.command, c.data) }

// Read implements Chip: RAM after a control byte for data, status otherwise.
// The first byte of RAM read after the address was set is the old latch.
func (c *SH1106) Read() byte {
	if c.control&controlData == 0 {
		return c.status(sh1106ID)
	}
	out := c.latch
	if c.latchLoaded {
		out = c.cell()
		if !c.modify {
			c.column++
		}
	}
	c.latch, c.latchLoaded = c.cell(), true
	return out
}

// Glass implements Chip.
func (c *SH1106) Glass() Glass { return c.glass() }

func (c *SH1106) command(b byte) {
	if !c.collect(b, sh1106Arguments) {
		return
	}
	c.latchLoaded = false
	if c.common() {
		return
	}
	switch b := c.args[0]; b {
	case 0xad:
		c.pump = c.args[1]&1 != 0
	case 0xe0:
		c.modify, c.saved = true, c.column
	case 0xee:
		c.modify, c.column = false, c.saved
	case 0x30, 0x31, 0x32, 0x33: // voltage of the pump
	default:
		c.Unknown = append(c.Unknown, b)
	}
}

// sh1106Arguments is how many bytes follow a command, data sheet page 28.
func sh1106Arguments(b byte) int {
	switch b {
	case 0x81, 0xa8, 0xad, 0xd3, 0xd5, 0xd9, 0xda, 0xdb:
		return 1
	}
	return 0
}

// data writes one byte; past the last column it is lost.
func (c *SH1106) data(b byte) {
	if c.column < 132 {
		c.ram[c.page][c.column] = b
		c.column++
	}
	c.latchLoaded = false
}

func (c *SH1106) cell() byte {
	if c.column < 132 {
		return c.ram[c.page][c.column]
	}
	return 0
}
