package house

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/diary"
	"posthorn/appliance/update"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

// How much of a kind is shown, and from when on something is late.
const (
	shownLines     = 30
	shownIncidents = 8
	backupLate     = 30 * 24 * time.Hour
	certificateEnd = 14 * 24 * time.Hour
	hot            = 80 // °C: Raspberry Pis slow down from here on
	fullSoon       = 30 // days
)

// statusPage is how the box fares, as one person may see it.
type statusPage struct {
	*control.Status
	Owner     bool
	Now       time.Time
	Worries   []string // what somebody should look at, in the reader's words
	Grave     bool     // mail is refused or in danger
	People    []personLine
	Storage   storage
	Chart     *chart
	Doors     []door
	Happened  []happening
	Lines     []string
	Update    *update.State // nil: nothing to update here
	Host      string
	Addresses []string
	Deleted   int // what can be rescued of the reader's mail
}

// personLine is one person's mail.
type personLine struct {
	Account         string // login name
	Name, Address   string
	Unread, Mails   int
	Bytes, Quota    int64
	Percent         int // of the quota; 0 without one
	Disabled, Owner bool
}

// storage is the room on the card.
type storage struct {
	Used, Usable, Free int64
	Percent            int
	Day                time.Time // when it will be full; zero: not in sight
}

// door is a service as people know it: reading, sending, taking mail.
type door struct {
	Key   string // words
	Ports string
	Open  int // connections now
}

// happening is an incident in words.
type happening struct {
	control.Incident
	Words string
}

// status shows how the box fares; with ?part only what changes, for the script.
func (h *House) status(w http.ResponseWriter, r *http.Request) {
	p, err := h.gather(r)
	if err != nil {
		h.area.Fail(w, r, err)
		return
	}
	if r.URL.Query().Has("part") {
		h.area.ShowPart(w, r, "status.html", "live", p)
		return
	}
	h.area.Show(w, r, "status.html", p)
}

func (h *House) gather(r *http.Request) (*statusPage, error) {
	st, err := h.Control.Status()
	if err != nil {
		return nil, err
	}
	who := session.From(r.Context())
	p := &statusPage{Status: st, Owner: who.Owner, Now: time.Now(), Host: h.Site.Facts.Host(), Storage: storageOf(st)}
	if p.People, err = h.people(who); err != nil {
		return nil, err
	}
	p.Doors = doors(st.Services)
	for _, a := range h.Site.Facts.Addresses() {
		p.Addresses = append(p.Addresses, a.String())
	}
	if p.Deleted, err = h.countDeleted(who.Account); err != nil {
		return nil, err
	}
	if !p.Owner {
		return p, nil
	}
	text := h.Site.Language(r)
	p.worry(text)
	p.Chart = newChart(st.Days)
	for _, i := range st.Incidents[:min(len(st.Incidents), shownIncidents)] {
		p.Happened = append(p.Happened, happening{i, happened(text, i)})
	}
	if h.Control.Lines != nil {
		lines := h.Control.Lines()
		p.Lines = lines[max(len(lines)-shownLines, 0):]
	}
	if u, err := h.Control.Update(); err == nil {
		p.Update = &u
	}
	return p, nil
}

// people are the lines of everybody for an owner, and one's own for others.
func (h *House) people(who *session.Person) (list []personLine, err error) {
	domain := h.Site.Facts.Domain()
	err = h.Store.View(func(tx *store.Tx) error {
		list = nil
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, a := range all {
			if !who.Owner && a.ID != who.Account {
				continue
			}
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			inbox, err := tx.MailboxByRole(a.ID, store.RoleInbox)
			if err != nil {
				return err
			}
			l := personLine{Account: a.Name, Name: a.DisplayName, Address: a.Name + "@" + domain, Unread: int(inbox.Unseen), Mails: int(u.Messages),
				Bytes: u.Bytes, Quota: a.Quota, Disabled: a.Disabled, Owner: a.Owner}
			if l.Name == "" {
				l.Name = a.Name
			}
			if a.Quota > 0 {
				l.Percent = int(min(100*(u.Bytes/1024)/max(a.Quota/1024, 1), 100))
			}
			list = append(list, l)
		}
		return nil
	})
	return list, err
}

// storageOf is the room on the card: what is kept in reserve is not there for
// mail.
func storageOf(st *control.Status) storage {
	d := st.Disk
	s := storage{Usable: max(d.Total-d.Reserve, 0)}
	s.Free = min(max(d.Free-d.Reserve, 0), s.Usable)
	s.Used = s.Usable - s.Free
	if s.Usable > 0 {
		s.Percent = int(100 * (s.Used / 1024) / max(s.Usable/1024, 1))
	}
	if st.FullIn >= 0 {
		s.Day = time.Now().AddDate(0, 0, st.FullIn)
	}
	return s
}

// doors gathers the services under what people use them for.
func doors(services []control.Service) (list []door) {
	for _, d := range []struct {
		key   string
		names []string
	}{
		{"status.door.in", []string{"smtp"}}, {"status.door.read", []string{"imap", "imaps", "pop3", "pop3s"}},
		{"status.door.send", []string{"submission", "submissions"}}, {"status.door.page", []string{"http", "https"}},
	} {
		one := door{Key: d.key}
		var ports []string
		for _, s := range services {
			if slices.Contains(d.names, s.Name) {
				_, port, _ := net.SplitHostPort(s.Address) // our own listener's
				ports = append(ports, port)
				one.Open += s.Open
			}
		}
		if one.Ports = strings.Join(ports, ", "); len(ports) > 0 {
			list = append(list, one)
		}
	}
	return list
}

// grave are the troubles that cost mail.
func grave(id string) bool {
	return slices.Contains([]string{"full", "damaged", "write", "server"}, id)
}

// worry puts what somebody should look at into words.
func (p *statusPage) worry(text *words.Catalogue) {
	add := func(key string, args ...any) { p.Worries = append(p.Worries, text.Text(key, args...)) }
	for _, t := range p.Troubles {
		p.Grave = p.Grave || grave(t.ID)
		add("status.trouble."+t.ID, anys(t.Args)...)
	}
	if p.Temperature >= hot {
		add("status.trouble.hot", strconv.Itoa(p.Temperature))
	}
	if p.FullIn >= 0 && p.FullIn < fullSoon && !p.Disk.Full {
		add("status.trouble.filling", strconv.Itoa(p.FullIn))
	}
	if !p.ClockSet {
		return // what follows is said by the clock
	}
	switch {
	case p.Backup.IsZero() && p.Messages > 0 && oldest(p.Days, p.Now) > backupLate/2:
		add("status.trouble.nobackup")
	case !p.Backup.IsZero() && p.Now.Sub(p.Backup) > backupLate:
		add("status.trouble.backup", strconv.Itoa(int(p.Now.Sub(p.Backup).Hours()/24)))
	}
	if c := p.Certificate; len(c.Own) > 0 && c.OwnUntil.Sub(p.Now) < certificateEnd {
		add("status.trouble.certificate", strconv.Itoa(max(int(c.OwnUntil.Sub(p.Now).Hours()/24), 0)))
	}
}

// oldest is how long the box has been in use.
func oldest(days []diary.Day, now time.Time) time.Duration {
	if len(days) == 0 {
		return 0
	}
	first, err := time.Parse(time.DateOnly, days[0].Date)
	if err != nil {
		return 0
	}
	return now.Sub(first)
}

// happened puts an incident into words.
func happened(text *words.Catalogue, i control.Incident) string {
	if i.ID == "other" {
		return text.Text("status.happened.other", i.Text)
	}
	return text.Text("status.happened."+i.ID, anys(i.Args)...)
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
