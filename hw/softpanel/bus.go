// Package softpanel is an I2C bus made of software, with displays on it.
//
// It decodes the bytes meant for an SSD1306, an SH1106 or an HD44780 behind a
// PCF8574, as their data sheets say, and holds the picture a person would see:
// noise in RAM at power-on, brightness, inversion, columns that are off by
// two, a second line that is not enabled. A driver that gets the chip wrong
// shows a wrong picture here, so the tests judge drivers by what is on the
// glass, not by the bytes sent.
//
// It is also what runs where there is no display: the picture can be had as a
// PNG that looks like glass, as braille or half-blocks for a terminal, or as a
// box of text.
//
// Displays can be unplugged and put back, a transfer can be made to fail in
// the middle, and the time a real bus would have taken is summed up. No test
// of this package can tell whether real glass agrees with the data sheets.
package softpanel

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"
)

// DefaultSpeed is the clock of an I2C bus nobody has configured.
const DefaultSpeed = 100 * physic.KiloHertz

// ErrNACK is what a transfer ends with when nobody answers at the address, or
// when it was told to fail. Its text is the one of periph's sysfs driver.
var ErrNACK = errors.New("sysfs-i2c: remote I/O error")

// Chip is a display controller as the bus sees it.
type Chip interface {
	// PowerOn puts registers and RAM into the state after power was lost.
	PowerOn()
	// Start begins a transfer.
	Start()
	// Write takes one byte.
	Write(b byte)
	// Read gives one byte.
	Read() byte
	// Glass returns what a person sees.
	Glass() Glass
}

// Stats is what went over the bus.
type Stats struct {
	Transfers int           // calls of Tx, failed ones too
	Bytes     int           // with the address bytes
	Busy      time.Duration // at the bus clock: 9 bits for a byte, start and stop
}

// Bus is an I2C bus; it implements periph's i2c.BusCloser. The zero Bus has no
// device on it and the default speed. It is safe for concurrent use.
type Bus struct {
	mu     sync.Mutex
	chips  map[uint16]Chip
	gone   map[uint16]bool
	speed  physic.Frequency
	stats  Stats
	failAt int
	rng    *rand.Rand
}

// Plug connects a chip, which starts as if power had just come.
func (b *Bus) Plug(addr uint16, c Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chips == nil {
		b.chips, b.gone = map[uint16]Chip{}, map[uint16]bool{}
	}
	b.chips[addr] = c
	delete(b.gone, addr)
	c.PowerOn()
}

// Unplug cuts the chip at addr off the bus and its power; its glass is dark.
func (b *Bus) Unplug(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chips[addr] != nil {
		b.gone[addr] = true
	}
}

// Replug puts the chip back that was unplugged; it has lost everything.
func (b *Bus) Replug(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chips[addr]; c != nil {
		delete(b.gone, addr)
		c.PowerOn()
	}
}

// FailAt makes the n-th transfer from now fail somewhere in its middle: 1 is
// the next one, 0 takes the order back. The bytes before the fault have
// reached the chip.
func (b *Bus) FailAt(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failAt = n
}

// Stats returns the sums since the start, or since the last Reset.
func (b *Bus) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// ResetStats starts the sums anew.
func (b *Bus) ResetStats() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats = Stats{}
}

// Glass returns what a person sees at addr, and false where nothing ever was
// plugged in.
func (b *Bus) Glass(addr uint16) (Glass, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chips[addr]
	if c == nil {
		return Glass{}, false
	}
	g := c.Glass()
	if b.gone[addr] {
		g.Frame.Clear()
		g.Brightness = 0
	}
	return g, true
}

// Tx writes w to the device at addr, then reads into r. Like the kernel's
// I2C_RDWR as periph uses it, an empty transfer succeeds without touching the
// bus.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(w) == 0 && len(r) == 0 {
		return nil
	}
	b.stats.Transfers++
	c := b.chips[addr]
	if c == nil || b.gone[addr] {
		b.count(1)
		return ErrNACK
	}
	if b.failAt > 0 {
		if b.failAt--; b.failAt == 0 {
			return b.fail(c, w)
		}
	}
	c.Start()
	if len(w) > 0 {
		b.count(1 + len(w))
		for _, v := range w {
			c.Write(v)
		}
	}
	if len(r) > 0 {
		b.count(1 + len(r))
		for i := range r {
			r[i] = c.Read()
		}
	}
	return nil
}

// fail lets a random part of w through.
func (b *Bus) fail(c Chip, w []byte) error {
	if b.rng == nil {
		b.rng = rand.New(rand.NewPCG(1, 2))
	}
	n := b.rng.IntN(len(w) + 1)
	b.count(1 + n)
	c.Start()
	for _, v := range w[:n] {
		c.Write(v)
	}
	return ErrNACK
}

// count adds a message of n bytes.
func (b *Bus) count(n int) {
	speed := b.speed
	if speed == 0 {
		speed = DefaultSpeed
	}
	b.stats.Bytes += n
	b.stats.Busy += time.Duration(9*n+2) * speed.Period()
}

// SetSpeed sets the clock that the time on the bus is computed from.
func (b *Bus) SetSpeed(f physic.Frequency) error {
	if f <= 0 {
		return errors.New("softpanel: a bus needs a positive speed")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.speed = f
	return nil
}

// String returns the bus's name.
func (b *Bus) String() string { return "softpanel" }

// Close does nothing: the displays stay plugged in, and so does the picture.
func (b *Bus) Close() error { return nil }
