package write

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Limits of the addresses known for completion. They are read from mail that is
// there already and kept in memory only: nothing is written for them.
const (
	bookAge      = 10 * time.Minute
	bookMessages = 400 // of the newest in Sent, and in INBOX
	bookSize     = 500 // addresses of one person
	bookPeople   = 20  // people whose addresses are kept
	bookAnswer   = 8   // addresses offered at a time
)

// contact is somebody a letter may go to.
type contact struct {
	compose.Address
	weight int // the higher, the sooner offered
	key    string
}

// book is the addresses people have used, by account.
type book struct {
	mu  sync.Mutex
	all map[store.AccountID]*pages
}

// pages are one person's.
type pages struct {
	made     time.Time
	contacts []contact
}

// forget has an account's addresses read anew.
func (b *book) forget(account store.AccountID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, account)
}

func (b *book) get(account store.AccountID) []contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.all[account]; p != nil && time.Since(p.made) < bookAge {
		return p.contacts
	}
	return nil
}

// put keeps an account's addresses, instead of the oldest if there are many.
func (b *book) put(account store.AccountID, contacts []contact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = make(map[store.AccountID]*pages)
	}
	if len(b.all) >= bookPeople {
		var oldest store.AccountID
		for id, p := range b.all {
			if oldest == 0 || p.made.Before(b.all[oldest].made) {
				oldest = id
			}
		}
		delete(b.all, oldest)
	}
	b.all[account] = &pages{time.Now(), contacts}
}

// suggestion is an address offered.
type suggestion struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
	Text    string `json:"text"` // as it goes into the field
}

// addresses answers a script that completes what is typed.
func (w *Write) addresses(rw http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	contacts := w.book.get(p.Account)
	if contacts == nil {
		var err error
		if contacts, err = w.readBook(p); err != nil {
			w.area.Fail(rw, r, err)
			return
		}
		w.book.put(p.Account, contacts)
	}
	w.Site.JSON(rw, r, http.StatusOK, match(contacts, r.URL.Query().Get("q")))
}

// match picks those whose address, name or a word of it begins with what was
// typed.
func match(contacts []contact, typed string) []suggestion {
	found := []suggestion{}
	typed = strings.TrimSpace(message.Fold(typed))
	if typed == "" || len(typed) > compose.MaxAddress {
		return found
	}
	for _, c := range contacts {
		if strings.HasPrefix(c.key, typed) || strings.Contains(c.key, " "+typed) {
			found = append(found, suggestion{c.Name, c.Address.Address, c.Address.String()})
			if len(found) == bookAnswer {
				break
			}
		}
	}
	return found
}

// readBook collects the household's addresses and those of the newest mail:
// whom one wrote to comes before who wrote.
func (w *Write) readBook(p *session.Person) ([]contact, error) {
	seen := make(map[string]*contact)
	add := func(a compose.Address, weight int) {
		key := strings.ToLower(a.Address)
		c := seen[key]
		if c == nil {
			if len(seen) == bookSize {
				return
			}
			c = &contact{Address: a}
			seen[key] = c
		}
		if c.Name == "" {
			c.Name = a.Name
		}
		c.weight += weight
	}
	err := w.Store.View(func(tx *store.Tx) error {
		clear(seen)
		if err := w.household(tx, p, add); err != nil {
			return err
		}
		for _, from := range []struct {
			role   store.Role
			weight int
		}{{store.RoleSent, 10}, {store.RoleInbox, 1}} {
			if err := readUsed(tx, p.Account, from.role, from.weight, add); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	contacts := make([]contact, 0, len(seen))
	for _, c := range seen {
		c.key = message.Fold(c.Address.Address + " " + c.Name + " " + c.Address.Address[strings.LastIndexByte(c.Address.Address, '@')+1:])
		contacts = append(contacts, *c)
	}
	slices.SortFunc(contacts, func(a, b contact) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.Address.Address, b.Address.Address))
	})
	return contacts, nil
}

// household adds those who live here.
func (w *Write) household(tx *store.Tx, p *session.Person, add func(compose.Address, int)) error {
	set, err := tx.Settings()
	if err != nil {
		return err
	}
	domain := append(set.Domains, w.Office.Name())[0]
	all, err := tx.Accounts()
	for _, a := range all {
		if a.ID != p.Account && !a.Disabled {
			add(compose.Address{Name: a.DisplayName, Address: a.Name + "@" + domain}, 20)
		}
	}
	return err
}

// readUsed adds the people of the newest messages of a mailbox: who got those
// that were sent, who wrote those that came.
func readUsed(tx *store.Tx, account store.AccountID, role store.Role, weight int, add func(compose.Address, int)) error {
	mb, err := tx.MailboxByRole(account, role)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	uids, err := tx.UIDs(mb.ID)
	if err != nil {
		return err
	}
	for n := uids.Len(); n > max(0, uids.Len()-bookMessages); n-- {
		m, err := messageAt(tx, mb.ID, uids.At(n))
		if err != nil {
			return err
		}
		info, err := message.Unmarshal(m.Meta)
		if err != nil {
			continue
		}
		people := info.Envelope.From
		if role == store.RoleSent {
			people = slices.Concat(info.Envelope.To, info.Envelope.Cc, info.Envelope.Bcc)
		}
		for _, a := range compose.Addresses(people[:min(len(people), 20)]) {
			add(a, weight)
		}
	}
	return nil
}
