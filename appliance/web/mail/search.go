package mail

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/web/listing"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// searchForm is what is searched for.
type searchForm struct {
	Query string
	In    string // number of a mailbox, or "" for all but Trash and Junk
	Text  bool   // in the text of messages, too
	After string // where the answer before this one ended: mailbox.UID
	Wider string // the same search in all folders; "" if it is one
	Deep  string // the same search in the text, too; "" if it is one
}

func (s searchForm) path(after string) string {
	v := url.Values{"q": {s.Query}}
	if s.In != "" {
		v.Set("in", s.In)
	}
	if s.Text {
		v.Set("text", "1")
	}
	if after != "" {
		v.Set("after", after)
	}
	return "/mail/search?" + v.Encode()
}

// search shows the messages that have some words.
func (m *Mail) search(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	form := &searchForm{Query: v.Get("q"), In: v.Get("in"), Text: v.Get("text") != "", After: v.Get("after")}
	if form.In == "0" {
		form.In = ""
	}
	form.Query = strings.ToValidUTF8(form.Query[:min(len(form.Query), listing.MaxQuery)], "")
	p, err := m.searched(r.Context(), account(r), form)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	m.showList(w, r, p)
}

func (m *Mail) searched(ctx context.Context, acct store.AccountID, form *searchForm) (*listPage, error) {
	p := &listPage{Search: form}
	err := m.Store.View(func(tx *store.Tx) (err error) {
		if form.In != "" {
			return p.frame(tx, acct, form.In)
		}
		p.Folders, err = folderList(tx, acct, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &searching{m: m, page: p, query: listing.ParseQuery(form.Query, form.Text)}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	if form.After != "" {
		p.First = form.path("")
	}
	if form.In != "" {
		p.Search.Wider = searchForm{Query: form.Query, Text: form.Text}.path("")
	}
	if !form.Text {
		p.Search.Deep = searchForm{Query: form.Query, In: form.In, Text: true}.path("")
	}
	return p, nil
}

// searching is a search through the folders of a page.
type searching struct {
	m     *Mail
	page  *listPage
	query listing.Query
}

// run fills the page, and says where to go on when it is full or time is up.
func (s *searching) run(ctx context.Context) error {
	folders, before, err := s.scope()
	if err != nil {
		return err
	}
	until := time.Now().Add(listing.SearchTime)
	for i, f := range folders {
		if i > 0 && !time.Now().Before(until) {
			s.next(f, 0)
			return nil
		}
		hits, err := s.m.index.Search(ctx, f.Mailbox, s.query, before, pageRows-len(s.page.Rows))
		if err != nil {
			return err
		}
		if err := s.add(f, hits.UIDs); err != nil {
			return err
		}
		switch {
		case hits.Next != 0:
			s.next(f, hits.Next)
			return nil
		case len(s.page.Rows) >= pageRows && i+1 < len(folders):
			s.next(folders[i+1], 0)
			return nil
		}
		before = 0
	}
	return nil
}

func (s *searching) next(f *folder, before uint32) {
	s.page.Next = s.page.Search.path(strconv.FormatUint(uint64(f.ID), 10) + "." + strconv.FormatUint(uint64(before), 10))
}

// scope returns the folders still to be searched, and below which UID of the
// first.
func (s *searching) scope() (folders []*folder, before uint32, err error) {
	for _, f := range s.page.Folders {
		if s.page.Folder == f || s.page.Folder == nil && f.Role != store.RoleTrash && f.Role != store.RoleJunk {
			folders = append(folders, f)
		}
	}
	after := s.page.Search.After
	if after == "" {
		return folders, 0, nil
	}
	number, uid, _ := strings.Cut(after, ".")
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return nil, 0, page.ErrNoPage
	}
	for i, f := range folders {
		if strconv.FormatUint(uint64(f.ID), 10) == number {
			return folders[i:], uint32(n), nil
		}
	}
	return nil, 0, page.ErrNoPage
}

// add adds rows of what was found in a folder.
func (s *searching) add(f *folder, uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	return s.m.Store.View(func(tx *store.Tx) error {
		found, err := rows(tx, f, single(uids))
		if s.page.Folder == nil {
			for _, r := range found {
				r.Folder = f
			}
		}
		s.page.Rows = append(s.page.Rows, found...)
		return err
	})
}
