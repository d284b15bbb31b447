package panel

import (
	"fmt"

	"posthorn/hw/font"
)

// drawTall draws for 128 by 64 dots.
func (c *canvas) drawTall(f *Face, v View) {
	switch v.Page {
	case Home:
		c.tallHome(f)
	case People:
		c.people(f, v, 10)
	case Health:
		c.tallHealth(f)
	case Address:
		c.tallAddress(f)
	case SetUp:
		c.tallSetUp(f)
	case Alerts:
		c.tallAlert(v)
	case Busy:
		c.tallBusy(f)
	case Holding:
		c.tallHolding(v)
	case Night:
		c.night(f, v)
	}
}

func (c *canvas) tallHome(f *Face) {
	small, text := font.Fixed5x8(), font.Fixed6x10()
	c.icon(0, 0, envelope)
	left := c.textRight(text, c.w, 0, f.Clock())
	c.text(text, 20, 0, left-4, f.title())
	x := c.big(font.Fixed10x20(), 0, 11, count(f.Unread())) + 6
	face := text
	if longest := max(len("unread"), len(f.newWords())); x+6*longest > c.w {
		face = small
	}
	c.text(face, x, 18, c.w, "unread")
	c.text(face, x, 28, c.w, f.newWords())
	if f.Latest != nil {
		c.text(small, x, 39, c.w, f.ago(f.Latest.At))
	}
	c.dotted(51)
	c.text(small, 0, 53, c.w, f.footer())
}

// people lists some, in rows of so many dots.
func (c *canvas) people(f *Face, v View, pitch int) {
	text := font.Fixed6x10()
	for i, p := range f.part(v.Part, c.Size()) {
		y := i * pitch
		if p.Recent {
			c.fill(c.w-5, y+2, 5, 5)
		}
		left := c.textRight(text, c.w-8, y, count(p.Unread))
		c.text(text, 0, y, left-4, p.Name)
	}
}

func (c *canvas) tallHealth(f *Face) {
	text := font.Fixed6x10()
	c.heading(f.health(), f.temperature())
	c.disk(f, 15)
	lines := []string{
		join(" · ", fmt.Sprintf("Queue %d", f.Queue.Waiting), fmt.Sprintf("Junk %s", count(f.Junk))),
		f.backup(),
		f.certificate(),
		join(" · ", "Up "+span(f.Uptime), f.Version),
	}
	y := 24
	for _, l := range lines {
		if l != "" {
			c.text(text, 0, y, c.w, l)
			y += 9
		}
	}
}

// heading is a title, something at the right, and a line below.
func (c *canvas) heading(title, right string) {
	face := font.Fixed6x13()
	left := c.textRight(face, c.w, 0, right)
	c.text(face, 0, 0, left-4, title)
	c.dotted(14)
}

// disk is how full the card is.
func (c *canvas) disk(f *Face, y int) {
	text := font.Fixed6x10()
	x := c.text(text, 0, y, c.w, "Disk") + 4
	right := c.textRight(text, c.w, y, fmt.Sprintf("%d%%", f.Disk.Used)) - 4
	c.bar(x, y+1, right-x, 8, f.Disk.Used)
}

func (c *canvas) tallAddress(f *Face) {
	text, small := font.Fixed6x10(), font.Fixed5x8()
	c.heading(f.Host, "")
	y := 17
	for _, l := range f.Links[:min(len(f.Links), 2)] {
		addr := l.Addr.String()
		if face := text; width(face, addr) <= c.w {
			c.text(face, 0, y, c.w, addr)
			y += 11
		} else {
			for _, line := range wrap(addr, c.w/small.Width) {
				c.text(small, 0, y, c.w, line)
				y += 9
			}
		}
		c.text(small, 0, y, c.w, join(" ", l.Name, l.speed()))
		y += 10
	}
	if len(f.Links) == 0 {
		c.text(text, 0, y, c.w, "No network")
	}
	if y <= c.h-10 {
		c.text(small, 0, c.h-9, c.w, fmt.Sprintf("%d mail programs now", f.Clients))
	}
}

func (c *canvas) tallSetUp(f *Face) {
	small, text := font.Fixed5x8(), font.Fixed6x10()
	right := c.code(f.Setup.URL) - 2
	c.text(font.Fixed6x13(), 0, 0, right, "Set up")
	y := 15
	for _, l := range wrap("Scan, or go to "+clean(f.Host), right/small.Width) {
		if y < 38 {
			c.text(small, 0, y, right, l)
			y += 8
		}
	}
	if f.Setup.Code != "" {
		c.text(small, 0, 44, right, "Code")
		c.text(text, 0, 53, right, f.Setup.code())
	}
}

func (c *canvas) tallAlert(v View) {
	small := font.Fixed5x8()
	a := v.Alert
	c.icon(0, 0, warning)
	c.text(font.Fixed6x13(), 17, 0, c.w, a.Title)
	y := 16
	if a.Percent > 0 && v.Part == 0 {
		c.bar(0, 15, c.w, 7, a.Percent)
		y = 23
	}
	for _, l := range alertPart(v, c.Size()) {
		c.text(small, 0, y, c.w, l)
		y += 8
	}
	c.foot(v)
}

// foot says how to get rid of an alert, and how many there are.
func (c *canvas) foot(v View) {
	small := font.Fixed5x8()
	right := c.w
	if v.Total > 1 {
		right = c.textRight(small, c.w, c.h-8, fmt.Sprintf("%d/%d", v.Rank, v.Total)) - 4
	}
	if v.Button {
		c.text(small, 0, c.h-8, right, "hold button: seen")
	}
}

func (c *canvas) tallBusy(f *Face) {
	text := font.Fixed6x10()
	what, do := f.busyWords()
	right := ""
	if f.Phase == Updating {
		right = join("→", f.Version, f.NextVersion)
	}
	c.heading(what, right)
	if f.Phase == Updating {
		c.bar(0, 19, c.w, 9, f.Progress)
	}
	if f.Phase != Booting {
		c.text(text, 0, 32, c.w, "Mail is kept safe.")
	}
	c.banner(do, 47)
}

// banner is a text dark on light across the picture.
func (c *canvas) banner(s string, y int) {
	face := font.Fixed6x13()
	c.text(face, (c.w-width(face, s))/2, y, c.w, s)
	c.invert(0, y, c.w, face.Height+1)
}

func (c *canvas) tallHolding(v View) {
	c.heading("Shut down?", "")
	digits := font.Fixed10x20()
	c.big(digits, (c.w-2*digits.Width)/2, 13, count(v.Seconds))
	c.banner("Let go to cancel", 47)
}

// night is an envelope and the count, somewhere else each minute.
func (c *canvas) night(f *Face, v View) {
	text := font.Fixed6x10()
	n := count(f.Unread())
	w := 15 + 4 + width(text, n)
	// A fixed rule that visits all places: steps that share no factor with
	// the room they walk in.
	x := v.Minute * 37 % (c.Size().Width() - w)
	y := v.Minute * 23 % (c.Size().Height() - 10)
	c.icon(x, y, envelope)
	c.text(text, x+19, y, c.Size().Width(), n)
}
