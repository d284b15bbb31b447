package panel

import (
	"posthorn/hw"
)

// Page is one of the pictures the box can show.
type Page uint8

const (
	// Home is the count of unread mail.
	Home Page = iota
	// People is the count of each person.
	People
	// Health is disk, queue, backup and the like.
	Health
	// Address is how to reach the box.
	Address
	// SetUp is QR code and code for the first visit to the page.
	SetUp
	// Alerts is one alert and what to do about it.
	Alerts
	// Busy is the whole box starting, updating, stopping, or stopped.
	Busy
	// Holding tells what happens if the button is held on.
	Holding
	// Night is next to nothing.
	Night
)

// Pages lists every page.
func Pages() []Page {
	return []Page{Home, People, Health, Address, SetUp, Alerts, Busy, Holding, Night}
}

// String returns the page's name in lower case.
func (p Page) String() string {
	return [...]string{"home", "people", "health", "address", "set-up", "alert", "busy", "holding", "night"}[p]
}

// View is what is to be seen of a Face.
type View struct {
	Page Page
	Part int // of a page that has more to say than fits, from 0
	// Alert is the one to show on the page Alerts; Rank of Total says where it
	// stands among those nobody has seen.
	Alert       Alert
	Rank, Total int
	// Button says that there is one to acknowledge an alert with.
	Button bool
	// Seconds until the box shuts down, on the page Holding.
	Seconds int
	// Minute moves the picture a little each minute, against burn-in.
	Minute int
}

// Draw is the one way from facts to a picture. It is a pure function: the same
// Face, View and size give the same frame.
func Draw(f *Face, v View, size hw.Size) *hw.Frame {
	if size.IsText() {
		l := newLines(size)
		if size == hw.Text20x4 {
			l.draw4(f, v)
		} else {
			l.draw2(f, v)
		}
		return l.Frame
	}
	c := newCanvas(size)
	if size == hw.Dots128x64 {
		c.drawTall(f, v)
	} else {
		c.drawFlat(f, v)
	}
	if v.Page == SetUp || v.Page == Night {
		return c.Frame // one needs every dot, the other moves by itself
	}
	right := v.Minute % (slackRight + 1)
	down := v.Minute / (slackRight + 1) % (slackDown(size) + 1)
	return c.Moved(right, down)
}

// Parts says how many parts a page has on a display.
func Parts(f *Face, v View, size hw.Size) int {
	rows := peopleRows(size)
	switch {
	case v.Page == People:
		return max((len(f.People)+rows-1)/rows, 1)
	case v.Page == Alerts:
		return max((len(alertLines(v.Alert, size))+alertRows(size)-1)/alertRows(size), 1)
	case v.Page == Health && size == hw.Text16x2:
		return 2
	}
	return 1
}

// peopleRows is how many people fit.
func peopleRows(size hw.Size) int {
	switch size {
	case hw.Dots128x64:
		return 6
	case hw.Dots128x32:
		return 3
	case hw.Text16x2:
		return 2
	}
	return 4
}

// part returns the people of one part.
func (f *Face) part(n int, size hw.Size) []Person {
	rows := peopleRows(size)
	first := min(max(n, 0)*rows, len(f.People))
	return f.People[first:min(first+rows, len(f.People))]
}

// alertRows is how many lines of an alert fit below its title.
func alertRows(size hw.Size) int {
	switch size {
	case hw.Dots128x64:
		return 4
	case hw.Dots128x32:
		return 2
	case hw.Text16x2:
		return 1
	}
	return 3
}

// alertLines is everything an alert says below its title.
func alertLines(a Alert, size hw.Size) []string {
	n := size.Width()
	if !size.IsText() {
		n = (size.Width() - slackRight) / 5
	}
	if a.Over {
		return wrap(a.Detail+" It is over now.", n)
	}
	return append(wrap(a.Detail, n), wrap(a.Do, n)...)
}

// alertPart returns the lines of one part.
func alertPart(v View, size hw.Size) []string {
	lines, rows := alertLines(v.Alert, size), alertRows(size)
	first := min(max(v.Part, 0)*rows, len(lines))
	return lines[first:min(first+rows, len(lines))]
}

// busyWords is what the page Busy says: what is happening, and what to do.
func (f *Face) busyWords() (what, do string) {
	switch f.Phase {
	case Booting:
		return "Starting", "One moment"
	case Updating:
		return "Updating", "Do not unplug"
	case Stopping:
		return "Shutting down", "Do not unplug"
	}
	return "Switched off", "Safe to unplug"
}
