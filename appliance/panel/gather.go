package panel

import (
	"errors"
	"fmt"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// newest bounds how many unread messages of an INBOX are looked at to tell how
// many are new, from the last one back.
const newest = 99

// gatherer reads a Face from the store and the operating system.
type gatherer struct {
	store     *store.Store
	facts     func(*Face)
	sys, proc string
	// counts remembers the INBOXes that have not changed since: a small board
	// would be busy with nothing else while mail pours in.
	counts map[store.MailboxID]counted
	// pace remembers how much room there was some days ago.
	pace pace
}

// counted is what was found in an INBOX.
type counted struct {
	modSeq uint64
	at     time.Time
	number int // of new messages
	recent bool
	last   store.Entry
}

// countAge is how long a count stands in an INBOX that does not change:
// messages grow older.
const countAge = time.Minute

// gather reads everything anew. What the store can't tell is left out, and the
// error says why.
func (g *gatherer) gather(now time.Time) (*Face, Choices, error) {
	f := &Face{Now: now, ClockSet: plausible(now)}
	readSystem(f, g.sys, g.proc)
	g.disk(f)
	choices := DefaultChoices()
	err := g.store.View(func(tx *store.Tx) error {
		var err error
		if choices, err = ReadChoices(tx); err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		f.Household = set.Household
		if zone, err := time.LoadLocation(set.TimeZone); err == nil {
			f.Now = f.Now.In(zone)
		}
		return g.people(tx, f, choices)
	})
	if g.facts != nil {
		g.facts(f)
	}
	if err != nil {
		return f, choices, fmt.Errorf("panel: reading what to show: %w", err)
	}
	return f, choices, nil
}

// firstYear is when this program was written: a clock before it is not set.
const firstYear = 2026

// plausible is all that can be told of a clock without asking others.
func plausible(now time.Time) bool { return now.Year() >= firstYear }

func (g *gatherer) disk(f *Face) {
	h := g.store.Health()
	f.Disk.Full = h.Full
	f.Disk.Errors = int(h.Corrupt)
	if h.Err != nil {
		f.Disk.Errors++
	}
	if h.Total > 0 {
		// What is kept in reserve is not there for mail.
		usable := max(h.Total-h.Reserve, 1)
		free := min(max(h.Free-h.Reserve, 0), usable)
		f.Disk.Used = int(100 * (usable - free) / usable)
		f.Disk.Days = g.pace.days(free, f.Now)
	}
}

// A pace is measured over so long: less says nothing, more is past.
const (
	paceLeast = 24 * time.Hour
	paceMost  = 7 * 24 * time.Hour
	maxDays   = 365 // beyond that nobody wants to know
)

// pace tells when a disk will be full, from the room there was before.
type pace struct {
	at   time.Time
	free int64 // octets
}

// days is how long the room lasts if it shrinks as it did; 0 is not known, or
// not soon.
func (p *pace) days(free int64, now time.Time) int {
	d := now.Sub(p.at)
	if p.at.IsZero() || d < 0 {
		*p = pace{now, free}
		return 0
	}
	if d < paceLeast || free >= p.free {
		return 0
	}
	days := float64(free) / (float64(p.free-free) / d.Hours() * 24)
	if d > paceMost {
		// Half way between then and now: the pace changes, but not at once.
		*p = pace{p.at.Add(d / 2), p.free - (p.free-free)/2}
	}
	if days > maxDays {
		return 0
	}
	return max(int(days), 1)
}

// people reads the counts of everybody, and who wrote last.
func (g *gatherer) people(tx *store.Tx, f *Face, choices Choices) error {
	accounts, err := tx.Accounts()
	if err != nil {
		return err
	}
	f.Setup.Needed = len(accounts) == 0
	before := g.counts
	g.counts = make(map[store.MailboxID]counted, len(accounts))
	var last store.Entry
	for _, a := range accounts {
		inbox, err := tx.MailboxByRole(a.ID, store.RoleInbox)
		if err != nil {
			return fmt.Errorf("INBOX of %s: %w", a.Name, err)
		}
		p := Person{Name: a.DisplayName, Unread: int(inbox.Unseen)}
		if p.Name == "" {
			p.Name = a.Name
		}
		c, ok := before[inbox.ID]
		if age := f.Now.Sub(c.at); !ok || c.modSeq != inbox.ModSeq || age < 0 || age >= countAge {
			if c, err = countNew(tx, inbox, f.Now); err != nil {
				return fmt.Errorf("INBOX of %s: %w", a.Name, err)
			}
		}
		g.counts[inbox.ID] = c
		p.New, p.Recent = c.number, c.recent
		if c.last.Saved.After(last.Saved) {
			last = c.last
			f.Latest = &Latest{For: p.Name, At: last.Saved}
		}
		if err := quota(tx, a, &p); err != nil {
			return err
		}
		if junk, err := tx.MailboxByRole(a.ID, store.RoleJunk); err == nil {
			f.Junk += int(junk.Messages)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		f.People = append(f.People, p)
	}
	if f.Latest == nil || !choices.ShowSender {
		return nil
	}
	return writer(tx, last, f.Latest, choices.ShowSubject)
}

// countNew looks at the newest unread messages of an INBOX.
func countNew(tx *store.Tx, inbox *store.Mailbox, now time.Time) (counted, error) {
	c := counted{modSeq: inbox.ModSeq, at: now}
	if inbox.Unseen == 0 {
		return c, nil
	}
	unseen, err := tx.Unseen(inbox.ID)
	if err != nil {
		return c, err
	}
	for i := unseen.Len(); i > max(unseen.Len()-newest, 0); i-- {
		e, err := tx.Entry(inbox.ID, unseen.At(i))
		if err != nil {
			return c, err
		}
		if c.last.UID == 0 {
			c.last = e
		}
		age := now.Sub(e.Saved)
		if age > 24*time.Hour {
			break
		}
		c.number++
		c.recent = c.recent || age < time.Hour
	}
	return c, nil
}

// quota fills in how much of it is used.
func quota(tx *store.Tx, a *store.Account, p *Person) error {
	if a.Quota <= 0 {
		return nil
	}
	u, err := tx.Usage(a.ID)
	if err != nil {
		return err
	}
	p.Quota = int(min(100*(u.Bytes/1024)/max(a.Quota/1024, 1), 999))
	return nil
}

// writer fills in who wrote the newest message, and about what.
func writer(tx *store.Tx, e store.Entry, l *Latest, subject bool) error {
	m, err := tx.Message(e.Message)
	if err != nil {
		return err
	}
	info, err := message.Unmarshal(m.Meta)
	if err != nil {
		// A message without what the scanner found: its time must do.
		return nil
	}
	if from := info.Envelope.From; len(from) > 0 {
		l.Sender = from[0].Name
		if l.Sender == "" {
			l.Sender = from[0].Mailbox
		}
	}
	if subject {
		l.Subject = info.Envelope.Subject
	}
	return nil
}
