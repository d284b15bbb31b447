// Package button reads a push button on a GPIO line, by the edges the kernel
// reports (GPIO character device, line API version 2, Linux 5.10).
//
// A contact bounces for some milliseconds. After an edge the level is read
// once it has had time to settle, and only a level that differs from the last
// one reported is a change; so a glitch is nothing at all, and no press longer
// than the settling time is missed.
package button

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Settle is how long after an edge the contact is at rest.
const Settle = 30 * time.Millisecond

// wait is how long one wait for an edge takes at most. It must be positive:
// periph's gpioioctl takes a negative one for "do not wait", against the
// contract of package gpio (periph/host#78). It also bounds how late the end
// of a context is seen, and how late a change is noticed whose edge was lost.
const wait = time.Second

// Line is what of a gpio.PinIn a button needs.
type Line interface {
	Name() string
	In(gpio.Pull, gpio.Edge) error
	Read() gpio.Level
	WaitForEdge(timeout time.Duration) bool
	Halt() error
}

// GPIO is a button; it implements hw.Button.
type GPIO struct {
	pin  Line
	down gpio.Level // the level of a pressed button
	is   bool
}

// OnPin sets the line up and returns the button. One that connects the line to
// ground is pressed when the line is low, and is given a pull-up.
func OnPin(pin Line, activeLow bool) (*GPIO, error) {
	b := &GPIO{pin: pin, down: gpio.High}
	pull := gpio.PullDown
	if activeLow {
		b.down, pull = gpio.Low, gpio.PullUp
	}
	err := pin.In(pull, gpio.BothEdges)
	if err != nil { // not every GPIO chip has resistors; the board may have one
		err = pin.In(gpio.PullNoChange, gpio.BothEdges)
	}
	if err != nil {
		return nil, fmt.Errorf("button: setting up %s as an input: %w", pin.Name(), err)
	}
	return b, nil
}

// String returns the line's name.
func (b *GPIO) String() string { return "button on " + b.pin.Name() }

// Wait implements hw.Button.
func (b *GPIO) Wait(ctx context.Context) (bool, error) {
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if b.pin.WaitForEdge(wait) {
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-time.After(Settle):
			}
		}
		if down := b.pin.Read() == b.down; down != b.is {
			b.is = down
			return down, nil
		}
	}
}

// Close implements hw.Button.
func (b *GPIO) Close() error {
	if err := b.pin.Halt(); err != nil {
		return fmt.Errorf("button: letting go of %s: %w", b.pin.Name(), err)
	}
	return nil
}
