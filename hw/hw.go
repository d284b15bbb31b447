// Package hw holds the nouns of the box's outside: a Display, an LED, a
// Button, and the Frame a display shows. Drivers live in the packages beside
// this one; whoever decides what to show knows only these nouns.
//
//	hw/oled       SSD1306 and SH1106 on I2C
//	hw/lcd        HD44780 behind a PCF8574 on I2C
//	hw/led        the kernel's LED class, or a GPIO line
//	hw/button     a GPIO line with edges
//	hw/softpanel  an I2C bus made of software: what the glass would show
//	hw/detect     which of these are there
//	hw/font       bitmap fonts
//
// Nothing here imports another package of ours, and nothing is needed to run:
// a board without any of it is a mail box all the same.
package hw

import "context"

// Display is a screen. Its methods may take as long as the bus does (100 ms
// for a full frame at 100 kHz, a second per transfer on a stuck bus), so they
// belong to one goroutine that nothing waits for. They must not be called
// concurrently.
type Display interface {
	// Size says which frames it takes.
	Size() Size
	// Show brings the glass to f by sending what differs. After any error
	// the display counts as lost: the next Show starts the chip anew and
	// sends everything, so calling it again is all there is to recovery. A
	// display stays dark until its first frame is in. It fails if f has
	// another size.
	Show(f *Frame) error
	// Light sets how bright the glass is from now on; the frame is kept.
	Light(l Light) error
	// Alive asks the chip whether it is still the one that was set up. It
	// costs a few bytes; call it every 5 to 10 seconds, so that a screen
	// pulled out and put back is noticed while nothing changes.
	Alive() error
	// Close makes the glass dark and lets go of it.
	Close() error
}

// Light is the brightness of a display.
type Light uint8

const (
	// Full is for the day: half of what an OLED can do, which is bright
	// enough indoors and spares it; an LCD's lamp is on.
	Full Light = iota
	// Dim is for the night: the least an OLED can do; an LCD's lamp is off.
	Dim
	// Off is dark: an OLED's charge pump rests, an LCD shows nothing.
	Off
)

// String returns the name of the brightness.
func (l Light) String() string {
	switch l {
	case Full:
		return "full"
	case Dim:
		return "dim"
	}
	return "off"
}

// LED is one light of one colour.
type LED interface {
	// Blink starts a pattern and returns; it goes on until the next call.
	Blink(p Pattern) error
	// Close puts the LED back to what it was before.
	Close() error
}

// Button is one push button.
type Button interface {
	// Wait returns the next change, bounces removed: true when the button
	// goes down, false when it is let go. It returns ctx's error when ctx
	// ends, and any other error when the button is out of order.
	Wait(ctx context.Context) (down bool, err error)
	// Close lets go of the line.
	Close() error
}
