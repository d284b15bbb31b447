package appliance

import (
	"bytes"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"periph.io/x/conn/v3/i2c"

	"posthorn/appliance/control"
	"posthorn/hw/detect"
	"posthorn/hw/softpanel"
)

// withDisplay gives a box a display made of software.
func withDisplay(t *testing.T, spec string) func(*Config) {
	s, err := detect.ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Hardware.Display = s }
}

// shows waits until the display, decoded from the bytes on its bus, shows a
// text, and returns how long that took.
func (b *testBox) shows(want string) time.Duration {
	b.t.Helper()
	start := time.Now()
	for {
		got, err := b.client.Screen(b.t.Context(), control.AsText)
		if err != nil {
			b.t.Fatal(err)
		}
		took := time.Since(start)
		if strings.Contains(string(got), want) {
			return took
		}
		if took > 20*time.Second {
			b.t.Fatalf("the screen does not show %q but\n%s", want, got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestScreenFollowsMail sends mail by SMTP and reads it by IMAP. Of several
// tries the best counts, because the machine may be busy.
func TestScreenFollowsMail(t *testing.T) {
	b := runBox(t, "", withDisplay(t, "soft:lcd-16x2"))
	b.shows("mailbox.local")
	b.addAccounts("alice")
	b.shows("✉0 unread")
	c := b.imap("alice", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	came, read := time.Hour, time.Hour
	for n := uint32(1); n <= 3; n++ {
		b.send("alice@mailbox.local", text("screen", 500))
		came = min(came, b.shows("✉1 unread"))
		if err := c.Noop().Wait(); err != nil {
			t.Fatal(err)
		}
		seen := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}
		if err := c.Store(imap.SeqSetNum(n), seen, nil).Close(); err != nil {
			t.Fatal(err)
		}
		read = min(read, b.shows("✉0 unread"))
	}
	t.Logf("new mail is seen after %v, reading it after %v", came, read)
	if came > time.Second || read > time.Second {
		t.Errorf("new mail is seen after %v at best, reading it after %v; want a second", came, read)
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	if got := b.Screen().String(); !strings.Contains(got, "Safe to unplug") {
		t.Errorf("the stopped box shows\n%s", got)
	}
}

func TestScreenAsPicture(t *testing.T) {
	b := runBox(t, "") // no display: what one would show
	if code, _ := b.get("/screen.png"); code != 403 {
		t.Errorf("before the set-up, /screen.png answered %d", code)
	}
	b.addAccounts("alice")
	code, body := b.get("/screen.png")
	if code != 200 {
		t.Fatalf("/screen.png answered %d", code)
	}
	img, err := png.Decode(strings.NewReader(body))
	if err != nil || img.Bounds().Dx() < 128 {
		t.Errorf("/screen.png: %v", err)
	}
	picture, err := b.client.Screen(t.Context(), control.AsPNG)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
	blocks, err := b.client.Screen(t.Context(), control.AsBlocks)
	if err != nil || !strings.ContainsAny(string(blocks), "█▀▄") {
		t.Errorf("blocks: %v\n%s", err, blocks)
	}
	if _, err := b.client.Screen(t.Context(), "film"); err == nil {
		t.Error("a screen was had as film")
	}
}

// TestMissingHardwareHurtsNobody asks for an LED, a button and a display that
// are not there.
func TestMissingHardwareHurtsNobody(t *testing.T) {
	b := runBox(t, "", func(c *Config) {
		c.Hardware = Hardware{
			Display: detect.Spec{Where: detect.OnBus, Model: "sh1106", Bus: 250, Addr: 0x3c},
			LED:     "no-such-led", Button: "gpio:no-such-chip:3",
		}
	})
	b.addAccounts("alice")
	b.send("alice@mailbox.local", text("hello", 500))
	log := strings.Join(b.config.Lines.Last(), "\n")
	for _, want := range []string{"no LED", "no button", "no screen"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// bench is a machine with an LED and one bus, on which an SH1106 is plugged in.
func bench(t *testing.T) (*detect.Machine, *softpanel.Bus) {
	sys := t.TempDir()
	for file, content := range map[string]string{
		"class/i2c-dev/i2c-1/name": "bcm2835 (i2c@7e804000)", "class/i2c-dev/i2c-2/name": "HDMI-A",
		"class/leds/ACT/trigger": "[none]", "class/leds/ACT/brightness": "0", "class/leds/ACT/max_brightness": "1",
	} {
		file = filepath.Join(sys, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bus := &softpanel.Bus{}
	bus.Plug(0x3c, softpanel.NewSH1106())
	return &detect.Machine{Sys: sys, Arch: "arm64", OpenBus: func(int) (i2c.BusCloser, error) { return bus, nil }}, bus
}

func TestScanHardware(t *testing.T) {
	m, bus := bench(t)
	var out strings.Builder
	if err := ScanHardware(&out, m); err != nil {
		t.Fatal(err)
	}
	const want = `bus 1 (bcm2835 (i2c@7e804000))
  0x3c  an OLED with SH1106 (128x64)
        use it with --display sh1106@1:0x3c
bus 2 (HDMI-A): not asked, belongs to a monitor (HDMI)
`
	if out.String() != want {
		t.Errorf("it says\n%swant\n%s", &out, want)
	}
	bus.Unplug(0x3c)
	if err := ScanHardware(&out, m); !errors.Is(err, detect.ErrNoDisplay) {
		t.Errorf("with nothing plugged in: %v", err)
	}
}

func TestTestPicture(t *testing.T) {
	m, bus := bench(t)
	d, err := m.Display(detect.Spec{Where: detect.Auto})
	if err != nil {
		t.Fatal(err)
	}
	f := TestPicture(d.Size())
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	g, _ := bus.Glass(0x3c)
	if !g.Frame.Equal(f) {
		t.Errorf("the glass shows\n%v", g)
	}
	for _, corner := range [][2]int{{0, 0}, {127, 0}, {0, 63}, {127, 63}} {
		if !g.Frame.Lit(corner[0], corner[1]) {
			t.Errorf("corner %v is dark", corner)
		}
	}
}
