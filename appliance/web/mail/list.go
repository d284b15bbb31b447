package mail

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"posthorn/appliance/web/listing"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// pageRows is how many rows a page of a list has.
const pageRows = 50

// listPage is a list of messages: of a folder, or what a search found.
type listPage struct {
	Folders []*folder
	Targets []*folder
	Folder  *folder // nil for a search of all folders
	Rows    []*row
	// Next and First are where the older and the newest messages are; "" if
	// there are none, or if these are they.
	Next, First string
	Back        string // this page, for actions to come back to
	Search      *searchForm
}

// Emptied tells of a folder that can be emptied.
func (p *listPage) Emptied() bool {
	return p.Folder != nil && p.Search == nil && p.Folder.Messages > 0 && p.Folder.Final()
}

// Open is where a row leads: to the draft it is, or to the message, from where
// the way back is to this page.
func (p *listPage) Open(r *row) string {
	if r.Flags&store.Draft != 0 && r.Outgoing == nil {
		return "/mail/write?draft=" + strings.TrimPrefix(r.Path, "/mail/")
	}
	if p.First == "" && p.Search == nil {
		return r.Path
	}
	return r.Path + "?back=" + url.QueryEscape(p.Back)
}

// Scope is the folder the search field looks in, 0 for all.
func (p *listPage) Scope() store.MailboxID {
	if p.Folder == nil {
		return 0
	}
	return p.Folder.ID
}

// Query is what the search field holds.
func (p *listPage) Query() string {
	if p.Search == nil {
		return ""
	}
	return p.Search.Query
}

// list shows the messages of a folder, newest first.
func (m *Mail) list(w http.ResponseWriter, r *http.Request) {
	before := uint32(0)
	if s := r.URL.Query().Get("before"); s != "" {
		var err error
		if before, err = parseUID(s); err != nil {
			m.area.Fail(w, r, err)
			return
		}
	}
	p, err := m.listed(account(r), r.PathValue("mailbox"), before)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.showList(w, r, p)
}

// showList shows a list, or for a script that has the page only its rows.
func (m *Mail) showList(w http.ResponseWriter, r *http.Request, p *listPage) {
	query := r.URL.Query()
	part := query.Get("part")
	query.Del("part")
	p.Back = page.LocalPath(r.URL.Path+asQuery(query), "/mail")
	if part == "rows" {
		m.area.ShowPart(w, r, "list.html", "rows", p)
		return
	}
	m.area.Show(w, r, "list.html", p)
}

func asQuery(v url.Values) string {
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func (m *Mail) listed(acct store.AccountID, number string, before uint32) (*listPage, error) {
	p := new(listPage)
	err := m.Store.View(func(tx *store.Tx) error { return p.frame(tx, acct, number) })
	if err != nil {
		return nil, err
	}
	find := m.index.Conversations
	if p.Folder.alone() {
		find = m.index.Messages
	}
	found, err := find(p.Folder.Mailbox, before, pageRows)
	if err != nil {
		return nil, err
	}
	if found.Next != 0 {
		p.Next = p.Folder.Path + "?before=" + strconv.FormatUint(uint64(found.Next), 10)
	}
	if before != 0 {
		p.First = p.Folder.Path
	}
	return p, m.Store.View(func(tx *store.Tx) (err error) {
		p.Rows, err = rows(tx, p.Folder, found.Conversations)
		return err
	})
}

// frame fills in what stands around the rows.
func (p *listPage) frame(tx *store.Tx, acct store.AccountID, number string) error {
	mb, err := mailbox(tx, acct, number)
	if err != nil {
		return err
	}
	if p.Folders, err = folderList(tx, acct, mb.ID); err != nil {
		return err
	}
	for _, f := range p.Folders {
		if f.Here {
			p.Folder = f
		}
	}
	p.Targets = targets(p.Folders)
	return nil
}

// single lists messages each by itself. Whether one is unread or flagged its
// entry says when the row is made.
func single(uids []uint32) []listing.Conversation {
	list := make([]listing.Conversation, len(uids))
	for i, u := range uids {
		list[i] = listing.Conversation{Newest: u, Count: 1, UIDs: []uint32{u}}
	}
	return list
}
