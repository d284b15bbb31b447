package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/panel"
	"posthorn/hw"
	"posthorn/hw/detect"
	"posthorn/hw/led"
	"posthorn/hw/softpanel"
	"posthorn/store"
)

// Hardware is the screen, LED and button that hang on the board. The zero
// value is none of them.
type Hardware struct {
	Display detect.Spec
	LED     string // as detect.Machine.LED reads it
	Button  string // as detect.Machine.Button reads it
	// Terminal is where a display of kind detect.Terminal is drawn; nil is
	// nowhere.
	Terminal *softpanel.Terminal
}

// terminalGap is how often the picture in a terminal is looked at.
const terminalGap = 100 * time.Millisecond

// newPanel makes what runs screen, LED and button. What can't be opened is
// logged and done without.
func (b *Box) newPanel(m *detect.Machine) *panel.Runner {
	h := b.config.Hardware
	r := &panel.Runner{Store: b.store, Hub: b.hub, Log: b.log, Facts: (&informant{Box: b}).tell, ShutDown: b.powerOff}
	switch {
	case h.Display.Where == detect.Nowhere:
	case h.Display.Where == detect.Auto && !m.MayProbe():
		b.log.Debug("no display is looked for", "why", detect.ErrNotHere)
	case h.Display.Where == detect.Terminal || h.Display.Where == detect.Soft:
		d, glass, err := detect.SoftDisplay(h.Display)
		if err != nil {
			b.log.Warn("no display", "error", err)
			break
		}
		r.Open = func() (hw.Display, error) { return d, nil }
		b.glass = glass
	default:
		r.Glows = true
		r.Open = func() (hw.Display, error) { return m.Display(h.Display) }
	}
	var err error
	if r.LED, err = m.LED(h.LED); err != nil {
		r.LED = nil
		if !errors.Is(err, led.ErrNone) {
			b.log.Warn("no LED", "error", err)
		}
	}
	if r.Button, err = m.Button(h.Button); err != nil {
		r.Button = nil
		b.log.Warn("no button", "error", err)
	}
	return r
}

// startScreen runs screen, LED and button until the function it returns is
// called, which waits for the last picture: that the box may be unplugged.
func (b *Box) startScreen(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.panel.Run(ctx); err != nil {
			b.log.Error("part failed", "part", "screen", "error", err)
		}
	}()
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		b.drawTerminal(done)
	}()
	return func() {
		cancel()
		<-done
		<-drawn
	}
}

// drawTerminal shows the glass in a terminal, if there is one and it is wanted,
// until the last picture is there.
func (b *Box) drawTerminal(last <-chan struct{}) {
	t := b.config.Hardware.Terminal
	if t == nil || b.glass == nil {
		return
	}
	tick := time.NewTicker(terminalGap)
	defer tick.Stop()
	for ended := false; ; {
		if err := t.Show(b.glass().String()); err != nil {
			b.log.Warn("screen can't be drawn in the terminal", "error", err)
			return
		}
		if ended {
			return
		}
		select {
		case <-tick.C:
		case <-last:
			ended = true
		}
	}
}

// queueAge is how old what is shown of the queue may be: a long one takes a
// while to go through.
const queueAge = 5 * time.Second

// informant tells the panel what only the box knows.
type informant struct {
	*Box
	waiting panel.Queue
	read    time.Time // when waiting was
}

// tell adds it to the facts; the panel calls it from one goroutine.
func (i *informant) tell(f *panel.Face) {
	f.Host = i.hostname() + ".local"
	f.Version = i.config.Version
	f.ClockSet = i.clock.Set()
	f.Certificate = i.certs.Until()
	for _, s := range i.services {
		if strings.HasPrefix(s.name, "imap") || strings.HasPrefix(s.name, "pop3") {
			f.Clients += int(s.open.Load())
		}
	}
	f.Setup.URL = "http://" + f.Host
	if p := i.config.Ports.HTTP; p != 80 {
		f.Setup.URL += fmt.Sprintf(":%d", p)
	}
	if f.Setup.Needed {
		f.Setup.Code = i.code.Show()
		f.Setup.URL += "/#" + f.Setup.Code // the page reads it; browsers send it to nobody
	}
	if time.Since(i.read) >= queueAge {
		if q, err := i.queue.Facts(); err == nil { // else what was known stays
			i.waiting = panel.Queue{Waiting: q.Waiting, Failing: q.Failing, Reason: q.Reason}
		}
		i.read = time.Now()
	}
	f.Queue = i.waiting
	_ = i.store.View(func(tx *store.Tx) (err error) { // unknown is the zero time
		f.Backup, err = control.LastBackup(tx)
		return err
	})
}

// powerOff shuts the board down; the system then tells the box to stop, as
// always.
func (b *Box) powerOff() {
	b.panel.Say(panel.Stopping)
	go func() {
		if out, err := exec.Command("poweroff").CombinedOutput(); err != nil {
			b.log.Error("can't shut down", "error", err, "said", string(bytes.TrimSpace(out)))
			b.panel.Say(panel.Running)
		}
	}()
}

// Screen returns what the display shows, or would show if there were one.
func (b *Box) Screen() softpanel.Glass {
	if b.glass != nil {
		return b.glass()
	}
	return b.panel.Glass()
}

// serveScreen serves what the display shows as a picture. Before the set-up
// that is a code which only who stands before the box shall know.
func (b *Box) serveScreen(w http.ResponseWriter, _ *http.Request) {
	if b.empty() {
		http.Error(w, "the screen shows the code for the set-up: look at the box itself", http.StatusForbidden)
		return
	}
	var png bytes.Buffer
	if err := b.Screen().PNG(&png); err != nil {
		http.Error(w, "no picture of the screen", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(png.Bytes())
}
