package panel

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthorn/hw"
	"posthorn/hw/detect"
	"posthorn/hw/softpanel"
)

var (
	update = flag.Bool("update", false, "write the golden files instead of comparing with them")
	sheet  = flag.String("sheet", "", "write a contact sheet of all pages to this PNG file")
)

// household is a family of five on an ordinary afternoon.
func household() *Face {
	now := time.Date(2026, 5, 4, 14, 32, 0, 0, time.UTC)
	return &Face{
		Now: now, ClockSet: true, Version: "1.4.2", NextVersion: "1.5.0", Progress: 62,
		Host: "mailbox.local", Household: "Müller & Οικογένεια",
		People: []Person{
			{Name: "Anna", Unread: 37, New: 9, Recent: true},
			{Name: "Ben", Unread: 2, New: 2},
			{Name: "Χρήστος"},
			{Name: "Ольга Петровна-Мюллер", Unread: 118, New: 1, Recent: true},
			{Name: "Zoë", Unread: 5},
			{Name: "李小龍 (Li)", Unread: 1},
			{Name: "office"},
		},
		Latest:      &Latest{For: "Anna", Sender: "Łukasz Čapek", Subject: "Rechnung für Mai", At: now.Add(-3 * time.Minute)},
		Junk:        14,
		Disk:        Disk{Used: 41},
		Queue:       Queue{Waiting: 2},
		Backup:      now.Add(-6 * time.Hour),
		Certificate: now.AddDate(0, 0, 71),
		Temperature: 48,
		Uptime:      23 * 24 * time.Hour,
		Links:       []Link{{"eth0", netip.MustParseAddr("192.168.178.123"), 1000}},
		Clients:     3,
		Setup:       Setup{URL: "http://mailbox.local/#48291753", Code: "48291753"},
	}
}

// scene is one picture there is a golden file for.
type scene struct {
	name string
	face *Face
	view View
}

func scenes() []scene {
	day := household()
	one := household()
	one.People, one.Latest.Sender, one.Latest.Subject = one.People[:1], "", ""
	quiet := household()
	quiet.People, quiet.Latest = []Person{{Name: "Anna"}, {Name: "Ben"}}, nil
	busy := func(p Phase) *Face {
		f := household()
		f.Phase = p
		return f
	}
	full := household()
	full.Disk, full.Links, full.ClockSet = Disk{Used: 93, Days: 6}, nil, false
	six := household()
	six.Links = []Link{{"wlan0", netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1234:5678"), 0}}
	alerts := full.alerts()
	list := []scene{
		{"home", day, View{Page: Home}},
		{"home-one", one, View{Page: Home}},
		{"home-quiet", quiet, View{Page: Home}},
		{"people", day, View{Page: People}},
		{"people-2", day, View{Page: People, Part: 1}},
		{"health", day, View{Page: Health}},
		{"health-2", day, View{Page: Health, Part: 1}},
		{"health-bad", full, View{Page: Health}},
		{"address", day, View{Page: Address}},
		{"address-ipv6", six, View{Page: Address}},
		{"address-none", full, View{Page: Address}},
		{"set-up", day, View{Page: SetUp}},
		{"alert", full, View{Page: Alerts, Alert: alerts[0], Rank: 1, Total: len(alerts), Button: true}},
		{"alert-2", full, View{Page: Alerts, Alert: alerts[0], Part: 1, Rank: 1, Total: len(alerts)}},
		{"alert-network", full, View{Page: Alerts, Alert: alerts[2], Rank: 3, Total: 3}},
		{"starting", busy(Booting), View{Page: Busy}},
		{"updating", busy(Updating), View{Page: Busy}},
		{"stopping", busy(Stopping), View{Page: Busy}},
		{"stopped", busy(Stopped), View{Page: Busy}},
		{"holding", day, View{Page: Holding, Seconds: 3}},
		{"night", day, View{Page: Night, Minute: 3}},
		{"home-moved", day, View{Page: Home, Minute: 15}},
	}
	return list
}

// model is the display each size is looked at on; the golden files hold what
// it shows after the picture has gone through driver, bus and chip.
func model(size hw.Size) string {
	return map[hw.Size]string{
		hw.Dots128x64: "sh1106", hw.Dots128x32: "ssd1306-128x32",
		hw.Text16x2: "lcd-16x2", hw.Text20x4: "lcd-20x4",
	}[size]
}

func onGlass(t *testing.T, f *hw.Frame) softpanel.Glass {
	t.Helper()
	d, glass, err := detect.SoftDisplay(detect.Spec{Where: detect.Soft, Model: model(f.Size())})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Show(f); err != nil {
		t.Fatal(err)
	}
	return glass()
}

func TestPages(t *testing.T) {
	for _, size := range hw.Sizes() {
		t.Run(size.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, s := range scenes() {
					if s.view.Part >= Parts(s.face, s.view, size) {
						continue
					}
					golden(t, filepath.Join("testdata", size.String(), s.name+".txt"),
						onGlass(t, Draw(s.face, s.view, size)).String())
				}
			})
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: the glass shows\n%swant\n%s", file, got, want)
	}
}

// TestContactSheet draws all pages on all displays, and is content when every
// one has something lit. With -sheet they are written to a file, as one picture
// for people to look at.
func TestContactSheet(t *testing.T) {
	var rows [][]image.Image
	for _, s := range scenes() {
		var row []image.Image
		for _, size := range hw.Sizes() {
			if s.view.Part >= Parts(s.face, s.view, size) {
				row = append(row, image.NewGray(image.Rectangle{})) // it fits before
				continue
			}
			g := softpanel.Glass{Frame: Draw(s.face, s.view, size), Brightness: 0xff}
			if g.Frame.Equal(hw.NewFrame(size)) {
				t.Errorf("%s on %v is empty", s.name, size)
			}
			if *sheet == "" {
				continue
			}
			var b bytes.Buffer
			if err := g.PNG(&b); err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, img)
		}
		rows = append(rows, row)
	}
	if *sheet != "" {
		writeSheet(t, rows, *sheet)
	}
}

// writeSheet puts pictures into a table, each column as wide as its widest.
func writeSheet(t *testing.T, rows [][]image.Image, file string) {
	const gap = 12
	widths, height := make([]int, len(rows[0])), gap
	for _, row := range rows {
		tallest := 0
		for i, img := range row {
			widths[i] = max(widths[i], img.Bounds().Dx())
			tallest = max(tallest, img.Bounds().Dy())
		}
		height += tallest + gap
	}
	total := gap
	for _, w := range widths {
		total += w + gap
	}
	all := image.NewRGBA(image.Rect(0, 0, total, height))
	draw.Draw(all, all.Bounds(), image.White, image.Point{}, draw.Src)
	y := gap
	for _, row := range rows {
		x, tallest := gap, 0
		for i, img := range row {
			draw.Draw(all, img.Bounds().Add(image.Pt(x, y)), img, image.Point{}, draw.Src)
			x += widths[i] + gap
			tallest = max(tallest, img.Bounds().Dy())
		}
		y += tallest + gap
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, all); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLostByMoving moves a full home page to every place and counts
// its dots.
func TestNothingIsLostByMoving(t *testing.T) {
	for _, size := range []hw.Size{hw.Dots128x64, hw.Dots128x32} {
		for _, s := range scenes() {
			if s.view.Page == Night {
				continue
			}
			want := -1
			for minute := range 16 {
				s.view.Minute = minute
				n := 0
				f := Draw(s.face, s.view, size)
				for y := range size.Height() {
					for x := range size.Width() {
						if f.Lit(x, y) {
							n++
						}
					}
				}
				if want < 0 {
					want = n
				}
				if n != want {
					t.Errorf("%s on %v: %d dots in minute %d, %d before", s.name, size, n, minute, want)
				}
			}
		}
	}
}

// TestEveryPartIsReachable makes sure that Parts covers all people and every
// word of an alert.
func TestEveryPartIsReachable(t *testing.T) {
	f := household()
	a := Alert{Title: "STORAGE 93%", Detail: "Full in about 6 days.", Do: "Delete large mail, or use a larger card."}
	for _, size := range hw.Sizes() {
		people := 0
		for part := range Parts(f, View{Page: People}, size) {
			people += len(f.part(part, size))
		}
		if people != len(f.People) {
			t.Errorf("%v shows %d of %d people", size, people, len(f.People))
		}
		var words []string
		v := View{Page: Alerts, Alert: a}
		for part := range Parts(f, v, size) {
			v.Part = part
			words = append(words, alertPart(v, size)...)
		}
		if got, want := strings.Join(words, " "), a.Detail+" "+a.Do; got != want {
			t.Errorf("%v says %q, want %q", size, got, want)
		}
	}
}

// TestCountChangeIsCheap holds the most frequent update to 10 ms at 100 kHz.
func TestCountChangeIsCheap(t *testing.T) {
	for _, size := range hw.Sizes() {
		synctest.Test(t, func(t *testing.T) {
			var chip softpanel.Chip = softpanel.NewLCD(size)
			addr := uint16(0x27)
			if !size.IsText() {
				chip, addr = softpanel.NewSSD1306(size, 3), 0x3c
			}
			bus := &softpanel.Bus{}
			bus.Plug(addr, chip)
			d := driver(t, bus, addr, size)
			f := household()
			f.People = f.People[:1]
			show := func() softpanel.Stats {
				bus.ResetStats()
				if err := d.Show(Draw(f, View{}, size)); err != nil {
					t.Fatal(err)
				}
				return bus.Stats()
			}
			full := show()
			f.People[0].Unread++
			s := show()
			t.Logf("%v: full %v, 37 to 38: %d transfers, %d bytes, %v", size, full.Busy, s.Transfers, s.Bytes, s.Busy)
			if s.Bytes == 0 || s.Busy > 10*time.Millisecond {
				t.Errorf("%v: a count takes %v", size, s.Busy)
			}
			for _, scene := range scenes() {
				f := Draw(scene.face, scene.view, size)
				bus.ResetStats()
				if err := d.Show(f); err != nil {
					t.Fatal(err)
				}
				if s := bus.Stats(); s.Busy > 100*time.Millisecond {
					t.Errorf("%v: turning to %s takes %v", size, scene.name, s.Busy)
				}
			}
		})
	}
}

// TestHostileText draws names and subjects nobody should have.
func TestHostileText(t *testing.T) {
	for _, s := range []string{
		"", strings.Repeat("W", 10_000), strings.Repeat("é", 300), "a\r\nb\x00c\x1b[31m", "\xff\xfe", "🎉🎉🎉 party",
		"\u202eevil", "e\u0301\u0301\u0301", "日本語の件名", strings.Repeat("\u0301", 500), "\\~|{}",
	} {
		f := household()
		f.Household, f.Host, f.Latest.Sender, f.Latest.Subject = s, s, s, s
		f.Queue = Queue{Failing: 1, Reason: s}
		for i := range f.People {
			f.People[i].Name, f.People[i].Quota = s, 120
		}
		f.Setup.URL = s
		for _, size := range hw.Sizes() {
			for _, p := range Pages() {
				for _, a := range f.alerts() {
					v := View{Page: p, Alert: a, Part: 0}
					for v.Part = range min(Parts(f, v, size), 3) {
						Draw(f, v, size)
					}
				}
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"Zoë Müller": "Zoe Müller", "Łukasz Čapek": "Lukasz Capek", "Χρήστος": "Christos", "Ольга": "Olga",
		"Щука": "Shchuka", "a · b…": "a - b...", "Ærø": "Aero", "Cafe\u0301": "Cafe", "日本語": "?", "x\ty\x00": "x y",
		"C:\\x~": "C:/x-",
	} {
		if got := onLCD(in); got != want {
			t.Errorf("%q on an LCD is %q, want %q", in, got, want)
		}
	}
	for n, want := range map[int]string{-1: "0", 0: "0", 9999: "9999", 10_000: "10k", 5_000_000: "999k"} {
		if got := count(n); got != want {
			t.Errorf("count of %d is %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 59 * time.Second: "59 s", time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := fmt.Sprint(wrap("go to supercalifragilistic.local now", 10)); got != "[go to supercalif ragilistic .local now]" {
		t.Errorf("wrapped to %s", got)
	}
}
