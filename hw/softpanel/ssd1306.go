package softpanel

import "posthorn/hw"

// SSD1306 is Solomon Systech's controller (data sheet revision 1.1): 128
// columns of RAM that cannot be read back over I2C, three addressing modes, a
// charge pump that is off after power-on.
type SSD1306 struct {
	oled
	id                  byte
	mode                byte
	colStart, colEnd    int
	pageStart, pageLast int
}

// NewSSD1306 returns a chip with glass of the size, which must be one of dots.
// id is the low part of its status byte: 3 or 6 on the original, others on
// clones.
func NewSSD1306(size hw.Size, id byte) *SSD1306 {
	return &SSD1306{oled: oled{size: size, columns: 128}, id: id & 0x3f}
}

// Addressing modes, data sheet 10.1.3.
const (
	modeHorizontal = 0
	modeVertical   = 1
	modePage       = 2
)

// PowerOn implements Chip.
func (c *SSD1306) PowerOn() {
	c.powerOn()
	c.pump, c.mode = false, modePage
	c.colStart, c.colEnd, c.pageStart, c.pageLast = 0, 127, 0, 7
}

// Start implements Chip.
func (c *SSD1306) Start() { c.begin() }

// Write implements Chip.
func (c *SSD1306) Write(b byte) { c.route(b, c.command, c.data) }

// Read implements Chip: over I2C only the status can be read.
func (c *SSD1306) Read() byte { return c.status(c.id) }

// Glass implements Chip.
func (c *SSD1306) Glass() Glass { return c.glass() }

func (c *SSD1306) command(b byte) {
	if !c.collect(b, ssd1306Arguments) {
		return
	}
	if c.common() {
		return
	}
	a := c.args
	switch a[0] {
	case 0x20:
		c.mode = a[1] & 3
	case 0x21:
		c.colStart, c.colEnd = int(a[1]&0x7f), int(a[2]&0x7f)
		c.column = c.colStart
	case 0x22:
		c.pageStart, c.pageLast = int(a[1]&7), int(a[2]&7)
		c.page = c.pageStart
	case 0x8d:
		c.pump = a[1]&4 != 0
	case 0x26, 0x27, 0x29, 0x2a, 0x2e, 0x2f, 0xa3: // scrolling, which nobody starts
	default:
		c.Unknown = append(c.Unknown, a[0])
	}
}

// ssd1306Arguments is how many bytes follow a command, data sheet table 9-1.
func ssd1306Arguments(b byte) int {
	switch b {
	case 0x20, 0x81, 0x8d, 0xa8, 0xd3, 0xd5, 0xd9, 0xda, 0xdb:
		return 1
	case 0x21, 0x22, 0xa3:
		return 2
	case 0x29, 0x2a:
		return 5
	case 0x26, 0x27:
		return 6
	}
	return 0
}

func (c *SSD1306) data(b byte) {
	c.ram[c.page][c.column&0x7f] = b
	switch c.mode {
	case modePage:
		c.column = (c.column + 1) & 0x7f
	case modeHorizontal:
		if c.column++; c.column > c.colEnd {
			c.column = c.colStart
			c.page = c.nextPage()
		}
	case modeVertical:
		if c.page == c.pageLast {
			if c.column++; c.column > c.colEnd {
				c.column = c.colStart
			}
		}
		c.page = c.nextPage()
	}
}

func (c *SSD1306) nextPage() int {
	if c.page == c.pageLast {
		return c.pageStart
	}
	return (c.page + 1) & 7
}
