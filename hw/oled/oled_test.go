package oled

import (
	"bytes"
	"errors"
	"testing"

	"posthorn/hw"
	"posthorn/hw/softpanel"
)

func newDev(t *testing.T, cfg Config, chip softpanel.Chip) (*Dev, *softpanel.Bus) {
	t.Helper()
	bus := &softpanel.Bus{}
	cfg.Addr = 0x3c
	bus.Plug(0x3c, chip)
	d, err := New(bus, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d, bus
}

// TestRotated shows a frame on a module mounted upside down: on the glass as
// the chip has it, the picture is turned by half.
func TestRotated(t *testing.T) {
	for _, cfg := range []Config{
		{Rotated: true},
		{Rotated: true, Size: hw.Dots128x32},
		{Rotated: true, Chip: SH1106},
	} {
		var chip softpanel.Chip = softpanel.NewSSD1306(cfg.Size, 3)
		if cfg.Chip == SH1106 {
			chip = softpanel.NewSH1106()
		}
		d, bus := newDev(t, cfg, chip)
		f := hw.NewFrame(cfg.Size)
		f.Set(3, 1, true)
		if err := d.Show(f); err != nil {
			t.Fatal(err)
		}
		want := hw.NewFrame(cfg.Size)
		want.Set(127-3, cfg.Size.Height()-1-1, true)
		if g, _ := bus.Glass(0x3c); !g.Frame.Equal(want) {
			t.Errorf("%v:\n%v", d, g)
		}
	}
}

// TestOffset moves the picture on clones wired to other columns.
func TestOffset(t *testing.T) {
	d, bus := newDev(t, Config{Chip: SH1106, Offset: 2}, softpanel.NewSH1106())
	f := hw.NewFrame(hw.Dots128x64)
	f.Set(10, 0, true)
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	if g, _ := bus.Glass(0x3c); !g.Frame.Lit(12, 0) {
		t.Errorf("not two columns to the right:\n%v", g)
	}
}

// deaf is a module whose status byte cannot be read, as cheap ones are wired:
// it always reads the same.
type deaf struct{ *softpanel.SSD1306 }

func (deaf) Read() byte { return 0 }

func TestModuleWithoutStatus(t *testing.T) {
	d, bus := newDev(t, Config{}, deaf{softpanel.NewSSD1306(hw.Dots128x64, 3)})
	f := hw.NewFrame(hw.Dots128x64)
	f.Set(1, 1, true)
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	if err := d.Alive(); err != nil {
		t.Errorf("taken for dead: %v", err)
	}
	bus.Unplug(0x3c)
	if err := d.Alive(); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("unplugged: %v", err)
	}
}

// TestOneTransferForOneRun sends a changed column as the data sheet has it
// (SSD1306 8.1.5.2): three commands, then data.
func TestOneTransferForOneRun(t *testing.T) {
	d, _ := newDev(t, Config{}, softpanel.NewSSD1306(hw.Dots128x64, 3))
	f := hw.NewFrame(hw.Dots128x64)
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	f.Set(0x25, 9, true)
	f.Set(0x27, 9, true)
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	want := []byte{0x80, 0xb1, 0x80, 0x05, 0x80, 0x12, 0x40, 0x02, 0x00, 0x02}
	if !bytes.Equal(d.buf, want) {
		t.Errorf("sent % x, want % x", d.buf, want)
	}
}

func TestNoSuchModule(t *testing.T) {
	for _, cfg := range []Config{
		{Size: hw.Text16x2},
		{Chip: SH1106, Size: hw.Dots128x32},
		{Offset: -1}, {Offset: 5},
	} {
		if _, err := New(&softpanel.Bus{}, cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
