package panel

import (
	"testing"

	"periph.io/x/conn/v3/i2c"

	"posthorn/hw"
	"posthorn/hw/lcd"
	"posthorn/hw/oled"
)

// driver opens the display of a size on a bus.
func driver(t *testing.T, bus i2c.Bus, addr uint16, size hw.Size) hw.Display {
	t.Helper()
	if size.IsText() {
		d, err := lcd.New(bus, addr, size)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d, err := oled.New(bus, oled.Config{Addr: addr, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
