package detect

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/host/v3/gpioioctl"

	"posthorn/hw"
	"posthorn/hw/button"
	"posthorn/hw/led"
)

// LED opens the LED that --led names: "none" or "" (nil, no error), "auto", an
// LED of the LED class, or gpio:CHIP:LINE. With auto, a board without an LED
// meant for us gives led.ErrNone.
func (m *Machine) LED(spec string) (hw.LED, error) {
	root := filepath.Join(m.Sys, "class/leds")
	switch {
	case spec == "" || spec == "none":
		return nil, nil
	case strings.HasPrefix(spec, "gpio:"):
		line, _, err := gpioLine(spec)
		if err != nil {
			return nil, err
		}
		return led.OnPin(line), nil
	case spec == "auto":
		if !m.MayProbe() {
			return nil, led.ErrNone
		}
		name, err := led.Pick(root)
		if err != nil {
			return nil, err
		}
		spec = name
	}
	k, err := led.Open(root, spec)
	if err != nil {
		names := led.Names(root)
		if len(names) == 0 {
			names = []string{"none"}
		}
		return nil, fmt.Errorf("%w; the LEDs of this machine: %s", err, strings.Join(names, " "))
	}
	return k, nil
}

// Button opens the button that --button names: "none" or "" (nil, no error),
// or gpio:CHIP:LINE for one that connects the line to ground. With ":high"
// after it, it connects the line to the supply.
func (m *Machine) Button(spec string) (hw.Button, error) {
	if spec == "" || spec == "none" {
		return nil, nil
	}
	line, high, err := gpioLine(spec)
	if err != nil {
		return nil, err
	}
	return button.OnPin(line, !high)
}

// parseGPIO reads gpio:CHIP:LINE, and whether :high follows.
func parseGPIO(spec string) (chip string, line int, high bool, err error) {
	rest, ok := strings.CutPrefix(spec, "gpio:")
	rest, high = strings.CutSuffix(rest, ":high")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at <= 0 {
		return "", 0, false, fmt.Errorf("%q is not of the form gpio:CHIP:LINE, for example gpio:gpiochip0:17", spec)
	}
	n, err := strconv.ParseUint(rest[at+1:], 10, 16)
	if err != nil {
		return "", 0, false, fmt.Errorf("%q: the line is a number, counted from 0 on its chip", spec)
	}
	return rest[:at], int(n), high, nil
}

// gpioLine finds a line by its chip's name or label and its number; names of
// lines differ between kernels.
func gpioLine(spec string) (*gpioioctl.GPIOLine, bool, error) {
	chip, n, high, err := parseGPIO(spec)
	if err != nil {
		return nil, false, err
	}
	if _, err := driverreg.Init(); err != nil {
		return nil, false, fmt.Errorf("%s: looking for GPIO chips: %w", spec, err)
	}
	var have []string
	for _, c := range gpioioctl.Chips {
		have = append(have, fmt.Sprintf("%s (%s)", c.Name(), c.Label()))
		if c.Name() != chip && c.Label() != chip {
			continue
		}
		if n >= c.LineCount() {
			return nil, false, fmt.Errorf("%s: the chip has lines 0 to %d", spec, c.LineCount()-1)
		}
		return c.ByNumber(n), high, nil
	}
	if have == nil {
		return nil, false, fmt.Errorf("%s: %w", spec, errNoGPIO)
	}
	return nil, false, fmt.Errorf("%s: there is no such GPIO chip; this machine has: %s", spec, strings.Join(have, ", "))
}

var errNoGPIO = errors.New("this machine has no GPIO chip that may be opened; is the program allowed to read /dev/gpiochip0?")
