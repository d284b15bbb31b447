package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"posthorn/appliance/panel"
	"posthorn/hw"
	"posthorn/hw/detect"
	"posthorn/hw/font"
	"posthorn/hw/led"
)

// How long each thing of a hardware test lasts.
const (
	testPicture = 3 * time.Second
	testSignal  = 3 * time.Second
	testButton  = 20 * time.Second
)

// ScanHardware says in words what answers on the I2C buses, and how to name it.
func ScanHardware(w io.Writer, m *detect.Machine) error {
	buses := m.Buses()
	if len(buses) == 0 {
		return detect.ErrNoBus
	}
	found := 0
	for _, b := range buses {
		fmt.Fprintf(w, "bus %d (%s)", b.Number, b.Name)
		if b.Skipped != "" {
			fmt.Fprintf(w, ": not asked, %s\n", b.Skipped)
			continue
		}
		fmt.Fprintln(w)
		list, err := m.Scan(b.Number)
		if err != nil {
			fmt.Fprintf(w, "  %v\n", err)
			continue
		}
		for _, f := range list {
			fmt.Fprintf(w, "  %#x  %v\n", f.Addr, f.Kind)
			if s, ok := f.Spec(); ok {
				found++
				fmt.Fprintf(w, "        use it with --display %v\n", s)
			}
		}
	}
	if found > 0 {
		return nil
	}
	if !m.MayProbe() {
		return detect.ErrNotHere
	}
	return detect.ErrNoDisplay
}

// TestHardware shows a test picture, walks the LED through all it can say, and
// tells of the button, as far as they are there. It returns what was not well.
func TestHardware(ctx context.Context, w io.Writer, m *detect.Machine, h Hardware) error {
	return errors.Join(testDisplay(ctx, w, m, h), testLED(ctx, w, m, h), testPresses(ctx, w, m, h))
}

func testDisplay(ctx context.Context, w io.Writer, m *detect.Machine, h Hardware) (err error) {
	d, err := m.Display(h.Display)
	if err != nil || d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, l := range []hw.Light{hw.Full, hw.Dim} {
		if err := d.Light(l); err != nil {
			return err
		}
		if err := d.Show(TestPicture(d.Size())); err != nil {
			return err
		}
		fmt.Fprintf(w, "display: %v, %v light. All four corners have a mark and the text is whole, or it is another model.\n", d, l)
		pause(ctx, testPicture)
	}
	if err := d.Alive(); err != nil {
		return err
	}
	fmt.Fprintln(w, "display: answers")
	return nil
}

// TestPicture is a frame by which a person can tell whether model, rotation
// and offset are right: the outermost dots are lit, and text says where up is.
func TestPicture(size hw.Size) *hw.Frame {
	f := hw.NewFrame(size)
	right, bottom := size.Width()-1, size.Height()-1
	if size.IsText() {
		for i, r := range "top " + size.String() {
			f.Put(2+i, 0, r)
		}
		for _, c := range [][2]int{{0, 0}, {right, 0}, {0, bottom}, {right, bottom}} {
			f.Put(c[0], c[1], '█')
		}
		return f
	}
	for x := range size.Width() {
		f.Set(x, 0, true)
		f.Set(x, bottom, true)
	}
	for y := range size.Height() {
		f.Set(0, y, true)
		f.Set(right, y, true)
	}
	face := font.Fixed6x13()
	for i, r := range "top " + size.String() + " Åéλж" {
		for y := range face.Height {
			for x := range face.Width {
				if face.Dot(r, x, y) {
					f.Set(6+i*face.Width+x, 6+y, true)
				}
			}
		}
	}
	return f
}

func testLED(ctx context.Context, w io.Writer, m *detect.Machine, h Hardware) (err error) {
	l, err := m.LED(h.LED)
	if errors.Is(err, led.ErrNone) {
		fmt.Fprintln(w, "LED:", err)
		return nil
	}
	if err != nil || l == nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for _, s := range panel.Signals() {
		if err := l.Blink(s.Pattern()); err != nil {
			return err
		}
		fmt.Fprintf(w, "%v: %-8v %s\n", l, s, describe(s.Pattern()))
		if !pause(ctx, testSignal) {
			return nil
		}
	}
	return nil
}

// describe says in words what a pattern looks like.
func describe(p hw.Pattern) string {
	if on, steady := p.Steady(); steady {
		if on {
			return "on"
		}
		return "off"
	}
	var words []string
	for _, s := range p {
		word := "off"
		if s.On {
			word = "on"
		}
		words = append(words, fmt.Sprintf("%s %v", word, s.For))
	}
	return strings.Join(words, ", ")
}

func testPresses(ctx context.Context, w io.Writer, m *detect.Machine, h Hardware) (err error) {
	b, err := m.Button(h.Button)
	if err != nil || b == nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	fmt.Fprintf(w, "%v: press it now (%v)\n", b, testButton)
	within, cancel := context.WithTimeout(ctx, testButton)
	defer cancel()
	for start := time.Now(); ; {
		down, err := b.Wait(within)
		if within.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		what := "up"
		if down {
			what = "down"
		}
		fmt.Fprintf(w, "%v: %s after %.2f s\n", b, what, time.Since(start).Seconds())
	}
}

// pause reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
