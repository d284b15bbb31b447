package lcd

import (
	"bytes"
	"testing"

	"posthorn/hw"
	"posthorn/hw/softpanel"
)

func newDev(t *testing.T) (*Dev, *softpanel.Bus) {
	t.Helper()
	bus := &softpanel.Bus{}
	bus.Plug(0x27, softpanel.NewLCD(hw.Text16x2))
	d, err := New(bus, 0x27, hw.Text16x2)
	if err != nil {
		t.Fatal(err)
	}
	return d, bus
}

// TestCharset shows every character a frame may hold, and '?' for others.
func TestCharset(t *testing.T) {
	const can = " !#$%&'()*+,-./0123456789:;<=>@AZ[]^_`az{|}äöüßñ°→✉⚠✓░█"
	d, bus := newDev(t)
	for _, r := range can + "?" {
		f := hw.NewFrame(hw.Text16x2)
		f.Put(7, 1, r)
		if err := d.Show(f); err != nil {
			t.Fatal(err)
		}
		if g, _ := bus.Glass(0x27); g.Frame.Line(1)[7] != r {
			t.Errorf("%c looks like %c", r, g.Frame.Line(1)[7])
		}
	}
	for _, r := range "\\~éя漢\x00\u007f\u0080" {
		if encode(r) != '?' {
			t.Errorf("%q is sent as %#x", r, encode(r))
		}
	}
}

// TestWireOrder checks what the picture cannot: RS is stable before E rises
// (data sheet figure 25, tAS), for each of the two directions it changes in.
func TestWireOrder(t *testing.T) {
	d, _ := newDev(t)
	f := hw.NewFrame(hw.Text16x2)
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	f.Put(2, 0, 'A')
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	want := []byte{
		0x08,                   // an instruction comes
		0x8c, 0x88, 0x2c, 0x28, // 0x82: third place of the first line
		0x09,                   // data comes
		0x4d, 0x49, 0x1d, 0x19, // 0x41
	}
	if !bytes.Equal(d.buf, want) {
		t.Errorf("sent % x, want % x", d.buf, want)
	}
}

func TestNoSuchDisplay(t *testing.T) {
	if _, err := New(&softpanel.Bus{}, 0x27, hw.Dots128x64); err == nil {
		t.Error("an LCD of dots was taken")
	}
}
