package imapd

import (
	"bytes"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/store"
)

// readSearch reads the criteria of a SEARCH and leaves only what is to be
// returned for the library to read: its own reading loses SMALLER when a date
// follows, cannot tell LARGER 0 from none, reports what it does not know as an
// internal error, and takes time in the square of a set's length.
func (c *conn) readSearch(cmd *command) (done bool) {
	s, ref := parseSearch(cmd.args())
	if ref != nil {
		c.refuse(cmd.tag, ref)
		return true
	}
	cmd.search = s
	cmd.text = append(cmd.text[:cmd.head:cmd.head], "ALL"...)
	if s.extended {
		returns := strings.Join(s.returns, " ")
		if returns == "" {
			returns = "ALL" // RFC 4731 section 3.1
			s.returns = []string{"ALL"}
		}
		cmd.text = append(cmd.text[:cmd.head:cmd.head], "RETURN ("+returns+") ALL"...)
	}
	return false
}

// Search answers SEARCH and UID SEARCH.
func (s *session) Search(kind imapserver.NumKind, _ *imap.SearchCriteria, options *imap.SearchOptions) (*imap.SearchData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sel, err := s.open()
	if err != nil {
		return nil, err
	}
	want := s.conn.cmd.search
	q := &query{store: s.server.Store, view: sel.view, saved: sel.result(), now: time.Now(), goOn: s.conn.goOn}
	ends := want.extended && !options.ReturnAll && !options.ReturnCount && !want.has("SAVE")
	found, err := q.run(&want.what, ends)
	if err != nil {
		if want.has("SAVE") {
			sel.saved = nil // RFC 5182 section 2.1
		}
		return nil, s.answer("search", err)
	}
	if want.has("SAVE") {
		sel.saved = savedOf(want, found)
	}
	return sel.results(kind, found, options.ReturnAll), nil
}

// savedOf is what "$" becomes, RFC 5182 section 2.1: with MIN or MAX and
// neither ALL nor COUNT, only these.
func savedOf(want *search, found *store.UIDSet) *store.UIDSet {
	if want.has("ALL") || want.has("COUNT") || !want.has("MIN") && !want.has("MAX") || found.Len() == 0 {
		return found.Clone()
	}
	saved := store.NewUIDSet()
	if want.has("MIN") {
		saved.Add(found.Min())
	}
	if want.has("MAX") {
		saved.Add(found.Max())
	}
	return saved
}

// results numbers what was found as the client asked for, each message only if
// it wants all.
func (sel *selected) results(kind imapserver.NumKind, found *store.UIDSet, all bool) *imap.SearchData {
	data := &imap.SearchData{Min: found.Min(), Max: found.Max(), Count: uint32(found.Len())}
	listed := found
	if !all {
		listed = store.NewUIDSet()
	}
	if kind == imapserver.NumKindUID {
		data.All = toUIDSet(listed)
		return data
	}
	data.All = sel.toSeqSet(listed)
	data.Min, data.Max = uint32(sel.uids.Seq(data.Min)), uint32(sel.uids.Seq(data.Max))
	return data
}

// goOn returns an error when a long search should end because the box stops.
func (c *conn) goOn() error {
	c.life.Lock()
	defer c.life.Unlock()
	if c.stopping {
		return refused("UNAVAILABLE", "the box is stopping")
	}
	return nil
}

// dropSaved leaves out the answer to a SEARCH that only saves its result, which
// the library gives as if everything had been asked for (RFC 5182 section 2.1).
func (c *conn) dropSaved(p []byte) []byte {
	if c.cmd.search != nil && c.cmd.search.onlySave() && bytes.HasPrefix(p, []byte("* ESEARCH")) {
		return nil
	}
	return p
}
