package led

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"

	"posthorn/hw"
)

// Output is what of a gpio.PinOut an LED needs.
type Output interface {
	Name() string
	Out(gpio.Level) error
}

// GPIO is an LED on a GPIO line; it implements hw.LED. Prefer a gpio-led
// overlay of the device tree: then the kernel blinks it.
type GPIO struct {
	pin     Output
	blinker blinker
}

// OnPin returns the LED on a line that is high when the LED is lit. The pin
// stays the caller's.
func OnPin(pin Output) *GPIO { return &GPIO{pin: pin} }

// String returns the line's name.
func (g *GPIO) String() string { return "LED on " + g.pin.Name() }

// Blink implements hw.LED.
func (g *GPIO) Blink(p hw.Pattern) error {
	g.blinker.stop()
	first, steady := p.Steady()
	if !steady {
		first = p[0].On
	}
	if err := g.set(first); err != nil {
		return err
	}
	if !steady {
		g.blinker.start(p, g.set)
	}
	return nil
}

// Close implements hw.LED: the LED is off.
func (g *GPIO) Close() error {
	g.blinker.stop()
	return g.set(false)
}

func (g *GPIO) set(on bool) error {
	if err := g.pin.Out(gpio.Level(on)); err != nil {
		return fmt.Errorf("led: setting %s: %w", g.pin.Name(), err)
	}
	return nil
}
