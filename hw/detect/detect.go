// Package detect finds and opens the screen, the LED and the button.
//
// Looking for a display means talking to devices that may be anything, so it
// is done with care: never on x86, where the buses carry memory modules and
// board controllers; never on a bus that belongs to a monitor; never at an
// address a kernel driver has (the kernel would let us); only at the four
// addresses displays are sold with; and never on a bus a running box holds.
// What cannot be read, such as 32 or 64 rows, has to be said.
package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/sysfs"

	"posthorn/hw"
	"posthorn/hw/lcd"
	"posthorn/hw/oled"
	"posthorn/hw/softpanel"
)

// Machine is the board to look at.
type Machine struct {
	Sys  string // where sysfs is mounted
	Arch string // as in GOARCH
	// OpenBus opens /dev/i2c-N, for us alone.
	OpenBus func(n int) (i2c.BusCloser, error)
}

// Host returns the machine this program runs on.
func Host() *Machine {
	return &Machine{Sys: "/sys", Arch: runtime.GOARCH, OpenBus: openBus}
}

// Errors of looking for a display.
var (
	// ErrNotHere means that this machine's buses are not ours to ask.
	ErrNotHere = errors.New("looking for a display is not safe on a PC: its I2C buses carry memory modules and board controllers; name the display with --display MODEL@BUS:ADDR")
	// ErrNoBus means that no I2C bus is enabled.
	ErrNoBus = errors.New("no I2C bus is enabled; on a Raspberry Pi put dtparam=i2c_arm=on into config.txt, on other boards enable the overlay")
	// ErrNoDisplay means that no display answered.
	ErrNoDisplay = errors.New("no display answers on the I2C buses; check that it has power, and that SDA and SCL are not swapped")
	// ErrBusy means that another process holds the bus.
	ErrBusy = errors.New("in use by another process; a running box shows its display on its page")
)

// autoAddrs are the addresses of displays as they are sold: OLEDs at 0x3c or,
// with a jumper, 0x3d; LCDs at 0x27 or 0x3f.
func autoAddrs() []uint16 { return []uint16{0x3c, 0x3d, 0x27, 0x3f} }

// scanAddrs are all that displays can be set to.
func scanAddrs() []uint16 {
	var all []uint16
	for a := uint16(0x20); a <= 0x27; a++ {
		all = append(all, a, a+0x18)
	}
	slices.Sort(all)
	return all
}

// MayProbe reports whether looking for devices does no harm on this kind of
// machine.
func (m *Machine) MayProbe() bool { return m.Arch != "amd64" && m.Arch != "386" }

// Bus is an I2C bus of the machine.
type Bus struct {
	Number int
	Name   string
	// Skipped says why it is not to be asked; "" if it may.
	Skipped string
}

// Buses lists the I2C buses by number.
func (m *Machine) Buses() []Bus {
	dirs, _ := filepath.Glob(filepath.Join(m.Sys, "class/i2c-dev/i2c-*"))
	monitors := m.monitors()
	var buses []Bus
	for _, dir := range dirs {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "i2c-"))
		if err != nil {
			continue
		}
		name, _ := os.ReadFile(filepath.Join(dir, "name"))
		b := Bus{Number: n, Name: strings.TrimSpace(string(name))}
		switch {
		case monitors[n] || isMonitor(b.Name):
			b.Skipped = "belongs to a monitor (HDMI)"
		case !m.MayProbe():
			b.Skipped = "a PC's own"
		}
		buses = append(buses, b)
	}
	slices.SortFunc(buses, func(a, b Bus) int { return a.Number - b.Number })
	return buses
}

// monitors returns the buses that monitors are read by: those a graphics
// driver has linked, and those the device tree gives to one, loaded or not.
func (m *Machine) monitors() map[int]bool {
	found := map[int]bool{}
	ddc := m.ddcHandles()
	nodes, _ := filepath.Glob(filepath.Join(m.Sys, "class/i2c-dev/i2c-*/device/of_node/phandle"))
	for _, file := range nodes {
		handle, err := os.ReadFile(file)
		dir := strings.TrimSuffix(file, "/device/of_node/phandle")
		n, bad := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "i2c-"))
		if err == nil && bad == nil && ddc[string(handle)] {
			found[n] = true
		}
	}
	links, _ := filepath.Glob(filepath.Join(m.Sys, "class/drm/*/ddc"))
	for _, l := range links {
		target, err := os.Readlink(l)
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(target), "i2c-")); err == nil {
			found[n] = true
		}
	}
	return found
}

// ddcHandles collects the handles of buses that nodes of the device tree name
// as the way to their monitor.
func (m *Machine) ddcHandles() map[string]bool {
	found := map[string]bool{}
	root := filepath.Join(m.Sys, "firmware/devicetree/base")
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what can't be read names no bus; a board may have no tree
		}
		if name := d.Name(); !d.IsDir() && (name == "ddc" || name == "ddc-i2c-bus") {
			if handle, err := os.ReadFile(path); err == nil {
				found[string(handle)] = true
			}
		}
		return nil
	})
	return found
}

// isMonitor knows the buses of monitors by their names, for drivers that do
// not link them.
func isMonitor(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"hdmi", "ddc", "dpdc", "aux", "vga", "edid"}, func(word string) bool {
		return strings.Contains(lower, word)
	})
}

// owned reports whether a kernel driver has the address. I2C_RDWR would let us
// talk to the device behind its back.
func (m *Machine) owned(bus int, addr uint16) bool {
	_, err := os.Lstat(filepath.Join(m.Sys, "bus/i2c/devices", fmt.Sprintf("%d-%04x", bus, addr), "driver"))
	return err == nil
}

// Finding is what is at an address.
type Finding struct {
	Bus  int
	Addr uint16
	Kind Kind
}

// model is the one to assume for what was found; "" if it is no display.
func (f Finding) model() string {
	switch f.Kind {
	case SSD1306:
		return "ssd1306-128x64"
	case SH1106:
		return "sh1106"
	case Expander:
		return "lcd-16x2"
	}
	return ""
}

// Spec returns how to name the display found, and false if it is none.
func (f Finding) Spec() (Spec, bool) {
	s := Spec{Where: OnBus, Model: f.model(), Bus: f.Bus, Addr: f.Addr}
	return s, s.Model != ""
}

// Scan asks every address a display can have on one bus. Addresses where
// nothing answers are left out. An OLED is dark afterwards until a frame is
// shown.
func (m *Machine) Scan(bus int) ([]Finding, error) { return m.ask(bus, scanAddrs()) }

func (m *Machine) ask(n int, addrs []uint16) ([]Finding, error) {
	bus, err := m.OpenBus(n)
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	var found []Finding
	for _, addr := range addrs {
		f := Finding{Bus: n, Addr: addr, Kind: Owned}
		if !m.owned(n, addr) {
			f.Kind = probe(bus, addr)
		}
		if f.Kind != Nothing {
			found = append(found, f)
		}
	}
	return found, nil
}

// Find looks for a display, of the kind of model if one is given.
func (m *Machine) Find(model string) (Spec, error) {
	if !m.MayProbe() {
		return Spec{}, ErrNotHere
	}
	buses := slices.DeleteFunc(m.Buses(), func(b Bus) bool { return b.Skipped != "" })
	if len(buses) == 0 {
		return Spec{}, ErrNoBus
	}
	var failed error
	for _, b := range buses {
		found, err := m.ask(b.Number, autoAddrs())
		if err != nil {
			failed = err
			continue
		}
		for _, f := range found {
			s, ok := f.Spec()
			if !ok || model != "" && isLCD(model) != isLCD(s.Model) {
				continue
			}
			if model != "" {
				s.Model = model
			}
			return s, nil
		}
	}
	if failed != nil {
		return Spec{}, failed
	}
	return Spec{}, ErrNoDisplay
}

// Display opens the display of a spec that names a bus, or finds one; it
// returns nil and no error for Nowhere. Closing the display closes the bus.
func (m *Machine) Display(s Spec) (hw.Display, error) {
	switch s.Where {
	case Nowhere:
		return nil, nil
	case Terminal, Soft:
		d, _, err := SoftDisplay(s)
		return d, err
	case Auto:
		found, err := m.Find(s.Model)
		if err != nil {
			return nil, err
		}
		found.Rotated, found.Offset = s.Rotated, s.Offset
		s = found
	}
	if m.owned(s.Bus, s.Addr) {
		return nil, fmt.Errorf("display %v: a kernel driver uses that address; remove its overlay first", s)
	}
	bus, err := m.OpenBus(s.Bus)
	if err != nil {
		return nil, fmt.Errorf("display %v: %w", s, err)
	}
	d, err := open(bus, s)
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return d, nil
}

// SoftDisplay returns a display made of software, and what it shows.
func SoftDisplay(s Spec) (hw.Display, func() softpanel.Glass, error) {
	bus := &softpanel.Bus{}
	var chip softpanel.Chip
	switch {
	case isLCD(s.Model):
		s.Addr, chip = 0x27, softpanel.NewLCD(modelSize(s.Model))
	case s.Model == "sh1106":
		s.Addr, chip = 0x3c, softpanel.NewSH1106()
	default:
		s.Addr, chip = 0x3c, softpanel.NewSSD1306(modelSize(s.Model), 3)
	}
	bus.Plug(s.Addr, chip)
	d, err := open(bus, s)
	glass := func() softpanel.Glass {
		g, _ := bus.Glass(s.Addr)
		return g
	}
	return d, glass, err
}

// open starts the driver of a model.
func open(bus i2c.BusCloser, s Spec) (d hw.Display, err error) {
	if isLCD(s.Model) {
		d, err = lcd.New(bus, s.Addr, modelSize(s.Model))
	} else {
		d, err = oled.New(bus, s.oledConfig())
	}
	if err != nil {
		return nil, err
	}
	return &owner{d, bus}, nil
}

// owner is a display with a bus of its own.
type owner struct {
	hw.Display
	bus i2c.BusCloser
}

// Close closes both.
func (o *owner) Close() error { return errors.Join(o.Display.Close(), o.bus.Close()) }

// String names the display within.
func (o *owner) String() string { return fmt.Sprint(o.Display) }

// lockedBus is a bus that no other careful process will talk on.
type lockedBus struct {
	i2c.BusCloser
	lock *os.File
}

// openBus opens a bus of this machine. The lock is advisory: it keeps a scan
// from blanking the display of a running box.
func openBus(n int) (i2c.BusCloser, error) {
	lock, err := os.OpenFile(fmt.Sprintf("/dev/i2c-%d", n), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening I2C bus %d: %w", n, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("I2C bus %d: %w", n, ErrBusy), lock.Close())
	}
	bus, err := sysfs.NewI2C(n)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening I2C bus %d: %w", n, err), lock.Close())
	}
	return &lockedBus{bus, lock}, nil
}

// Close gives the bus free.
func (b *lockedBus) Close() error { return errors.Join(b.BusCloser.Close(), b.lock.Close()) }
