package softpanel

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"posthorn/hw"
)

var _ i2c.BusCloser = (*Bus)(nil)

// send writes and fails the test when nobody answers.
func send(t *testing.T, b *Bus, w ...byte) {
	t.Helper()
	if err := b.Tx(0x3c, w, nil); err != nil {
		t.Fatal(err)
	}
}

// upright switches an SSD1306 on, the way modules are mounted.
func upright(t *testing.T, b *Bus, mode byte) {
	send(t, b, 0x00, 0xa1, 0xc8, 0x8d, 0x14, 0x20, mode, 0xaf)
}

func glass(b *Bus) Glass {
	g, _ := b.Glass(0x3c)
	return g
}

func TestSSD1306StartsDarkAndNoisy(t *testing.T) {
	b := &Bus{}
	b.Plug(0x3c, NewSSD1306(hw.Dots128x64, 3))
	if g := glass(b); g.Brightness != 0 {
		t.Fatal("lit after power-on")
	}
	send(t, b, 0x00, 0xaf)
	if g := glass(b); g.Brightness != 0 {
		t.Fatal("lit without its charge pump")
	}
	upright(t, b, 2)
	first := glass(b)
	if first.Frame.Equal(hw.NewFrame(hw.Dots128x64)) {
		t.Fatal("RAM is empty at power-on")
	}
	b.Unplug(0x3c)
	b.Replug(0x3c)
	upright(t, b, 2)
	if glass(b).Frame.Equal(first.Frame) {
		t.Error("RAM survived without power")
	}
}

// TestSSD1306Addressing fills the RAM in each mode of data sheet 10.1.3 and
// looks for one dot at the place the mode puts it.
func TestSSD1306Addressing(t *testing.T) {
	for name, test := range map[string]struct {
		mode  byte
		index int // of the data byte that is not zero
		x, y  int
	}{
		"horizontal": {0, 128 + 5, 5, 8},
		"vertical":   {1, 8*5 + 1, 5, 8},
		"page":       {2, 5 + 128, 5, 0}, // wraps within the page
	} {
		t.Run(name, func(t *testing.T) {
			b := &Bus{}
			b.Plug(0x3c, NewSSD1306(hw.Dots128x64, 3))
			upright(t, b, test.mode)
			send(t, b, 0x00, 0x21, 0, 127, 0x22, 0, 7)
			send(t, b, append([]byte{0x40}, make([]byte, 1024)...)...)
			data := make([]byte, 1024)
			data[test.index] = 1
			send(t, b, append([]byte{0x40}, data[:test.index+1]...)...)
			if g := glass(b); !g.Frame.Lit(test.x, test.y) {
				t.Errorf("no dot at %d, %d:\n%v", test.x, test.y, g)
			}
		})
	}
}

func TestSSD1306Registers(t *testing.T) {
	b := &Bus{}
	c := NewSSD1306(hw.Dots128x64, 3)
	b.Plug(0x3c, c)
	upright(t, b, 0)
	data := make([]byte, 1024)
	data[0] = 1 // the dot at 0, 0
	send(t, b, append([]byte{0x40}, data...)...)
	dot := func(x, y int) {
		t.Helper()
		if g := glass(b); !g.Frame.Lit(x, y) {
			t.Errorf("no dot at %d, %d:\n%v", x, y, g)
		}
	}
	dot(0, 0)
	send(t, b, 0x80, 0xa0) // one command with a control byte of its own
	dot(127, 0)
	send(t, b, 0x80, 0xc0)
	dot(127, 63)
	send(t, b, 0x00, 0xa1, 0xc8, 0x48) // start line 8
	dot(0, 56)
	send(t, b, 0x00, 0x40, 0xd3, 8) // offset 8
	dot(0, 56)
	send(t, b, 0x00, 0xd3, 0, 0xa7)
	if glass(b).Frame.Lit(0, 0) || !glass(b).Frame.Lit(1, 0) {
		t.Error("inversion does not show")
	}
	send(t, b, 0x00, 0xa6, 0x81, 9, 0xa5)
	dot(64, 32)
	if glass(b).Brightness != 9 {
		t.Error("contrast does not show")
	}
	send(t, b, 0x00, 0xa4, 0xda, 0x02) // the wiring of flat glass
	send(t, b, 0x40, 0x02)             // second row
	if glass(b).Frame.Lit(0, 1) {
		t.Error("the wrong wiring does not show")
	}
	if len(c.Unknown) != 0 {
		t.Errorf("unknown commands % x", c.Unknown)
	}
}

// TestSH1106IsNotAnSSD1306 sends what a driver for the other chip sends.
func TestSH1106IsNotAnSSD1306(t *testing.T) {
	b := &Bus{}
	c := NewSH1106()
	b.Plug(0x3c, c)
	send(t, b, 0x00, 0xa1, 0xc8, 0xaf)
	for page := range byte(8) {
		send(t, b, append([]byte{0x80, 0xb0 | page, 0x80, 0x00, 0x80, 0x10, 0x40}, make([]byte, 132)...)...)
	}
	send(t, b, 0x80, 0xb0, 0x80, 0x00, 0x80, 0x10, 0x40, 0x80, 0x00, 0xff)
	if !glass(b).Frame.Lit(0, 0) || glass(b).Frame.Lit(2, 0) {
		t.Errorf("the picture is not two columns to the left:\n%v", glass(b))
	}
	send(t, b, 0x00, 0x20)
	if !bytes.Equal(c.Unknown, []byte{0x20}) {
		t.Errorf("unknown commands % x, want 20: the chip has no addressing modes", c.Unknown)
	}
}

func TestSH1106ReadsBack(t *testing.T) {
	b := &Bus{}
	b.Plug(0x3c, NewSH1106())
	send(t, b, 0x00, 0xb3, 0x05, 0x10)
	send(t, b, 0x40, 0xa5)
	send(t, b, 0x00, 0xb3, 0x05, 0x10)
	var r [2]byte
	if err := b.Tx(0x3c, []byte{0x40}, r[:]); err != nil || r[1] != 0xa5 {
		t.Errorf("read % x, %v; want a5 after one byte of nothing", r, err)
	}
	if err := b.Tx(0x3c, []byte{0x00, 0xe3}, r[:1]); err != nil || r[0] != 0x48 {
		t.Errorf("status %#x, want 0x48: off, and an SH1106", r[0])
	}
}

// TestLCDNeedsTwoLines shows the second line only after function set says so.
func TestLCDNeedsTwoLines(t *testing.T) {
	b := &Bus{}
	b.Plug(0x3c, NewLCD(hw.Text16x2))
	put := func(v byte, control byte) {
		for _, n := range []byte{v & 0xf0, v << 4} {
			send(t, b, n|control|lcdE, n|control)
		}
	}
	begin := func(function byte) {
		for range 3 {
			send(t, b, 0x30|lcdE, 0x30)
		}
		send(t, b, 0x20|lcdE, 0x20)
		put(function, 0)
		put(0x0c, lcdLamp)
		put(0x80, lcdLamp)
		put('h', lcdRS|lcdLamp)
		put(0xf5, lcdRS|lcdLamp)
		put(0xc0, lcdLamp)
		put('2', lcdRS|lcdLamp)
	}
	begin(0x20)
	const one = "+----------------+\n|hü              |\n|                |\n+----------------+\n"
	if got := glass(b).String(); got != one {
		t.Errorf("one line:\n%swant\n%s", got, one)
	}
	begin(0x28)
	if got := glass(b).String(); !strings.Contains(got, "|2  ") {
		t.Errorf("two lines:\n%s", got)
	}
}

func TestNobodyAnswers(t *testing.T) {
	b := &Bus{}
	if err := b.Tx(0x27, []byte{0}, nil); err == nil {
		t.Error("an empty bus answered")
	}
	if err := b.Tx(0x27, nil, nil); err != nil {
		t.Error("an empty transfer touched the bus")
	}
	if _, ok := b.Glass(0x27); ok {
		t.Error("an empty bus has glass")
	}
	if b.Stats().Transfers != 1 {
		t.Errorf("stats %+v, want one transfer", b.Stats())
	}
}

func TestBusTime(t *testing.T) {
	b := &Bus{}
	b.Plug(0x3c, NewSSD1306(hw.Dots128x64, 3))
	send(t, b, make([]byte, 9)...)
	if got := b.Stats(); got.Bytes != 10 || got.Busy != 920*time.Microsecond {
		t.Errorf("%+v, want 10 bytes in 92 bits of 10 µs", got)
	}
	b.ResetStats()
	if err := b.SetSpeed(400 * physic.KiloHertz); err != nil {
		t.Fatal(err)
	}
	send(t, b, make([]byte, 9)...)
	if got := b.Stats().Busy; got != 230*time.Microsecond {
		t.Errorf("%v at 400 kHz, want 230 µs", got)
	}
	if b.SetSpeed(0) == nil {
		t.Error("a bus without a clock")
	}
}

func TestPictures(t *testing.T) {
	f := hw.NewFrame(hw.Dots128x32)
	f.Set(0, 0, true)
	f.Set(1, 3, true)
	g := Glass{Frame: f, Brightness: 255}
	if got := []rune(g.Braille())[0]; got != '⢁' {
		t.Errorf("braille %c, want ⢁", got)
	}
	if got := []rune(g.HalfBlocks()); got[0] != '▀' || got[129+1] != '▄' {
		t.Errorf("half-blocks %c and %c, want ▀ and ▄", got[0], got[130])
	}
	if lines := strings.Count(g.String(), "\n"); lines != 32/4+2 {
		t.Errorf("%d lines", lines)
	}
	for _, size := range hw.Sizes() {
		g := Glass{Frame: hw.NewFrame(size), Brightness: 200}
		g.Frame.Set(3, 3, true)
		g.Frame.Put(1, 1, '✉')
		var b bytes.Buffer
		if err := g.PNG(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		colours := map[any]int{}
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				colours[img.At(x, y)]++
			}
		}
		if len(colours) != 3 {
			t.Errorf("%v: %d colours, want bezel, dark and lit", size, len(colours))
		}
	}
}
