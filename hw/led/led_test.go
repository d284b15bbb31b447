package led

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"posthorn/hw"
)

// class lays out a directory like /sys/class/leds with one LED.
func class(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// act is the activity LED of a Raspberry Pi, with every trigger's files there.
func act(t *testing.T, triggers string) string {
	return class(t, "ACT", map[string]string{
		"max_brightness": "1", "brightness": "0", "trigger": triggers,
		"pattern": "", "repeat": "", "delay_on": "", "delay_off": "",
	})
}

func read(t *testing.T, root, name, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func double() hw.Pattern {
	return hw.Flashes(2, 120*time.Millisecond, 120*time.Millisecond, 1640*time.Millisecond)
}

func TestKernelPattern(t *testing.T) {
	root := act(t, "none timer pattern [mmc0]")
	k, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Blink(double()); err != nil {
		t.Fatal(err)
	}
	const want = "1 120 1 0 0 120 0 0 1 120 1 0 0 1640 0 0"
	if got := read(t, root, "ACT", "pattern"); got != want {
		t.Errorf("pattern %q, want %q", got, want)
	}
	if got := read(t, root, "ACT", "trigger"); got != "pattern" {
		t.Errorf("trigger %q", got)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "ACT", "trigger"); got != "mmc0" {
		t.Errorf("after Close the trigger is %q, it was mmc0", got)
	}
}

func TestKernelTimer(t *testing.T) {
	root := act(t, "[none] timer")
	k, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	p := hw.Flashes(1, 100*time.Millisecond, 0, 200*time.Millisecond)
	if err := k.Blink(p); err != nil {
		t.Fatal(err)
	}
	on, off := read(t, root, "ACT", "delay_on"), read(t, root, "ACT", "delay_off")
	if on != "100" || off != "200" || read(t, root, "ACT", "trigger") != "timer" {
		t.Errorf("timer %s/%s", on, off)
	}
}

func TestKernelSteady(t *testing.T) {
	root := class(t, "ACT", map[string]string{"max_brightness": "255", "brightness": "7", "trigger": "[none]"})
	k, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[bool]string{true: "255", false: "0"} {
		if err := k.Blink(hw.Pattern{{On: p}}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, root, "ACT", "brightness"); got != want {
			t.Errorf("brightness %s, want %s", got, want)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "ACT", "brightness"); got != "7" {
		t.Errorf("after Close brightness is %s, it was 7", got)
	}
}

// TestWithoutTriggers blinks from here, and stops when told.
func TestWithoutTriggers(t *testing.T) {
	root := class(t, "ACT", map[string]string{"max_brightness": "1", "brightness": "0", "trigger": "[none]"})
	synctest.Test(t, func(t *testing.T) {
		k, err := Open(root, "ACT")
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Blink(double()); err != nil {
			t.Fatal(err)
		}
		var seen string
		for range 10 {
			synctest.Wait()
			seen += read(t, root, "ACT", "brightness")
			time.Sleep(120 * time.Millisecond)
		}
		if seen != "1010000000" {
			t.Errorf("every 120 ms: %s, want two flashes", seen)
		}
		if err := k.Blink(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if read(t, root, "ACT", "brightness") != "0" {
			t.Error("it still blinks")
		}
	})
}

// TestAfterAKill opens an LED that still blinks for a process that is gone.
func TestAfterAKill(t *testing.T) {
	root := act(t, "none timer [pattern]")
	k, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Blink(double()); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "ACT", "trigger"); got != "none" {
		t.Errorf("it goes on blinking: trigger %q", got)
	}
}

func TestPick(t *testing.T) {
	for name, want := range map[string]string{
		"ACT": "ACT", "led0": "led0", "orangepi:green:status": "orangepi:green:status",
		"beaglebone:green:usr0": "beaglebone:green:usr0", "input3::capslock": "", "PWR": "",
	} {
		got, err := Pick(class(t, name, nil))
		if got != want || (want == "") != errors.Is(err, ErrNone) {
			t.Errorf("among %s picked %q, %v", name, got, err)
		}
	}
	if _, err := Pick(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, ErrNone) {
		t.Errorf("no LED class: %v", err)
	}
}

func TestRefused(t *testing.T) {
	root := act(t, "[none]")
	for _, name := range []string{"", "..", "../ACT", "absent"} {
		if _, err := Open(root, name); err == nil {
			t.Errorf("opened %q", name)
		}
	}
	k, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	if k.Blink(make(hw.Pattern, hw.MaxSteps+1)) == nil {
		t.Error("took a pattern that is too long")
	}
	if err := os.RemoveAll(filepath.Join(root, "ACT")); err != nil {
		t.Fatal(err)
	}
	if k.Blink(nil) == nil {
		t.Error("no error from an LED that is gone")
	}
}

// line is an output that remembers its level.
type line struct{ level atomic.Bool }

func (l *line) Name() string { return "GPIO17" }

func (l *line) Out(level gpio.Level) error {
	l.level.Store(bool(level))
	return nil
}

func TestGPIO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &line{}
		g := OnPin(pin)
		if err := g.Blink(double()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
		if !pin.level.Load() {
			t.Error("dark in the first flash")
		}
		time.Sleep(120 * time.Millisecond)
		if pin.level.Load() {
			t.Error("lit between the flashes")
		}
		if err := g.Blink(hw.Pattern{{On: true}}); err != nil {
			t.Fatal(err)
		}
		if !pin.level.Load() {
			t.Error("not steadily on")
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if pin.level.Load() {
			t.Error("lit after Close")
		}
	})
}
