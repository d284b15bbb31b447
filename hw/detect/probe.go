package detect

import (
	"bytes"

	"periph.io/x/conn/v3/i2c"
)

// Kind is what a probe found at an address.
type Kind uint8

const (
	// Nothing answered.
	Nothing Kind = iota
	// Owned means that a kernel driver has the address; it was not asked.
	Owned
	// Other answered but is no display we know; it was left alone.
	Other
	// SSD1306 is an OLED; whether it has 64 or 32 rows cannot be read.
	SSD1306
	// SH1106 is an OLED.
	SH1106
	// Expander is a PCF8574, as behind an LCD; its size cannot be read.
	Expander
)

// String says it in words for people.
func (k Kind) String() string {
	switch k {
	case Nothing:
		return "nothing"
	case Owned:
		return "used by a kernel driver, left alone"
	case SSD1306:
		return "an OLED with SSD1306 (128x64, or 128x32)"
	case SH1106:
		return "an OLED with SH1106 (128x64)"
	case Expander:
		return "an I/O expander, as behind an LCD (16x2, or 20x4)"
	}
	return "something that is not a display we know, left alone"
}

// probe asks the device at addr what it is. It does so with the least that can
// tell, because the device may be anything: a read of one byte first, and
// writes only of what does nothing to the chips we look for. An OLED is dark
// afterwards and its RAM has changed.
func probe(bus i2c.Bus, addr uint16) Kind {
	var b [1]byte
	if bus.Tx(addr, nil, b[:]) != nil {
		return Nothing
	}
	// 0x20 to 0x27 are the PCF8574; the PCF8574A has 0x38 to 0x3f, where the
	// OLEDs are, too.
	if addr < 0x38 {
		return probeExpander(bus, addr)
	}
	// Display off, for an OLED, whose status byte has bit 6 set then. An
	// expander drives its pins with 0xae and reads them back: bit 6 is clear.
	// An LCD behind it may pull the upper half, but not the lower.
	if bus.Tx(addr, []byte{0x80, 0xae}, nil) != nil || bus.Tx(addr, nil, b[:]) != nil {
		return Other
	}
	if b[0]&0x40 == 0 {
		if b[0]&0x0f != 0x0e {
			return Other
		}
		return probeExpander(bus, addr) // which also lets go of the LCD's E
	}
	return probeOLED(bus, addr)
}

// probeExpander writes the lamp's pin alone and reads it back, on and off.
// With E low an LCD takes notice of nothing.
func probeExpander(bus i2c.Bus, addr uint16) Kind {
	for _, v := range []byte{0x08, 0x00} {
		var b [1]byte
		if bus.Tx(addr, []byte{v}, nil) != nil || bus.Tx(addr, nil, b[:]) != nil || b[0] != v {
			return Other
		}
	}
	return Expander
}

// probeOLED writes bytes to RAM and reads them back. An SH1106 gives them,
// after one that means nothing; an SSD1306 gives its status, always the same.
// The low bits of the status would tell as well, but clones have others.
func probeOLED(bus i2c.Bus, addr uint16) Kind {
	home := []byte{0x80, 0xb0, 0x80, 0x02, 0x80, 0x10}
	for _, v := range []byte{0xa5, 0x5a, 0xc3} {
		var r [2]byte
		if bus.Tx(addr, home, nil) != nil ||
			bus.Tx(addr, []byte{0x40, v}, nil) != nil ||
			bus.Tx(addr, home, nil) != nil ||
			bus.Tx(addr, []byte{0x40}, r[:]) != nil {
			return Other
		}
		if !bytes.Contains(r[:], []byte{v}) {
			return SSD1306
		}
	}
	return SH1106
}
