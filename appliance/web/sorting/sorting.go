// Package sorting is the page of a person's rules: each is shown as a sentence,
// and made by choosing from lists. What rules are and do is in package rules.
package sorting

import (
	"cmp"
	"embed"
	"net/http"
	"strconv"
	"strings"

	"posthorn/appliance/rules"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

//go:embed templates
var files embed.FS

// Sorting serves the pages. Its fields must be set.
type Sorting struct {
	Site  *page.Site
	Store *store.Store

	area *page.Area
}

// Routes registers the pages.
func (s *Sorting) Routes() (err error) {
	if s.area, err = s.Site.Area(files, "sorting"); err != nil {
		return err
	}
	s.Site.About(page.Entry{Path: "/me/rules", Key: "sorting.title", Order: 20})
	s.Site.Person("GET /me/rules", s.list)
	s.Site.Person("POST /me/rules", s.change)
	s.Site.Person("POST /me/rules/apply", s.apply)
	s.Site.Person("GET /me/rules/edit", s.edit)
	s.Site.Person("POST /me/rules/edit", s.save)
	return nil
}

// shown is a rule as the list shows it.
type shown struct {
	ID          int
	Sentence    string
	Off         bool
	Gone        bool // its folder is
	First, Last bool
}

// read returns the person's rules and folders.
func (s *Sorting) read(p *session.Person) (list rules.List, folders []*store.Mailbox, err error) {
	err = s.Store.View(func(tx *store.Tx) error {
		if list, err = rules.Of(tx, p.Account); err != nil {
			return err
		}
		all, err := tx.Mailboxes(p.Account)
		if err != nil {
			return err
		}
		folders = folders[:0]
		for _, mb := range all {
			ok, err := rules.Folder(tx, p.Account, mb)
			if err != nil {
				return err
			}
			if ok && mb.Role != store.RoleInbox && mb.Role != store.RoleTrash {
				folders = append(folders, mb)
			}
		}
		return nil
	})
	return list, folders, err
}

func (s *Sorting) list(w http.ResponseWriter, r *http.Request) {
	all, folders, err := s.read(session.From(r.Context()))
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	names := make(map[store.MailboxID]string)
	for _, mb := range folders {
		names[mb.ID] = mb.Name
	}
	c := s.Site.Language(r)
	var data struct {
		Rules   []shown
		Full    bool
		Applied string
	}
	data.Full, data.Applied = len(all) >= rules.MaxRules, strconv.Itoa(rules.MaxApplied)
	for i := range all {
		one := shown{ID: all[i].ID, Off: all[i].Off, First: i == 0, Last: i == len(all)-1}
		one.Sentence, one.Gone = sentence(c, &all[i], names)
		data.Rules = append(data.Rules, one)
	}
	s.area.Show(w, r, "list.html", data)
}

// sentence is a rule in words. gone says that its folder is not there.
func sentence(c *words.Catalogue, r *rules.Rule, folders map[store.MailboxID]string) (text string, gone bool) {
	joint := c.Text("sorting.and")
	if r.Any {
		joint = c.Text("sorting.or")
	}
	var when, then []string
	for _, cond := range r.When {
		value := cond.Text
		if cond.Octets > 0 {
			value = megabytes(cond.Octets)
		}
		when = append(when, c.Text("sorting.when."+string(cond.What)+"."+string(cond.How), value))
	}
	for _, a := range r.Then {
		folder := folders[a.Mailbox]
		if a.Do == rules.Move && folder == "" {
			gone = true
		}
		then = append(then, c.Text("sorting.then."+string(a.Do), cmp.Or(folder, a.Address)))
	}
	text = c.Text("sorting.sentence", strings.Join(when, joint), strings.Join(then, ", "))
	if r.Stop {
		text += " " + c.Text("sorting.then.stop")
	}
	return text, gone
}

// megabytes writes octets as the form has them.
func megabytes(octets int64) string {
	return strconv.FormatFloat(float64(octets)/1e6, 'f', -1, 64)
}

// change moves, switches or deletes a rule.
func (s *Sorting) change(w http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	id, err := strconv.Atoi(r.PostFormValue("id"))
	action := r.PostFormValue("action")
	if err != nil {
		s.area.Fail(w, r, page.ErrNoPage)
		return
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		list, err := rules.Of(tx, p.Account)
		if err != nil {
			return err
		}
		i := list.Find(id)
		if i < 0 {
			return page.ErrNoPage
		}
		switch action {
		case "up":
			list.Move(i, i-1)
		case "down":
			list.Move(i, i+1)
		case "on", "off":
			list[i].Off = action == "off"
		case "delete":
			list = append(list[:i], list[i+1:]...)
		default:
			return page.ErrNoPage
		}
		return rules.Save(tx, p.Account, list)
	})
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	if action == "delete" {
		s.Site.Notice(w, r, "sorting.deleted")
	}
	http.Redirect(w, r, "/me/rules", http.StatusSeeOther)
}

// apply sorts what lies in the INBOX already.
func (s *Sorting) apply(w http.ResponseWriter, r *http.Request) {
	n, err := rules.Apply(r.Context(), s.Store, session.From(r.Context()).Account)
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	s.Site.Notice(w, r, "sorting.applied", n)
	http.Redirect(w, r, "/me/rules", http.StatusSeeOther)
}
