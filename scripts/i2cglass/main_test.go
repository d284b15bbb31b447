package main

import (
	"testing"

	"posthorn/hw"
)

// TestBench pulls a display out by its file and puts it back.
func TestBench(t *testing.T) {
	b := &bench{dir: t.TempDir(), out: map[uint16]bool{}}
	if err := b.plug("lcd-20x4@0x27"); err != nil {
		t.Fatal(err)
	}
	answers := func() bool { b.pull(); return b.bus.Tx(0x27, []byte{0x08}, nil) == nil }
	if !answers() {
		t.Error("the display does not answer")
	}
	if err := replace(b.file(0x27)+".out", ""); err != nil {
		t.Fatal(err)
	}
	if answers() {
		t.Error("the display answers though it is out")
	}
	if g, _ := b.bus.Glass(0x27); g.Frame.Size() != hw.Text20x4 || g.Brightness != 0 {
		t.Errorf("pulled out, the glass is %v, brightness %d", g.Frame.Size(), g.Brightness)
	}
	for _, bad := range []string{"", "sh1106", "sh1106@", "sh1106@0x80", "tv@0x3c"} {
		if b.plug(bad) == nil {
			t.Errorf("display %q was taken", bad)
		}
	}
}
