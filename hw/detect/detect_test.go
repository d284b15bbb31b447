package detect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/i2c"

	"posthorn/hw"
	"posthorn/hw/led"
	"posthorn/hw/softpanel"
)

// board is a machine with sysfs in a directory and buses of software.
type board struct {
	*Machine
	buses map[int]*softpanel.Bus
}

func newBoard(t *testing.T, arch string) *board {
	b := &board{buses: map[int]*softpanel.Bus{}}
	b.Machine = &Machine{Sys: t.TempDir(), Arch: arch, OpenBus: func(n int) (i2c.BusCloser, error) {
		bus := b.buses[n]
		if bus == nil {
			return nil, os.ErrNotExist
		}
		return bus, nil
	}}
	return b
}

// add gives the board a bus.
func (b *board) add(t *testing.T, n, name string) *softpanel.Bus {
	t.Helper()
	dir := filepath.Join(b.Sys, "class/i2c-dev", "i2c-"+n)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "name"), []byte(name+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bus := &softpanel.Bus{}
	b.buses[int(n[0]-'0')] = bus
	return bus
}

// sensor is a device that is no display: it answers with a register.
type sensor struct{ value byte }

func (s *sensor) PowerOn()               {}
func (s *sensor) Start()                 {}
func (s *sensor) Write(byte)             {}
func (s *sensor) Read() byte             { return s.value }
func (s *sensor) Glass() softpanel.Glass { return softpanel.Glass{} }

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name string
		addr uint16
		chip softpanel.Chip
		want Kind
	}{
		{"nothing", 0x3c, nil, Nothing},
		{"SSD1306", 0x3c, softpanel.NewSSD1306(hw.Dots128x64, 3), SSD1306},
		{"SSD1306 of another maker", 0x3c, softpanel.NewSSD1306(hw.Dots128x64, 6), SSD1306},
		{"SSD1306 clone", 0x3d, softpanel.NewSSD1306(hw.Dots128x32, 4), SSD1306},
		{"SH1106", 0x3c, softpanel.NewSH1106(), SH1106},
		{"PCF8574", 0x27, softpanel.NewLCD(hw.Text16x2), Expander},
		{"PCF8574A", 0x3f, softpanel.NewLCD(hw.Text20x4), Expander},
		{"PCF8574A where OLEDs are", 0x3c, softpanel.NewLCD(hw.Text16x2), Expander},
		{"sensor at 0x27", 0x27, &sensor{0x60}, Other},
		{"sensor at 0x3c", 0x3c, &sensor{0x1c}, Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			bus := &softpanel.Bus{}
			if test.chip != nil {
				bus.Plug(test.addr, test.chip)
			}
			if got := probe(bus, test.addr); got != test.want {
				t.Errorf("found %v, want %v", got, test.want)
			}
			if n := bus.Stats().Transfers; n > 20 {
				t.Errorf("%d transfers", n)
			}
			if test.chip == nil {
				return
			}
			if g, _ := bus.Glass(test.addr); g.Frame != nil && test.want != Expander && g.Brightness != 0 {
				t.Error("the probe lit the display")
			}
		})
	}
}

// TestProbeAgainAfterUse finds a display that a driver has used before.
func TestProbeAgainAfterUse(t *testing.T) {
	for _, model := range Models() {
		b := newBoard(t, "arm64")
		bus := b.add(t, "1", "bcm2835 (i2c@7e804000)")
		plug(bus, model)
		for range 2 {
			s, err := b.Find(model)
			if err != nil || s.Model != model {
				t.Fatalf("%s: found %v, %v", model, s, err)
			}
			d, err := b.Display(s)
			if err != nil {
				t.Fatal(err)
			}
			f := hw.NewFrame(d.Size())
			f.Set(5, 5, true)
			f.Put(5, 1, 'x')
			if err := d.Show(f); err != nil {
				t.Fatal(err)
			}
			if g, _ := bus.Glass(s.Addr); !g.Frame.Equal(f) {
				t.Errorf("%s shows\n%v", model, g)
			}
		}
	}
}

func plug(bus *softpanel.Bus, model string) {
	switch model {
	case "sh1106":
		bus.Plug(0x3c, softpanel.NewSH1106())
	case "lcd-16x2", "lcd-20x4":
		bus.Plug(0x27, softpanel.NewLCD(modelSize(model)))
	default:
		bus.Plug(0x3c, softpanel.NewSSD1306(modelSize(model), 3))
	}
}

// TestOwnedAddressIsNotTouched has a kernel driver at the display's address.
func TestOwnedAddressIsNotTouched(t *testing.T) {
	b := newBoard(t, "arm64")
	bus := b.add(t, "1", "bcm2835 (i2c@7e804000)")
	plug(bus, "sh1106")
	if err := os.MkdirAll(filepath.Join(b.Sys, "bus/i2c/devices/1-003c/driver"), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := b.Scan(1)
	if err != nil || !slices.Contains(found, Finding{1, 0x3c, Owned}) {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := b.Find(""); !errors.Is(err, ErrNoDisplay) {
		t.Errorf("find: %v", err)
	}
	if _, err := b.Display(Spec{Where: OnBus, Model: "sh1106", Bus: 1, Addr: 0x3c}); err == nil {
		t.Error("opened a display the kernel has")
	}
	g, _ := bus.Glass(0x3c)
	if bytes := bus.Stats().Bytes; g.Brightness != 0 || bytes > 2*16 {
		t.Errorf("%d bytes went over the bus", bytes)
	}
}

func TestBusesThatAreNotOurs(t *testing.T) {
	b := newBoard(t, "arm64")
	for n, name := range map[string]string{"0": "fef04500.i2c", "2": "vc4-hdmi DDC", "3": "DPDC-A"} {
		plug(b.add(t, n, name), "sh1106")
	}
	drm := filepath.Join(b.Sys, "class/drm/card0-HDMI-A-1")
	if err := os.MkdirAll(drm, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../i2c-0", filepath.Join(drm, "ddc")); err != nil {
		t.Fatal(err)
	}
	// A Raspberry Pi whose graphics driver is not loaded: the bus is known by
	// its place in the device tree alone.
	plug(b.add(t, "4", "bcm2835 (i2c@7e805000)"), "sh1106")
	for file, handle := range map[string]string{
		"class/i2c-dev/i2c-4/device/of_node/phandle":     "\x00\x00\x00\x1d",
		"firmware/devicetree/base/soc/hdmi@7e902000/ddc": "\x00\x00\x00\x1d",
	} {
		file = filepath.Join(b.Sys, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(handle), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Find(""); !errors.Is(err, ErrNoBus) {
		t.Errorf("with monitors only: %v", err)
	}
	plug(b.add(t, "5", "bcm2835 (i2c@7e804000)"), "lcd-16x2")
	if s, err := b.Find(""); err != nil || s.String() != "lcd-16x2@5:0x27" {
		t.Errorf("found %v, %v", s, err)
	}
	for n, bus := range b.buses {
		if n != 5 && bus.Stats().Transfers != 0 {
			t.Errorf("bus %d was asked", n)
		}
	}
}

func TestNeverOnAPC(t *testing.T) {
	for _, arch := range []string{"amd64", "386"} {
		b := newBoard(t, arch)
		bus := b.add(t, "0", "SMBus I801 adapter at efa0")
		plug(bus, "sh1106")
		if _, err := b.Find(""); !errors.Is(err, ErrNotHere) {
			t.Errorf("%s: %v", arch, err)
		}
		if b.Buses()[0].Skipped == "" {
			t.Error("a PC's bus may be scanned")
		}
		if l, err := b.LED("auto"); l != nil || !errors.Is(err, led.ErrNone) {
			t.Errorf("LED %v, %v", l, err)
		}
		if bus.Stats().Transfers != 0 {
			t.Error("the bus was asked")
		}
	}
}

func TestSpec(t *testing.T) {
	for text, want := range map[string]string{
		"": "none", "none": "none", "auto": "auto",
		"terminal": "terminal:ssd1306-128x64", "soft:lcd-20x4": "soft:lcd-20x4",
		"sh1106": "sh1106", "ssd1306-128x32@1:0x3d": "ssd1306-128x32@1:0x3d",
		"lcd-16x2@i2c-0:39": "lcd-16x2@0:0x27", "auto,rotated": "auto,rotated",
		"sh1106@1:0x3c,offset=2,rotated": "sh1106@1:0x3c,rotated,offset=2",
	} {
		s, err := ParseSpec(text)
		if err != nil || s.String() != want {
			t.Errorf("%q is %v, %v; want %s", text, s, err, want)
		}
	}
	for text, want := range map[string]string{
		"big": "none of auto", "sh1106@1": "BUS:ADDR", "sh1106@x:0x3c": "BUS:ADDR",
		"sh1106@1:0x90": "address", "sh1106@1:0x03": "address", "auto,upside": "unknown option",
		"auto,offset=9": "offset", "terminal:tv": "none of auto",
	} {
		if _, err := ParseSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something on %q", text, err, want)
		}
	}
}

func TestGPIOSpec(t *testing.T) {
	chip, line, high, err := parseGPIO("gpio:pinctrl-bcm2711:17")
	if chip != "pinctrl-bcm2711" || line != 17 || high || err != nil {
		t.Errorf("%q %d %v %v", chip, line, high, err)
	}
	if chip, line, high, err = parseGPIO("gpio:fe200000.gpio:4:high"); chip != "fe200000.gpio" || line != 4 || !high || err != nil {
		t.Errorf("%q %d %v %v", chip, line, high, err)
	}
	for _, bad := range []string{"", "gpio", "gpio:17", "gpio::17", "gpio:chip:x", "17"} {
		if _, _, _, err := parseGPIO(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSoftDisplay(t *testing.T) {
	for _, model := range Models() {
		s := Spec{Where: Soft, Model: model}
		d, glass, err := SoftDisplay(s)
		if err != nil {
			t.Fatal(err)
		}
		f := hw.NewFrame(d.Size())
		f.Set(1, 1, true)
		f.Put(1, 1, 'y')
		if err := d.Show(f); err != nil {
			t.Fatal(err)
		}
		if !glass().Frame.Equal(f) {
			t.Errorf("%s shows\n%v", model, glass())
		}
	}
}

func TestNoDisplayWanted(t *testing.T) {
	m := newBoard(t, "arm64")
	if d, err := m.Display(Spec{}); d != nil || err != nil {
		t.Errorf("display %v, %v", d, err)
	}
	if l, err := m.LED("none"); l != nil || err != nil {
		t.Errorf("LED %v, %v", l, err)
	}
	if b, err := m.Button("none"); b != nil || err != nil {
		t.Errorf("button %v, %v", b, err)
	}
	if _, err := m.LED("ACT"); err == nil || !strings.Contains(err.Error(), "the LEDs of this machine: none") {
		t.Errorf("an LED that is not there: %v", err)
	}
}
