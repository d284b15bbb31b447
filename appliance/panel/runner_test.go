package panel

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthorn/appliance/events"
	"posthorn/appliance/message"
	"posthorn/hw"
	"posthorn/hw/led"
	"posthorn/hw/softpanel"
	"posthorn/store"
)

// lcdAddr is where the LCD of these tests is.
const lcdAddr = 0x27

// patience is how long a change may take on a busy machine.
const patience = 20 * time.Second

// box is a running panel on a real store, with an LCD of software.
type box struct {
	*Runner
	t      *testing.T
	bus    *softpanel.Bus
	anna   *store.Account
	inbox  store.MailboxID
	log    *logBuffer
	cancel context.CancelFunc
	done   chan error
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBox(t *testing.T) *box {
	t.Helper()
	hub := events.NewHub()
	s, err := store.Open(store.Options{OnCommit: hub.Announce})
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, bus: &softpanel.Bus{}, log: &logBuffer{}, anna: &store.Account{Name: "anna", DisplayName: "Anna"}}
	b.bus.Plug(lcdAddr, softpanel.NewLCD(hw.Text16x2))
	b.Runner = &Runner{
		Store: s, Hub: hub, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Open: func() (hw.Display, error) { return driver(t, b.bus, lcdAddr, hw.Text16x2), nil },
		Facts: func(f *Face) {
			f.Host, f.Version, f.ClockSet = "mailbox.local", "1.4.2", true
			f.Links = household().Links // machines that build this may have none
			f.Now = time.Date(2026, 5, 4, 14, 32, 0, 0, time.UTC)
			f.Temperature, f.Disk = 0, Disk{Used: 41}
		},
	}
	b.update(func(tx *store.Tx) error {
		if err := tx.CreateAccount(b.anna); err != nil {
			return err
		}
		in, err := tx.MailboxByRole(b.anna.ID, store.RoleInbox)
		if err == nil {
			b.inbox = in.ID
		}
		return err
	})
	t.Cleanup(func() {
		b.stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *box) update(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.Store.Update(fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) start() {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.Run(ctx) }()
}

func (b *box) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	if err := <-b.done; err != nil {
		b.t.Error(err)
	}
	b.cancel = nil
}

// deliver puts a message into the INBOX as the post office does.
func (b *box) deliver(text string) uint32 {
	b.t.Helper()
	scan := message.NewScanner()
	if _, err := scan.Write([]byte(text)); err != nil {
		b.t.Fatal(err)
	}
	meta, err := scan.Finish().Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	blob := b.Store.NewBlob()
	defer blob.Abort()
	if _, err := blob.Write([]byte(text)); err != nil {
		b.t.Fatal(err)
	}
	var uid uint32
	b.update(func(tx *store.Tx) error {
		id, err := tx.PutMessage(blob, time.Now(), meta)
		if err != nil {
			return err
		}
		e, err := tx.Append(b.inbox, id, 0, nil)
		uid = e.UID
		return err
	})
	return uid
}

func (b *box) read(uid uint32) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error {
		_, err := tx.SetFlags(b.inbox, uid, store.Seen, nil)
		return err
	})
}

// shows is the text on the LCD, as decoded from the bytes on the bus.
func (b *box) shows() string {
	g, _ := b.bus.Glass(lcdAddr)
	return g.String()
}

// await waits until the LCD shows a text, and returns how long that took.
func (b *box) await(text string) time.Duration {
	b.t.Helper()
	return b.until("the LCD to show "+text, func() bool { return strings.Contains(b.shows(), text) })
}

func (b *box) until(what string, ok func() bool) time.Duration {
	b.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > patience {
			b.t.Fatalf("waited %v for %s; it shows\n%s\nlog:\n%s", patience, what, b.shows(), b.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

const mail = "From: =?utf-8?Q?Zo=C3=AB_M=C3=BCller?= <zoe@example.org>\r\nSubject: Rechnung\r\n\r\nHallo\r\n"

// TestMailIsSeen delivers and reads mail, and looks at the LCD and at an LED
// class directory. Of several tries the best counts, because the machine may
// be busy with something else.
func TestMailIsSeen(t *testing.T) {
	b := newBox(t)
	leds := t.TempDir()
	for file, text := range map[string]string{"trigger": "none [mmc0] timer pattern", "brightness": "0",
		"max_brightness": "1", "pattern": "", "repeat": ""} {
		if err := os.MkdirAll(filepath.Join(leds, "ACT"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(leds, "ACT", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := led.Open(leds, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	b.LED = l
	b.start()
	b.await("✉0 unread")
	ledShows := func(file, want string) {
		t.Helper()
		b.until("the LED's "+file+" to be "+want, func() bool {
			text, err := os.ReadFile(filepath.Join(leds, "ACT", file))
			return err == nil && strings.TrimSpace(string(text)) == want
		})
	}
	ledShows("trigger", "none")
	best := [2]time.Duration{patience, patience}
	for range 4 {
		uid := b.deliver(mail)
		best[0] = min(best[0], b.await("✉1 unread"))
		ledShows("pattern", "1 120 1 0 0 120 0 0 1 120 1 0 0 1640 0 0")
		b.read(uid)
		best[1] = min(best[1], b.await("✉0 unread"))
		ledShows("trigger", "none")
	}
	t.Logf("new mail was seen after %v, reading it after %v", best[0], best[1])
	if best[0] > time.Second || best[1] > time.Second {
		t.Errorf("new mail was seen after %v at best, reading it after %v; want a second", best[0], best[1])
	}
	b.stop()
	ledShows("trigger", "mmc0")
	if !strings.Contains(b.shows(), "Safe to unplug") {
		t.Errorf("stopped, it shows\n%s", b.shows())
	}
}

func TestSenderIsOptIn(t *testing.T) {
	b := newBox(t)
	b.deliver(mail)
	b.start()
	b.await("1 new, ")
	if strings.Contains(b.shows(), "Zoe") {
		t.Errorf("the sender is shown unasked:\n%s", b.shows())
	}
	b.update(func(tx *store.Tx) error {
		c, err := ReadChoices(tx)
		if err != nil {
			return err
		}
		c.ShowSender = true
		return WriteChoices(tx, c)
	})
	b.deliver(mail) // which makes it look again at once
	b.await("2 new, Zoe Mü")
}

// TestPulledOutAndPutBack takes the display away while mail comes.
func TestPulledOutAndPutBack(t *testing.T) {
	b := newBox(t)
	b.start()
	b.await("✉0 unread")
	b.bus.Unplug(lcdAddr)
	start := time.Now()
	b.deliver(mail)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("mail waited %v for a display", took)
	}
	b.until("the loss to be noticed", func() bool { return b.Fault() != nil })
	if g := b.Glass(); !strings.Contains(g.String(), "✉1 unread") {
		b.until("the picture for the page", func() bool { return strings.Contains(b.Glass().String(), "✉1 unread") })
	}
	b.bus.Replug(lcdAddr)
	b.await("✉1 unread")
	b.until("all to be well", func() bool { return b.Fault() == nil })
	if n := strings.Count(b.log.String(), "screen was lost"); n != 1 {
		t.Errorf("the loss is %d lines in the log:\n%s", n, b.log)
	}
}

// TestWithoutHardware runs with nothing at all, and with things that fail.
func TestWithoutHardware(t *testing.T) {
	b := newBox(t)
	b.Open = nil
	b.start()
	b.deliver(mail)
	b.until("the picture for the page", func() bool { return !b.Glass().Frame.Equal(hw.NewFrame(hw.Dots128x64)) })
	if b.Fault() != nil {
		t.Errorf("a display nobody wants is missing: %v", b.Fault())
	}
	b.stop()

	b = newBox(t)
	b.Open = func() (hw.Display, error) { return nil, errors.New("no display answers") }
	b.LED, b.Button = broken{}, broken{}
	b.start()
	b.deliver(mail)
	b.until("mail to be signalled", func() bool { return b.Signal() == SignalMail })
	b.until("three complaints", func() bool {
		log := b.log.String()
		return strings.Contains(log, "no screen") && strings.Contains(log, "LED does not blink") &&
			strings.Contains(log, "button is out of order")
	})
}

// broken is an LED and a button that do not work.
type broken struct{}

func (broken) Blink(hw.Pattern) error             { return os.ErrPermission }
func (broken) Wait(context.Context) (bool, error) { return false, os.ErrPermission }
func (broken) Close() error                       { return os.ErrPermission }

// finger is a button pressed by a test.
type finger chan bool

func (f finger) Wait(ctx context.Context) (bool, error) {
	select {
	case down := <-f:
		return down, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
func (finger) Close() error { return nil }

func TestButton(t *testing.T) {
	b := newBox(t)
	f := make(finger)
	b.Button = f
	b.start()
	b.await("✉0 unread")
	f <- true
	f <- false
	b.await("Disk 41%")
	b.Say(Updating)
	b.await("Do not unplug")
	b.Update("1.5.0", 62)
	b.await("62%")
	b.Update("", 0)
	b.await("Disk 41%")
}

func TestChoicesAreChecked(t *testing.T) {
	b := newBox(t)
	err := b.Store.Update(func(tx *store.Tx) error { return WriteChoices(tx, Choices{NightFrom: 24}) })
	if err == nil {
		t.Error("a night from 24 was taken")
	}
	err = b.Store.Update(func(tx *store.Tx) error { return WriteChoices(tx, Choices{BlankMinutes: -1}) })
	if err == nil {
		t.Error("-1 minutes were taken")
	}
	b.update(func(tx *store.Tx) error { return WriteChoices(tx, Choices{NightFrom: 20, NightTo: 6}) })
	b.update(func(tx *store.Tx) error {
		c, err := ReadChoices(tx)
		if err == nil && (c.NightFrom != 20 || c.NightTo != 6 || c.BlankMinutes != 0) {
			t.Errorf("read back %+v", c)
		}
		return err
	})
}

func TestQuotaAndZone(t *testing.T) {
	b := newBox(t)
	b.deliver(mail + strings.Repeat("x", 4096))
	b.update(func(tx *store.Tx) error {
		b.anna.Quota = 3000
		if err := tx.PutAccount(b.anna); err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.TimeZone = "Europe/Athens"
		return tx.PutSettings(set)
	})
	g := gatherer{store: b.Store, sys: t.TempDir(), proc: t.TempDir()}
	f, _, err := g.gather(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if f.Clock() != "15:00" {
		t.Errorf("it is %s in Athens, want 15:00", f.Clock())
	}
	if q := f.People[0].Quota; q < 100 {
		t.Errorf("quota %d%%", q)
	}
	if a := f.alerts(); len(a) == 0 || a[0].ID != "quota/Anna" {
		t.Errorf("alerts %+v", a)
	}
}

// TestNewGrowsOld counts again when nothing but the time has changed.
func TestNewGrowsOld(t *testing.T) {
	b := newBox(t)
	b.deliver(mail)
	g := gatherer{store: b.Store, sys: t.TempDir(), proc: t.TempDir()}
	for _, test := range []struct {
		after  time.Duration
		number int
		recent bool
	}{{0, 1, true}, {2 * time.Hour, 1, false}, {25 * time.Hour, 0, false}, {time.Hour / 2, 1, true}} {
		f, _, err := g.gather(time.Now().Add(test.after))
		if err != nil {
			t.Fatal(err)
		}
		if p := f.People[0]; p.New != test.number || p.Recent != test.recent || p.Unread != 1 {
			t.Errorf("after %v: %+v", test.after, p)
		}
	}
}
