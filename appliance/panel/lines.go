package panel

import (
	"fmt"

	"posthorn/hw"
)

// lines writes on a frame of characters.
type lines struct {
	*hw.Frame
	w int
}

func newLines(size hw.Size) *lines { return &lines{hw.NewFrame(size), size.Width()} }

// put writes one line with something at its right end.
func (l *lines) put(row int, left, right string) {
	for i, r := range []rune(between(onLCD(left), onLCD(right), l.w)) {
		l.Put(i, row, r)
	}
}

// pair writes two facts, or only the first where there is no room for both.
func (l *lines) pair(row int, left, right string) {
	if len([]rune(onLCD(left)))+1+len([]rune(onLCD(right))) > l.w {
		right = ""
	}
	l.put(row, left, right)
}

// bar draws how full something is, between two columns.
func (l *lines) bar(row, from, to, percent int) {
	full := (to - from) * min(max(percent, 0), 100) / 100
	for i := range to - from {
		r := '░'
		if i < full {
			r = '█'
		}
		l.Put(from+i, row, r)
	}
}

// unreadWords is the count with its word, shorter where n characters are not
// enough.
func (f *Face) unreadWords(n int) string {
	c := count(f.Unread())
	for _, s := range []string{"✉" + c + " unread", c + " unread"} {
		if len([]rune(s)) <= n {
			return s
		}
	}
	return "✉" + c
}

// draw2 writes for 16 by 2 characters.
func (l *lines) draw2(f *Face, v View) {
	switch v.Page {
	case Home:
		l.put(0, f.unreadWords(l.w-6), f.Clock())
		l.put(1, join(", ", f.newWords(), f.newest()), "")
	case People:
		l.people(f, v)
	case Health:
		if v.Part == 0 {
			l.put(0, f.health(), f.temperature())
			l.pair(1, fmt.Sprintf("Disk %d%%", f.Disk.Used), "up "+span(f.Uptime))
			return
		}
		l.pair(0, fmt.Sprintf("Queue %d", f.Queue.Waiting), "junk "+count(f.Junk))
		l.put(1, f.backup(), "")
	case Address:
		l.put(0, f.Host, "")
		if s := f.firstAddr(); len(s) <= l.w {
			l.put(1, s, "")
		} else {
			l.put(1, f.Links[0].Name, "IPv6 only")
		}
	case SetUp:
		l.put(0, f.Host, "")
		if f.Setup.Code != "" {
			l.put(1, "Code", f.Setup.code())
		}
	case Alerts:
		l.put(0, "⚠"+v.Alert.Title, rank(v))
		l.alert(v, 1)
	case Busy:
		what, do := f.busyWords()
		l.put(0, what, f.percent())
		l.put(1, do, "")
	case Holding:
		l.put(0, "Shut down", fmt.Sprintf("in %d s", v.Seconds))
		l.put(1, "let go to cancel", "")
	case Night:
		l.put(0, "", f.Clock())
		l.put(1, "✉"+count(f.Unread()), "")
	}
}

// draw4 writes for 20 by 4 characters.
func (l *lines) draw4(f *Face, v View) {
	switch v.Page {
	case Home:
		l.put(0, f.title(), f.Clock())
		l.put(1, f.unreadWords(l.w-7), f.newWords())
		if s := f.footer(); s == f.health() { // which is below
			l.put(2, f.Host, "")
		} else {
			l.put(2, s, "")
		}
		l.pair(3, f.health(), fmt.Sprintf("disk %d%%", f.Disk.Used))
	case People:
		l.people(f, v)
	case Health:
		l.put(0, f.health(), f.temperature())
		l.put(1, "Disk", fmt.Sprintf("%d%%", f.Disk.Used))
		l.bar(1, 5, 15, f.Disk.Used)
		l.pair(2, fmt.Sprintf("Queue %d", f.Queue.Waiting), "junk "+count(f.Junk))
		l.pair(3, shortly(f.backup()), "up "+span(f.Uptime))
	case Address:
		l.put(0, f.Host, "")
		row := 1
		for _, s := range wrap(f.firstAddr(), l.w) {
			l.put(row, s, "")
			row++
		}
		if len(f.Links) > 0 {
			l.put(row, f.Links[0].Name, f.Links[0].speed())
			row++
		}
		l.put(row, fmt.Sprintf("%d mail programs", f.Clients), "")
	case SetUp:
		l.put(0, "To set up, go to", "")
		l.put(1, f.Host, "")
		if f.Setup.Code != "" {
			l.put(3, "Code", f.Setup.code())
		}
	case Alerts:
		l.put(0, "⚠"+v.Alert.Title, rank(v))
		l.alert(v, 1)
	case Busy:
		what, do := f.busyWords()
		l.put(0, what, f.percent())
		if f.Phase == Updating {
			l.bar(1, 0, l.w, f.Progress)
		}
		if f.Phase != Booting {
			l.put(2, "Mail is kept safe.", "")
		}
		l.put(3, do, "")
	case Holding:
		l.put(1, "  Shut down", fmt.Sprintf("in %d s  ", v.Seconds))
		l.put(2, "  Let go to cancel", "")
	case Night:
		l.put(0, "", f.Clock())
		l.put(3, "✉"+count(f.Unread()), "")
	}
}

func (l *lines) people(f *Face, v View) {
	for i, p := range f.part(v.Part, l.Size()) {
		n := count(p.Unread)
		if p.Recent {
			n += "*"
		}
		l.put(i, p.Name, n)
	}
}

func (l *lines) alert(v View, row int) {
	for i, s := range alertPart(v, l.Size()) {
		l.put(row+i, s, "")
	}
}

// newest is a few words on the newest mail, for a line that has little room.
func (f *Face) newest() string {
	switch {
	case f.Latest == nil:
		return f.footer()
	case f.Latest.Sender != "":
		return f.Latest.Sender
	case len(f.People) > 1:
		return f.Latest.For
	}
	return f.ago(f.Latest.At)
}

func (f *Face) firstAddr() string {
	if len(f.Links) == 0 {
		return "No network"
	}
	return f.Links[0].Addr.String()
}

// percent is how far an update is.
func (f *Face) percent() string {
	if f.Phase != Updating {
		return ""
	}
	return fmt.Sprintf("%d%%", f.Progress)
}

// rank is where an alert stands among several.
func rank(v View) string {
	if v.Total < 2 {
		return ""
	}
	return fmt.Sprintf("%d/%d", v.Rank, v.Total)
}
