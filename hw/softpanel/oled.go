package softpanel

import (
	"math/rand/v2"

	"posthorn/hw"
)

// Control bytes, SSD1306 data sheet 8.1.5.2: the top bit says that only one
// byte follows, the next one whether it is data.
const (
	controlOne  = 0x80
	controlData = 0x40
)

// statusOff is bit 6 of the status byte of both chips: the display is off.
const statusOff = 0x40

// oled is what SSD1306 and SH1106 have in common: control bytes, RAM in pages
// of eight rows, and registers that say how it gets to the glass.
type oled struct {
	size    hw.Size
	columns int // of RAM
	first   int // RAM column at the left edge of the glass, with A1

	ram     [8][132]byte
	on      bool
	pump    bool
	allOn   bool
	invert  bool
	bright  byte
	mux     int // rows driven, less one
	offset  int
	start   int
	segment bool // A1
	com     bool // C8
	pins    byte
	page    int
	column  int

	control   byte
	wantData  bool // the next byte is neither a control byte nor a command
	inStream  bool // a control byte has opened a stream
	args      []byte
	argsLeft  int
	noiseSeed uint64
	// Unknown lists commands the chip does not have, in the order they came.
	Unknown []byte
}

// powerOn sets the values of the data sheets' reset; RAM is noise, and
// different each time.
func (o *oled) powerOn() {
	o.noiseSeed++
	rng := rand.New(rand.NewPCG(o.noiseSeed, 1306))
	for p := range o.ram {
		for x := range o.ram[p] {
			o.ram[p][x] = byte(rng.Uint32())
		}
	}
	o.on, o.allOn, o.invert = false, false, false
	o.bright, o.mux, o.offset, o.start = 0x7f, 63, 0, 0
	o.segment, o.com, o.pins = false, false, 0x12
	o.page, o.column = 0, 0
	o.args, o.argsLeft, o.Unknown = nil, 0, nil
	o.begin()
}

// begin is the start condition: a control byte is due.
func (o *oled) begin() {
	o.inStream, o.wantData = false, false
}

// route takes one byte of a transfer and hands it on as command or data.
func (o *oled) route(b byte, command, data func(byte)) {
	if !o.inStream && !o.wantData {
		o.control = b
		o.wantData = b&controlOne != 0
		o.inStream = !o.wantData
		return
	}
	o.wantData = false
	if o.control&controlData != 0 {
		data(b)
		return
	}
	command(b)
}

// collect gathers a command and its n arguments; it reports true when the
// last one is in, with all of them in o.args.
func (o *oled) collect(b byte, arguments func(byte) int) bool {
	if o.argsLeft > 0 {
		o.args = append(o.args, b)
		o.argsLeft--
		return o.argsLeft == 0
	}
	o.args = append(o.args[:0], b)
	o.argsLeft = arguments(b)
	return o.argsLeft == 0
}

// common carries out the commands both chips share; it reports false for
// others.
func (o *oled) common() bool {
	b := o.args[0]
	switch {
	case b <= 0x0f:
		o.column = o.column&0xf0 | int(b)
	case b <= 0x1f:
		o.column = o.column&0x0f | int(b&0x0f)<<4
	case b >= 0x40 && b <= 0x7f:
		o.start = int(b & 0x3f)
	case b == 0x81:
		o.bright = o.args[1]
	case b == 0xa0 || b == 0xa1:
		o.segment = b == 0xa1
	case b == 0xa4 || b == 0xa5:
		o.allOn = b == 0xa5
	case b == 0xa6 || b == 0xa7:
		o.invert = b == 0xa7
	case b == 0xa8:
		o.mux = int(o.args[1] & 0x3f)
	case b == 0xae || b == 0xaf:
		o.on = b == 0xaf
	case b >= 0xb0 && b <= 0xb7:
		o.page = int(b & 7)
	case b == 0xc0 || b == 0xc8:
		o.com = b == 0xc8
	case b == 0xd3:
		o.offset = int(o.args[1] & 0x3f)
	case b == 0xda:
		o.pins = o.args[1]
	case b == 0xd5 || b == 0xd9 || b == 0xdb || b == 0xe3: // clock, precharge, VCOMH, nop
	default:
		return false
	}
	return true
}

// status is the byte a read gives.
func (o *oled) status(id byte) byte {
	if o.on {
		return id
	}
	return statusOff | id
}

// glass turns RAM into what is lit.
func (o *oled) glass() Glass {
	g := Glass{Frame: hw.NewFrame(o.size)}
	if !o.on || !o.pump {
		return g
	}
	g.Brightness = o.bright
	h := o.size.Height()
	for y := range h {
		line, ok := o.line(y)
		if !ok {
			continue
		}
		row := (line + o.start) % 64
		ram, mask := &o.ram[row/8], byte(1)<<(row%8)
		column, step := o.first, 1
		if !o.segment {
			column, step = o.columns-1-o.first, -1
		}
		page := g.Frame.Page(y / 8)
		for x := range page {
			if lit := o.allOn || ram[column]&mask != 0; lit != o.invert {
				page[x] |= 1 << (y % 8)
			}
			column += step
		}
	}
	return g
}

// line says which line of the scan lights row y of the glass, and false where
// none does. Modules are mounted so that A1 and C8 give an upright picture.
func (o *oled) line(y int) (int, bool) {
	h := o.size.Height()
	// The rows of tall glass are wired to the two halves of the COM pins in
	// turn (DA with bit 4 set), those of flat glass in sequence. The wrong
	// setting interleaves the rows.
	alternate := o.pins&0x10 != 0
	if wired := h == 64; wired != alternate {
		y = y%2*h/2 + y/2
	}
	if !o.com {
		y = o.mux - y
	}
	if y < 0 || y > o.mux {
		return 0, false
	}
	return (y + o.offset) % 64, true
}
