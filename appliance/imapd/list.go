package imapd

import (
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/store"
)

// folder is a name in the list: a mailbox, or one that is only subscribed to,
// or a level that has mailboxes below it but is none itself.
type folder struct {
	name       string
	mailbox    *store.Mailbox // nil if there is none of this name
	subscribed bool
	children   bool // there are mailboxes below it
	below      bool // there are subscribed names below it
}

// List answers LIST with its extensions, and LSUB.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	lsub := s.conn.cmd.name == "LSUB"
	if len(patterns) == 0 || len(patterns) == 1 && patterns[0] == "" {
		// Asks for the delimiter only.
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: '/'})
	}
	if len(patterns) > maxPatterns {
		return refused("LIMIT", "a LIST may have at most %d patterns", maxPatterns)
	}
	match := make([]pattern, len(patterns))
	for i, p := range patterns {
		match[i] = newPattern(ref, p)
	}
	lines, err := s.listLines(match, options, lsub)
	if err != nil {
		return s.answer("list", err)
	}
	for _, line := range lines {
		if err := w.WriteList(line); err != nil {
			return err
		}
	}
	return nil
}

// listLines reads everything first, so that no snapshot stays open while lines
// are written.
func (s *session) listLines(match []pattern, options *imap.ListOptions, lsub bool) (lines []*imap.ListData, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		folders, err := readFolders(tx, s.account)
		if err != nil {
			return err
		}
		for _, f := range folders {
			if !slices.ContainsFunc(match, func(p pattern) bool { return p.match(f.name) }) {
				continue
			}
			line := f.line(options, lsub)
			if line == nil {
				continue
			}
			if options.ReturnStatus != nil && f.mailbox != nil {
				if line.Status, err = statusOf(tx, f.mailbox, options.ReturnStatus); err != nil {
					return err
				}
			}
			lines = append(lines, line)
		}
		return nil
	})
	return lines, err
}

// readFolders returns the names an account can be told of, sorted, INBOX first.
func readFolders(tx *store.Tx, account store.AccountID) ([]*folder, error) {
	mailboxes, err := tx.Mailboxes(account)
	if err != nil {
		return nil, err
	}
	subscriptions, err := tx.Subscriptions(account)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*folder, len(mailboxes))
	at := func(name string) *folder {
		if byName[name] == nil {
			byName[name] = &folder{name: name}
		}
		return byName[name]
	}
	for _, mb := range mailboxes {
		at(mb.Name).mailbox = mb
		for parent := range parents(mb.Name) {
			at(parent).children = true
		}
	}
	for _, name := range subscriptions {
		at(name).subscribed = true
		for parent := range parents(name) {
			at(parent).below = true
		}
	}
	folders := slices.Collect(maps.Values(byName))
	slices.SortFunc(folders, func(a, b *folder) int {
		switch {
		case a.name == "INBOX":
			return -1
		case b.name == "INBOX":
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return folders, nil
}

// parents yields the names above a name.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(name) - 1; i > 0; i-- {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// line returns what LIST or LSUB says of the folder, nil if it is not wanted.
func (f *folder) line(o *imap.ListOptions, lsub bool) *imap.ListData {
	line := &imap.ListData{Delim: '/', Mailbox: f.name}
	if lsub {
		if !f.subscribed && !f.below {
			return nil
		}
		if !f.subscribed || f.mailbox == nil {
			// RFC 3501 section 6.3.9.
			line.Attrs = append(line.Attrs, imap.MailboxAttrNoSelect)
		}
		return line
	}
	below := o.SelectRecursiveMatch && f.below
	switch {
	case o.SelectSubscribed && !f.subscribed && !below:
		return nil
	case !o.SelectSubscribed && f.mailbox == nil && !f.children:
		return nil // only subscribed to
	case o.SelectSpecialUse && (f.mailbox == nil || attrOf(f.mailbox.Role) == ""):
		return nil
	}
	if f.mailbox == nil {
		line.Attrs = append(line.Attrs, imap.MailboxAttrNonExistent, imap.MailboxAttrNoSelect)
	}
	if f.children {
		line.Attrs = append(line.Attrs, imap.MailboxAttrHasChildren)
	} else {
		line.Attrs = append(line.Attrs, imap.MailboxAttrHasNoChildren)
	}
	if f.subscribed && (o.ReturnSubscribed || o.SelectSubscribed) {
		line.Attrs = append(line.Attrs, imap.MailboxAttrSubscribed)
	}
	if f.mailbox != nil {
		if use := attrOf(f.mailbox.Role); use != "" {
			line.Attrs = append(line.Attrs, use)
		}
	}
	if below {
		line.ChildInfo = &imap.ListDataChildInfo{Subscribed: true}
	}
	return line
}

// listOne is the LIST response that SELECT gives to IMAP4rev2 clients.
func listOne(tx *store.Tx, mb *store.Mailbox) (*imap.ListData, error) {
	folders, err := readFolders(tx, mb.Account)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(folders, func(f *folder) bool { return f.name == mb.Name })
	return folders[i].line(&imap.ListOptions{}, false), nil
}
