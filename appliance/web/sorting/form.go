package sorting

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"posthorn/appliance/rules"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// form is the page of one rule.
type form struct {
	ID      int // 0: a new one
	Any     bool
	When    []line
	Folder  string // "": left where it is; "bin"; or a mailbox's number
	Flag    bool
	Read    bool
	Copy    string // address that gets a copy; "": nobody
	Stop    bool
	Off     bool
	Tests   []group
	Folders []*store.Mailbox
	Wrong   string // key of words
}

// line is one condition.
type line struct {
	Test string // "from contains"
	Text string
}

// group is the comparisons of one thing a condition can look at.
type group struct {
	What  rules.What
	Tests []string
}

// tests are all there are.
func tests() (all []group) {
	for _, what := range []rules.What{rules.From, rules.To, rules.Subject, rules.ListID, rules.Attachment, rules.Size} {
		g := group{What: what}
		for _, how := range rules.Comparisons(what) {
			g.Tests = append(g.Tests, string(what)+"."+string(how))
		}
		all = append(all, g)
	}
	return all
}

// edit shows the form of a rule.
func (s *Sorting) edit(w http.ResponseWriter, r *http.Request) {
	list, folders, err := s.read(session.From(r.Context()))
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	f := &form{}
	if text := r.URL.Query().Get("id"); text != "" {
		id, _ := strconv.Atoi(text) // none has the number 0
		i := list.Find(id)
		if i < 0 {
			s.area.Fail(w, r, page.ErrNoPage)
			return
		}
		f.fill(&list[i])
	} else if from := r.URL.Query().Get("from"); len(from) <= rules.MaxText && from != "" {
		f.When = []line{{string(rules.From) + "." + string(rules.Is), from}}
	}
	s.show(w, r, http.StatusOK, f, folders)
}

func (s *Sorting) show(w http.ResponseWriter, r *http.Request, status int, f *form, folders []*store.Mailbox) {
	f.Tests, f.Folders = tests(), folders
	if len(f.When) == 0 {
		f.When = make([]line, 1)
	}
	s.area.ShowStatus(w, r, status, "edit.html", f)
}

// fill fills the form in from a rule.
func (f *form) fill(r *rules.Rule) {
	f.ID, f.Any, f.Stop, f.Off = r.ID, r.Any, r.Stop, r.Off
	for _, c := range r.When {
		text := c.Text
		if c.Octets > 0 {
			text = megabytes(c.Octets)
		}
		f.When = append(f.When, line{string(c.What) + "." + string(c.How), text})
	}
	for _, a := range r.Then {
		switch a.Do {
		case rules.Flag:
			f.Flag = true
		case rules.Read:
			f.Read = true
		case rules.Forward:
			f.Copy = a.Address
		case rules.Bin:
			f.Folder = "bin"
		case rules.Move:
			f.Folder = strconv.FormatUint(uint64(a.Mailbox), 10)
		}
	}
}

// parse reads the form as it was sent.
func parse(r *http.Request) *form {
	f := &form{Any: r.PostFormValue("any") == "1", Folder: r.PostFormValue("folder"), Flag: r.PostFormValue("flag") != "",
		Read: r.PostFormValue("read") != "", Stop: r.PostFormValue("stop") != "", Off: r.PostFormValue("off") != "", Copy: strings.TrimSpace(r.PostFormValue("copy"))}
	f.ID, _ = strconv.Atoi(r.PostFormValue("id")) // 0 is a new one
	texts := r.PostForm["text"]
	for i, test := range r.PostForm["test"] {
		if i < len(texts) && i < rules.MaxConditions && test != "" {
			f.When = append(f.When, line{test, strings.TrimSpace(texts[i])})
		}
	}
	return f
}

// rule is what the form says, as a rule. What makes no sense in it is for
// rules.Save to find.
func (f *form) rule() rules.Rule {
	r := rules.Rule{ID: f.ID, Any: f.Any, Stop: f.Stop, Off: f.Off}
	for _, l := range f.When {
		what, how, _ := strings.Cut(l.Test, ".")
		c := rules.Condition{What: rules.What(what), How: rules.How(how)}
		switch c.How {
		case rules.Over, rules.Under:
			mb, err := strconv.ParseFloat(strings.Replace(l.Text, ",", ".", 1), 64)
			if err == nil && mb > 0 && mb < rules.MaxSize/1e6 {
				c.Octets = int64(math.Round(mb * 1e6))
			}
		case rules.Present, rules.Absent:
		default:
			c.Text = l.Text
		}
		r.When = append(r.When, c)
	}
	switch f.Folder {
	case "":
	case "bin":
		r.Then = append(r.Then, rules.Action{Do: rules.Bin})
	default:
		n, _ := strconv.ParseUint(f.Folder, 10, 64) // mailbox 0 is none
		r.Then = append(r.Then, rules.Action{Do: rules.Move, Mailbox: store.MailboxID(n)})
	}
	if f.Flag {
		r.Then = append(r.Then, rules.Action{Do: rules.Flag})
	}
	if f.Read {
		r.Then = append(r.Then, rules.Action{Do: rules.Read})
	}
	if f.Copy != "" {
		r.Then = append(r.Then, rules.Action{Do: rules.Forward, Address: f.Copy})
	}
	return r
}

// wrong is the key of the sentence that says what a rule lacks; "" if it lacks
// nothing that a person can see.
func wrong(r *rules.Rule) string {
	if len(r.When) == 0 {
		return "sorting.wrong.when"
	}
	for _, c := range r.When {
		switch {
		case (c.How == rules.Over || c.How == rules.Under) && c.Octets == 0:
			return "sorting.wrong.size"
		case c.How != rules.Over && c.How != rules.Under && c.How != rules.Present && c.How != rules.Absent && c.Text == "":
			return "sorting.wrong.text"
		}
	}
	if len(r.Then) == 0 {
		return "sorting.wrong.then"
	}
	return ""
}

// save takes the form of a rule.
func (s *Sorting) save(w http.ResponseWriter, r *http.Request) {
	p := session.From(r.Context())
	_, folders, err := s.read(p)
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	f := parse(r)
	if r.PostFormValue("action") == "more" {
		if len(f.When) < rules.MaxConditions {
			f.When = append(f.When, line{})
		}
		s.show(w, r, http.StatusOK, f, folders)
		return
	}
	rule := f.rule()
	f.Wrong = wrong(&rule)
	if f.Wrong == "" && f.Copy != "" && !s.Site.Sessions.Proved(r) {
		f.Wrong = "sorting.wrong.prove" // as forwarding does
	}
	if f.Wrong != "" {
		s.show(w, r, http.StatusUnprocessableEntity, f, folders)
		return
	}
	err = s.Store.Update(func(tx *store.Tx) error {
		list, err := rules.Of(tx, p.Account)
		if err != nil {
			return err
		}
		if i := list.Find(rule.ID); i >= 0 {
			list[i] = rule
		} else {
			rule.ID = 0
			list = append(list, rule)
		}
		return rules.Save(tx, p.Account, list)
	})
	if errors.Is(err, rules.ErrRule) {
		f.Wrong = "sorting.wrong.limit"
		s.show(w, r, http.StatusUnprocessableEntity, f, folders)
		return
	}
	if err != nil {
		s.area.Fail(w, r, err)
		return
	}
	s.Site.Notice(w, r, "sorting.saved")
	http.Redirect(w, r, "/me/rules", http.StatusSeeOther)
}
