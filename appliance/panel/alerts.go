package panel

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Weight orders what asks for attention; the LED shows the highest one.
type Weight uint8

const (
	// Notice is worth knowing; the LED does not show it.
	Notice Weight = iota
	// Offline means that the box cannot be reached or does not know the time.
	Offline
	// Warning will become an error unless something is done.
	Warning
	// Error means that mail is refused or lost sight of.
	Error
)

// Alert is something a person should know and can do something about.
type Alert struct {
	ID      string // the same for the same cause
	Weight  Weight
	Title   string // up to 17 characters
	Detail  string
	Do      string // what to do next
	Percent int    // drawn as a bar; 0 = none
	Over    bool   // the cause went away before anybody saw it
}

// When a fact becomes an alert.
const (
	diskWarning    = 90 // percent
	quotaWarning   = 100
	certificateEnd = 7 * 24 * time.Hour
	backupLate     = 8 * 24 * time.Hour
	hot            = 80 // °C: Raspberry Pis slow down from here on
)

// alerts derives what is wrong from the facts, the weightiest first.
func (f *Face) alerts() []Alert {
	var all []Alert
	add := func(id string, w Weight, title, detail, do string, percent int) {
		all = append(all, Alert{ID: id, Weight: w, Title: title, Detail: detail, Do: do, Percent: percent})
	}
	d := f.Disk
	switch {
	case d.Full:
		add("disk", Error, "STORAGE FULL", "New mail is refused.", "Delete large mail, or use a larger card.", 100)
	case d.Used >= diskWarning:
		detail := "Almost full."
		if d.Days > 0 {
			detail = fmt.Sprintf("Full in about %d days.", d.Days)
		}
		add("disk", Warning, fmt.Sprintf("STORAGE %d%%", d.Used), detail, "Delete large mail, or use a larger card.", d.Used)
	}
	if d.Errors > 0 {
		add("card", Error, "CARD ERRORS", fmt.Sprintf("%d reads or writes failed.", d.Errors), "Make a backup now, then replace the card.", 0)
	}
	if q := f.Queue; q.Failing > 0 {
		detail := fmt.Sprintf("%d not delivered.", q.Failing)
		if q.Reason != "" {
			detail += " " + clean(q.Reason)
		}
		add("queue", Warning, "MAIL IS STUCK", detail, "See Outbox on the page.", 0)
	}
	f.timeAlerts(add)
	if f.Phase == Running && len(f.Links) == 0 {
		add("network", Offline, "NO NETWORK", "Nobody can reach the mail box.", "Check the cable or the Wi-Fi name.", 0)
	}
	for _, p := range f.People {
		if p.Quota >= quotaWarning {
			add("quota/"+p.Name, Warning, "MAILBOX FULL", clean(p.Name)+" gets no more mail.", "Delete mail, or allow more on the page.", 0)
		}
	}
	if f.Temperature >= hot {
		add("heat", Warning, "TOO HOT", f.temperature()+".", "Give the box more air.", 0)
	}
	slices.SortStableFunc(all, byWeight)
	return all
}

// timeAlerts are those that need a clock.
func (f *Face) timeAlerts(add func(id string, w Weight, title, detail, do string, percent int)) {
	if f.Phase == Running && !f.ClockSet {
		add("clock", Offline, "CLOCK NOT SET", "Dates of mail may be wrong.", "Check that the Internet can be reached.", 0)
		return
	}
	if c := f.Certificate; !c.IsZero() && c.Sub(f.Now) < certificateEnd {
		detail := fmt.Sprintf("Ends in %s.", span(c.Sub(f.Now)))
		if !c.After(f.Now) {
			detail = "Mail programs refuse to connect."
		}
		add("certificate", Warning, "CERTIFICATE ENDS", detail, "Restart the box; it makes a new one.", 0)
	}
	if b := f.Backup; !b.IsZero() && f.Now.Sub(b) > backupLate {
		add("backup", Warning, "NO BACKUP", "The last one is "+span(f.Now.Sub(b))+" old.", "Plug in the backup disk.", 0)
	}
}

func byWeight(a, b Alert) int {
	if a.Weight != b.Weight {
		return int(b.Weight) - int(a.Weight)
	}
	return strings.Compare(a.ID, b.ID)
}

// maxAlerts bounds what is remembered; the weightiest stay.
const maxAlerts = 32

// memory keeps alerts until somebody has seen them, even when their cause has
// gone, and keeps quiet about those seen until they come back or get worse.
type memory struct {
	unseen map[string]Alert
	seen   map[string]Weight
}

// update takes what is wrong now. It reports whether something is new.
func (m *memory) update(now []Alert) (news bool) {
	if m.unseen == nil {
		m.unseen, m.seen = map[string]Alert{}, map[string]Weight{}
	}
	active := map[string]bool{}
	for _, a := range now {
		active[a.ID] = true
		if w, ok := m.seen[a.ID]; ok && w >= a.Weight {
			continue
		}
		delete(m.seen, a.ID)
		old, known := m.unseen[a.ID]
		if !known && len(m.unseen) >= maxAlerts {
			continue
		}
		news = news || !known || old.Over || old.Weight < a.Weight
		m.unseen[a.ID] = a
	}
	for id, a := range m.unseen {
		if !active[id] && !a.Over {
			a.Over, a.Weight = true, Notice
			m.unseen[id] = a
		}
	}
	for id := range m.seen {
		if !active[id] {
			delete(m.seen, id)
		}
	}
	return news
}

// list returns the alerts nobody has seen, the weightiest first.
func (m *memory) list() []Alert {
	var all []Alert
	for _, a := range m.unseen {
		all = append(all, a)
	}
	slices.SortFunc(all, byWeight)
	return all
}

// acknowledge marks everything as seen. It reports whether there was anything.
func (m *memory) acknowledge() bool {
	any := len(m.unseen) > 0
	for id, a := range m.unseen {
		if !a.Over {
			m.seen[id] = a.Weight
		}
	}
	clear(m.unseen)
	return any
}
