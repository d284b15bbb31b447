package hw_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"posthorn/hw"
	"posthorn/hw/lcd"
	"posthorn/hw/oled"
	"posthorn/hw/softpanel"
)

// addr is where the displays of these tests are.
const addr = 0x3c

// model is one kind of display: its driver and the chip it talks to.
type model struct {
	name string
	chip func() softpanel.Chip
	open func(i2c.Bus) (hw.Display, error)
}

func oledModel(name string, cfg oled.Config, chip func() softpanel.Chip) model {
	cfg.Addr = addr
	return model{name, chip, func(b i2c.Bus) (hw.Display, error) { return oled.New(b, cfg) }}
}

func lcdModel(size hw.Size) model {
	return model{
		"lcd-" + size.String(),
		func() softpanel.Chip { return softpanel.NewLCD(size) },
		func(b i2c.Bus) (hw.Display, error) { return lcd.New(b, addr, size) },
	}
}

// models are all the displays there are drivers for; every test of this file
// holds for each of them.
func models() []model {
	tall := func() softpanel.Chip { return softpanel.NewSSD1306(hw.Dots128x64, 3) }
	flat := func() softpanel.Chip { return softpanel.NewSSD1306(hw.Dots128x32, 6) }
	sh := func() softpanel.Chip { return softpanel.NewSH1106() }
	return []model{
		oledModel("ssd1306-128x64", oled.Config{}, tall),
		oledModel("ssd1306-128x32", oled.Config{Size: hw.Dots128x32}, flat),
		oledModel("sh1106", oled.Config{Chip: oled.SH1106}, sh),
		lcdModel(hw.Text16x2),
		lcdModel(hw.Text20x4),
	}
}

// rig is a display on a bus of its own.
type rig struct {
	t   *testing.T
	bus *softpanel.Bus
	d   hw.Display
	rng *rand.Rand
}

func newRig(t *testing.T, m model) *rig {
	r := &rig{t: t, bus: &softpanel.Bus{}, rng: rand.New(rand.NewPCG(7, 7))}
	r.bus.Plug(addr, m.chip())
	var err error
	if r.d, err = m.open(r.bus); err != nil {
		t.Fatal(err)
	}
	return r
}

// each runs a test for every model, with sleeps that take no time.
func each(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, m := range models() {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newRig(t, m)) })
		})
	}
}

// random changes a few places of a frame, or all of them.
func (r *rig) random(f *hw.Frame) {
	s := f.Size()
	n := 1 + r.rng.IntN(8)
	if r.rng.IntN(10) == 0 {
		n = s.Width() * s.Height()
	}
	letters := []rune("AZaz09 äöüßñ°→✉⚠✓░█?!")
	for range n {
		x, y := r.rng.IntN(s.Width()), r.rng.IntN(s.Height())
		f.Set(x, y, r.rng.IntN(2) == 0)
		f.Put(x, y, letters[r.rng.IntN(len(letters))])
	}
}

func (r *rig) glass() softpanel.Glass {
	g, _ := r.bus.Glass(addr)
	return g
}

// wantShown fails unless the glass shows exactly f, lit.
func (r *rig) wantShown(f *hw.Frame, when string) {
	r.t.Helper()
	g := r.glass()
	if !g.Frame.Equal(f) || g.Brightness == 0 {
		r.t.Fatalf("%s: the glass (brightness %d) shows\n%vinstead of\n%v", when, g.Brightness, g, softpanel.Glass{Frame: f})
	}
}

func TestShow(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		for i := range 50 {
			r.random(f)
			if err := r.d.Show(f); err != nil {
				t.Fatal(err)
			}
			r.wantShown(f, fmt.Sprintf("frame %d", i))
		}
		before := r.bus.Stats()
		if err := r.d.Show(f.Clone()); err != nil {
			t.Fatal(err)
		}
		if after := r.bus.Stats(); after != before {
			t.Errorf("showing the same frame again cost %+v", after.Transfers-before.Transfers)
		}
	})
}

// TestDarkUntilTheFirstFrame looks at the glass after every transfer of a
// start: it is dark until the whole frame is there.
func TestDarkUntilTheFirstFrame(t *testing.T) {
	for _, m := range models() {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, m)
				f := hw.NewFrame(r.d.Size())
				r.random(f)
				watch := &watcher{Bus: r.bus, look: func() {
					if g := r.glass(); !g.Frame.Equal(f) && !blank(g.Frame) {
						t.Fatalf("seen during the start:\n%v", g)
					}
				}}
				d, err := m.open(watch)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Show(f); err != nil {
					t.Fatal(err)
				}
				r.wantShown(f, "after the start")
			})
		})
	}
}

func blank(f *hw.Frame) bool { return f.Equal(hw.NewFrame(f.Size())) }

// watcher calls look after every transfer.
type watcher struct {
	i2c.Bus
	look func()
}

func (w *watcher) Tx(addr uint16, out, in []byte) error {
	err := w.Bus.Tx(addr, out, in)
	w.look()
	return err
}

// TestRandomFaults shows 10,000 frames, on OLEDs and on LCDs, while transfers
// fail and power is lost at random, and looks at the glass whenever Show says
// it is done.
func TestRandomFaults(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		faults := 0
		frames := 3400 // on each of three OLEDs
		if f.Size().IsText() {
			frames = 5000 // on each of two LCDs
		}
		for i := range frames {
			r.random(f)
			switch r.rng.IntN(25) {
			case 0, 1:
				r.bus.FailAt(1 + r.rng.IntN(4))
			case 2:
				r.bus.Unplug(addr)
				if r.rng.IntN(2) == 0 {
					if r.d.Show(f) == nil && r.d.Alive() == nil {
						t.Fatal("an unplugged display is well")
					}
				}
				r.bus.Replug(addr)
				// Noticing takes a question: nothing else tells a chip that
				// was without power between two frames.
				if r.d.Alive() != nil {
					faults++
				}
			}
			for r.d.Show(f) != nil {
				faults++
			}
			r.bus.FailAt(0)
			r.wantShown(f, fmt.Sprintf("frame %d", i))
		}
		if faults < frames/20 {
			t.Errorf("only %d faults happened", faults)
		}
	})
}

// TestUnplugAtEveryTransfer pulls the display out at each transfer of a start
// and of an update, and puts it back.
func TestUnplugAtEveryTransfer(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		tried := map[string]int{}
		for _, phase := range []string{"start", "update"} {
			for n := 1; ; n++ {
				r.random(f)
				if phase == "start" {
					r.bus.Replug(addr)
					_ = r.d.Close()
				}
				r.bus.FailAt(n)
				failed := r.d.Show(f) != nil
				r.bus.FailAt(0)
				if !failed {
					break // there are fewer transfers than n
				}
				tried[phase]++
				r.bus.Unplug(addr)
				if r.d.Show(f) == nil {
					t.Fatalf("%s, transfer %d: showed a frame with nothing plugged in", phase, n)
				}
				if g := r.glass(); g.Brightness != 0 || !blank(g.Frame) {
					t.Fatal("an unplugged display is lit")
				}
				r.bus.Replug(addr)
				if err := r.d.Light(hw.Full); err != nil {
					t.Fatal(err)
				}
				if err := r.d.Show(f); err != nil {
					t.Fatalf("%s, transfer %d: %v", phase, n, err)
				}
				r.wantShown(f, fmt.Sprintf("%s, transfer %d", phase, n))
			}
		}
		if tried["start"] < 5 || tried["update"] < 1 {
			t.Errorf("transfers tried: %v", tried)
		}
	})
}

func TestAliveNoticesPowerLoss(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		r.random(f)
		if err := r.d.Show(f); err != nil {
			t.Fatal(err)
		}
		if err := r.d.Alive(); err != nil {
			t.Fatalf("a healthy display: %v", err)
		}
		r.bus.Unplug(addr)
		r.bus.Replug(addr)
		if r.d.Alive() == nil {
			t.Fatal("power loss between two questions went unnoticed")
		}
		if err := r.d.Show(f); err != nil {
			t.Fatal(err)
		}
		r.wantShown(f, "after power loss")
	})
}

func TestLight(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		r.random(f)
		show := func(l hw.Light) uint8 {
			t.Helper()
			if err := r.d.Light(l); err != nil {
				t.Fatal(err)
			}
			if err := r.d.Show(f); err != nil {
				t.Fatal(err)
			}
			return r.glass().Brightness
		}
		full, dim := show(hw.Full), show(hw.Dim)
		if full <= dim {
			t.Errorf("full is %d, dim %d", full, dim)
		}
		if !r.glass().Frame.Equal(f) {
			t.Error("dimming changed the frame")
		}
		if b := show(hw.Off); b != 0 || !blank(r.glass().Frame) {
			t.Error("off is not dark")
		}
		r.random(f)
		if b := show(hw.Dim); b != dim {
			t.Errorf("from off to dim is %d, want %d", b, dim)
		}
		show(hw.Full)
		r.wantShown(f, "full again")
		if err := r.d.Close(); err != nil {
			t.Fatal(err)
		}
		if !blank(r.glass().Frame) {
			t.Error("a closed display still shows something")
		}
	})
}

// TestBusTime holds a full frame to 100 ms at 100 kHz, the speed of a bus
// nobody has configured.
func TestBusTime(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := hw.NewFrame(r.d.Size())
		if err := r.d.Show(f); err != nil {
			t.Fatal(err)
		}
		r.bus.ResetStats()
		for y := range f.Size().Height() {
			for x := range f.Size().Width() {
				f.Set(x, y, true)
				f.Put(x, y, 'x')
			}
		}
		if err := r.d.Show(f); err != nil {
			t.Fatal(err)
		}
		s := r.bus.Stats()
		t.Logf("full frame: %d transfers, %d bytes, %v", s.Transfers, s.Bytes, s.Busy)
		if s.Busy > 100*time.Millisecond {
			t.Errorf("a full frame takes %v", s.Busy)
		}
	})
}

func TestWrongSize(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		other := hw.Text16x2
		if r.d.Size() == other {
			other = hw.Dots128x64
		}
		if err := r.d.Show(hw.NewFrame(other)); err == nil {
			t.Error("a frame of another size was shown")
		}
	})
}
