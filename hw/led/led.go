// Package led blinks one LED: an LED of the kernel's LED class, or a GPIO
// line where no kernel driver has it.
//
// In the LED class the kernel does the blinking, by its "pattern" or "timer"
// trigger, so nothing wakes up for it and it goes on if the program dies. Both
// may be missing from a kernel; then brightness is written from here. What the
// LED did before is remembered and put back by Close.
//
// Kernel documentation: Documentation/leds/leds-class.rst and
// Documentation/ABI/testing/sysfs-class-led-trigger-pattern.
package led

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/hw"
)

// Root is where the kernel shows its LEDs.
const Root = "/sys/class/leds"

// Kernel is an LED of the LED class; it implements hw.LED.
type Kernel struct {
	dir        string
	brightness string // the most it takes: 1 for a GPIO, often 255
	trigger    string // what it was before
	before     string // its brightness before
	offers     []string
	blinker    blinker
}

// Names lists the LEDs below root.
func Names(root string) []string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// ErrNone is returned by Pick where the board has no LED meant for us.
var ErrNone = errors.New("no activity or status LED on this board")

// Pick returns the name of the LED that a board has for such a purpose: the
// activity LED of a Raspberry Pi, or the one called status on others.
func Pick(root string) (string, error) {
	names := Names(root)
	for _, want := range []string{"ACT", "led0"} {
		if slices.Contains(names, want) {
			return want, nil
		}
	}
	for _, n := range names {
		// devicename:colour:function, Documentation/leds/leds-class.rst
		parts := strings.Split(n, ":")
		switch parts[len(parts)-1] {
		case "status", "usr0", "activity", "heartbeat":
			return n, nil
		}
	}
	return "", ErrNone
}

// Open takes over an LED below root.
func Open(root, name string) (*Kernel, error) {
	if name == "" || name != filepath.Base(name) || name == ".." || name == "." {
		return nil, fmt.Errorf("led: %q is not the name of an LED", name)
	}
	k := &Kernel{dir: filepath.Join(root, name)}
	var err error
	if k.brightness, err = k.read("max_brightness"); err != nil {
		return nil, fmt.Errorf("led: opening %s: %w", name, err)
	}
	if k.before, err = k.read("brightness"); err != nil {
		return nil, fmt.Errorf("led: opening %s: %w", name, err)
	}
	triggers, err := k.read("trigger")
	if err != nil {
		return nil, fmt.Errorf("led: opening %s: %w", name, err)
	}
	for _, t := range strings.Fields(triggers) {
		if inner, ok := strings.CutPrefix(t, "["); ok {
			t = strings.TrimSuffix(inner, "]")
			k.trigger = t
		}
		k.offers = append(k.offers, t)
	}
	if k.trigger == "pattern" || k.trigger == "timer" {
		// Left by a process that was killed, this one most likely. What was
		// there before it is not known; blinking on would be a lie.
		k.trigger, k.before = "none", "0"
	}
	return k, nil
}

// String returns the LED's name and what blinks it.
func (k *Kernel) String() string { return "LED " + filepath.Base(k.dir) }

// Blink implements hw.LED.
func (k *Kernel) Blink(p hw.Pattern) error {
	if len(p) > hw.MaxSteps {
		return fmt.Errorf("led: a pattern of %d steps, the most is %d", len(p), hw.MaxSteps)
	}
	k.blinker.stop()
	if on, steady := p.Steady(); steady {
		return k.failed(k.steady(on))
	}
	switch {
	case k.offered("pattern"):
		return k.failed(k.writeAll("trigger", "pattern", "pattern", k.pattern(p), "repeat", "-1"))
	case len(p) == 2 && p[0].On && !p[1].On && k.offered("timer"):
		return k.failed(k.writeAll("trigger", "timer",
			"delay_on", ms(p[0].For), "delay_off", ms(p[1].For)))
	}
	if err := k.steady(p[0].On); err != nil {
		return k.failed(err)
	}
	k.blinker.start(p, func(on bool) error { return k.write("brightness", k.level(on)) })
	return nil
}

// pattern writes steps the way the kernel reads them: brightness and
// milliseconds. It fades from each to the next, so a step that is to stay as
// it is needs the same brightness once more, for no time.
func (k *Kernel) pattern(p hw.Pattern) string {
	var fields []string
	for _, s := range p {
		fields = append(fields, k.level(s.On), ms(s.For), k.level(s.On), "0")
	}
	return strings.Join(fields, " ")
}

func ms(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }

func (k *Kernel) steady(on bool) error {
	return k.writeAll("trigger", "none", "brightness", k.level(on))
}

// Close implements hw.LED: trigger and brightness are what they were. A
// trigger that needs more than its name, such as a timer, comes back with the
// kernel's own values.
func (k *Kernel) Close() error {
	k.blinker.stop()
	if err := k.writeAll("trigger", "none", "brightness", k.before); err != nil {
		return k.failed(err)
	}
	if k.trigger == "" || k.trigger == "none" {
		return nil
	}
	return k.failed(k.write("trigger", k.trigger))
}

func (k *Kernel) level(on bool) string {
	if on {
		return k.brightness
	}
	return "0"
}

func (k *Kernel) offered(trigger string) bool { return slices.Contains(k.offers, trigger) }

func (k *Kernel) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("led: setting %s: %w", filepath.Base(k.dir), err)
}

// writeAll writes pairs of file and value in their order.
func (k *Kernel) writeAll(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := k.write(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// write must not create: an attribute appears with its trigger or not at all.
func (k *Kernel) write(file, value string) error {
	f, err := os.OpenFile(filepath.Join(k.dir, file), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value + "\n")
	return errors.Join(err, f.Close())
}

func (k *Kernel) read(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(k.dir, file))
	return strings.TrimSpace(string(b)), err
}

// blinker goes through a pattern from here, where the kernel does not.
type blinker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start sets levels until stop, or until one cannot be set.
func (b *blinker) start(p hw.Pattern, set func(on bool) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.cancel, b.done = cancel, done
	go func() {
		defer close(done)
		for i := 0; ; i = (i + 1) % len(p) {
			if set(p[i].On) != nil {
				return // the next Blink will say why
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(max(p[i].For, time.Millisecond)):
			}
		}
	}()
}

// stop waits until the last level is set.
func (b *blinker) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	<-b.done
	b.cancel = nil
}
