package panel

import (
	"fmt"

	"posthorn/hw/font"
)

// drawFlat draws for 128 by 32 dots: three lines of text.
func (c *canvas) drawFlat(f *Face, v View) {
	switch v.Page {
	case Home:
		c.flatHome(f)
	case People:
		c.people(f, v, 10)
	case Health:
		c.flatHealth(f)
	case Address:
		c.flatAddress(f)
	case SetUp:
		c.flatSetUp(f)
	case Alerts:
		c.flatAlert(v)
	case Busy:
		c.flatBusy(f)
	case Holding:
		c.flatHolding(v)
	case Night:
		c.night(f, v)
	}
}

func (c *canvas) flatHome(f *Face) {
	text := font.Fixed6x10()
	x := 0
	for _, r := range count(f.Unread()) {
		c.glyph(font.Fixed10x20(), x, 0, r, 1)
		x += 10
	}
	x += 4
	left := c.textRight(text, c.w, 0, f.Clock())
	c.text(text, x, 0, left-4, "unread")
	c.text(text, x, 10, c.w, f.newWords())
	c.text(font.Fixed5x8(), 0, 23, c.w, f.footer())
}

func (c *canvas) flatHealth(f *Face) {
	text := font.Fixed6x10()
	left := c.textRight(text, c.w, 0, f.temperature())
	c.text(text, 0, 0, left-4, f.health())
	c.disk(f, 11)
	c.text(text, 0, 21, c.w, join(" · ", fmt.Sprintf("Queue %d", f.Queue.Waiting), shortly(f.backup())))
}

func (c *canvas) flatAddress(f *Face) {
	text, small := font.Fixed6x10(), font.Fixed5x8()
	c.text(text, 0, 0, c.w, f.Host)
	if len(f.Links) == 0 {
		c.text(text, 0, 11, c.w, "No network")
		return
	}
	l := f.Links[0]
	addr := l.Addr.String()
	if width(text, addr) <= c.w {
		c.text(text, 0, 11, c.w, addr)
		c.text(small, 0, 23, c.w, join(" ", l.Name, l.speed()))
		return
	}
	for i, line := range wrap(addr, c.w/small.Width) {
		c.text(small, 0, 12+i*9, c.w, line)
	}
}

func (c *canvas) flatSetUp(f *Face) {
	text := font.Fixed6x10()
	right := c.code(f.Setup.URL) - 2
	c.text(text, 0, 0, right, "Set up:")
	c.text(text, 0, 10, right, f.Host)
	if f.Setup.Code != "" {
		c.text(text, 0, 21, right, "Code "+f.Setup.code())
	}
}

func (c *canvas) flatAlert(v View) {
	text, small := font.Fixed6x10(), font.Fixed5x8()
	right := c.w
	if v.Total > 1 {
		right = c.textRight(small, c.w, 1, fmt.Sprintf("%d/%d", v.Rank, v.Total)) - 4
	}
	c.text(text, 0, 0, right, "! "+v.Alert.Title)
	for i, l := range alertPart(v, c.Size()) {
		c.text(small, 0, 13+9*i, c.w, l)
	}
}

func (c *canvas) flatBusy(f *Face) {
	text := font.Fixed6x10()
	what, do := f.busyWords()
	right := ""
	if f.Phase == Updating {
		right = fmt.Sprintf("%d%%", f.Progress)
	}
	left := c.textRight(text, c.w, 0, right)
	c.text(text, 0, 0, left-4, what)
	c.banner(do, 15)
}

func (c *canvas) flatHolding(v View) {
	c.text(font.Fixed6x10(), 0, 0, c.w, fmt.Sprintf("Shut down in %d s", v.Seconds))
	c.banner("Let go to cancel", 15)
}
