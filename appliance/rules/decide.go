package rules

import (
	"slices"
	"strings"

	"posthorn/appliance/message"
	"posthorn/store"
)

// What of a message a condition looks at, so that mail made to be slow is not.
const (
	maxAddresses = 100     // of each field
	maxCompared  = 8 << 10 // octets of one text
	maxNames     = 100     // of attached files
	maxForwards  = 5       // addresses that get a copy, of all rules together
)

// Verdict is what rules say about a message.
type Verdict struct {
	Mailbox store.MailboxID // where it goes; 0: where it would go anyway
	Bin     bool            // to Trash
	Flags   store.Flags     // to be set
	Forward []string        // addresses that get a copy
}

// nothing tells whether a message stays as and where it is.
func (v Verdict) nothing() bool { return v.Mailbox == 0 && !v.Bin && v.Flags == 0 }

// Decide tells what the rules say about a message.
func (l List) Decide(m *message.Info) Verdict {
	var v Verdict
	s := subject{info: m}
	placed := false
	for i := range l {
		r := &l[i]
		if r.Off || !r.holds(&s) {
			continue
		}
		for _, a := range r.Then {
			switch a.Do {
			case Flag:
				v.Flags |= store.Flagged
			case Read:
				v.Flags |= store.Seen
			case Forward:
				if len(v.Forward) < maxForwards && !slices.Contains(v.Forward, a.Address) {
					v.Forward = append(v.Forward, a.Address)
				}
			}
			if a.places() && !placed {
				placed = true
				v.Mailbox, v.Bin = a.Mailbox, a.Do == Bin
			}
		}
		if r.Stop {
			break
		}
	}
	return v
}

// Target is the mailbox a verdict sends an account's message to, or else:
// where it would go without rules, and where it stays when a rule's folder is
// gone.
func (v Verdict) Target(tx *store.Tx, account store.AccountID, otherwise store.MailboxID) (store.MailboxID, error) {
	switch {
	case v.Bin:
		mb, err := tx.MailboxByRole(account, store.RoleTrash)
		return found(mb, err, otherwise)
	case v.Mailbox != 0:
		mb, err := tx.Mailbox(v.Mailbox)
		if err == nil {
			var ok bool
			if ok, err = Folder(tx, account, mb); err == nil && !ok {
				return otherwise, nil
			}
		}
		return found(mb, err, otherwise)
	}
	return otherwise, nil
}

// holds tells whether a rule's conditions do.
func (r *Rule) holds(s *subject) bool {
	for i := range r.When {
		if s.holds(&r.When[i]) == r.Any {
			return r.Any
		}
	}
	return !r.Any
}

// subject is a message as conditions see it: its texts are folded once,
// however many rules look at them.
type subject struct {
	info  *message.Info
	texts map[What][]string
}

func (s *subject) holds(c *Condition) bool {
	switch c.How {
	case Over:
		return s.info.Size > c.Octets
	case Under:
		return s.info.Size < c.Octets
	case Present, Absent:
		return hasAttachment(&s.info.Root) == (c.How == Present)
	}
	want := fold(strings.TrimSpace(c.Text))
	found := false
	for _, text := range s.of(c.What) {
		found = found || text == want || c.How != Is && strings.Contains(text, want)
	}
	return found != (c.How == Lacks)
}

// of returns the texts of a kind. An address is three: name, address, and both
// as they are written.
func (s *subject) of(what What) []string {
	if texts, ok := s.texts[what]; ok {
		return texts
	}
	e := &s.info.Envelope
	var texts []string
	switch what {
	case From:
		texts = people(e.From, e.Sender)
	case To:
		texts = people(e.To, e.Cc)
	case Subject:
		texts = []string{fold(e.Subject)}
	case ListID:
		texts = listNames(s.info.ListID)
	case Attachment:
		fileNames(&s.info.Root, &texts)
	}
	if s.texts == nil {
		s.texts = make(map[What][]string)
	}
	s.texts[what] = texts
	return texts
}

func people(lists ...[]message.Address) (texts []string) {
	for _, list := range lists {
		for _, a := range list[:min(len(list), maxAddresses)] {
			name, address := fold(a.Name), fold(a.String())
			texts = append(texts, name, address, name+" <"+address+">")
		}
	}
	return texts
}

// listNames are the whole List-Id and what stands in its angle brackets (RFC
// 2919 section 2).
func listNames(id string) []string {
	if id == "" {
		return nil
	}
	texts := []string{fold(id)}
	if _, inside, ok := strings.Cut(id, "<"); ok {
		inside, _, _ = strings.Cut(inside, ">")
		texts = append(texts, fold(inside))
	}
	return texts
}

// hasAttachment tells whether a message has something attached, as people
// understand it: a part that says so, or one that is no text and not shown in
// the text.
func hasAttachment(p *message.Part) bool {
	for i := range p.Children {
		if hasAttachment(&p.Children[i]) {
			return true
		}
	}
	return !p.Multipart() && (p.Disposition == "attachment" || p.Type != "text" && p.Disposition != "inline" && p.ID == "")
}

// fileNames collects the names of attached files.
func fileNames(p *message.Part, names *[]string) {
	for i := range p.Children {
		fileNames(&p.Children[i], names)
	}
	name := p.DispositionParams["filename"]
	if name == "" {
		name = p.Params["name"]
	}
	if name != "" && len(*names) < maxNames {
		*names = append(*names, fold(name))
	}
}

// fold makes text comparable, the way a search compares it.
func fold(text string) string {
	if len(text) > maxCompared {
		text = strings.ToValidUTF8(text[:maxCompared], "")
	}
	return message.Fold(text)
}
