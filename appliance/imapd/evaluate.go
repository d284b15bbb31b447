package imapd

import (
	"time"

	"posthorn/store"
)

// query is a SEARCH under way.
type query struct {
	store *store.Store
	view  *view
	saved *store.UIDSet // the "$"
	now   time.Time
	// goOn is asked between batches; an error ends the search.
	goOn func() error
}

// run returns the messages that meet the criterion. With ends, the first and
// the last one are enough.
func (q *query) run(c *criterion, ends bool) (*store.UIDSet, error) {
	var may *store.UIDSet
	var all bool
	err := q.store.View(func(tx *store.Tx) (err error) {
		may, all, err = q.narrow(tx, c, q.view.uids)
		return err
	})
	if err != nil || all {
		return may, err
	}
	found := store.NewUIDSet()
	uids := make([]uint32, 0, may.Len())
	for u := range may.All() {
		uids = append(uids, u)
	}
	take := func(uid uint32) bool { found.Add(uid); return !ends }
	if err := q.scan(c, uids, take); err != nil || !ends {
		return found, err
	}
	for i := len(uids); i > 0 && found.Len() == 1; i -= listBatch {
		// From the end, in batches; only the last hit of a batch counts.
		last := uint32(0)
		err := q.scan(c, uids[max(0, i-listBatch):i], func(uid uint32) bool { last = uid; return true })
		if err != nil {
			return found, err
		}
		if last != 0 {
			found.Add(last)
			break
		}
	}
	return found, nil
}

// scan looks at messages one by one and calls take for those that meet the
// criterion, until it returns false.
func (q *query) scan(c *criterion, uids []uint32, take func(uid uint32) bool) error {
	for len(uids) > 0 {
		if err := q.goOn(); err != nil {
			return err
		}
		batch := uids[:min(listBatch, len(uids))]
		uids = uids[len(batch):]
		var entries []store.Entry
		err := q.store.View(func(tx *store.Tx) (err error) {
			entries, err = readEntries(tx, q.view.mailbox, batch)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			m := candidate{query: q, entry: e}
			ok, err := m.meets(c)
			m.close()
			if err != nil {
				return err
			}
			if ok && !take(e.UID) {
				return nil
			}
		}
	}
	return nil
}

// narrow decides what bitmaps can: it returns the messages among some that may
// meet the criterion, and whether all of them do. The result may be among itself
// and must not be changed.
func (q *query) narrow(tx *store.Tx, c *criterion, among *store.UIDSet) (*store.UIDSet, bool, error) {
	switch c.op {
	case opAll:
		return among, true, nil
	case opNone:
		return store.NewUIDSet(), true, nil
	case opNumbers:
		return q.view.pick(c.spans, c.uids).And(among), true, nil
	case opSaved:
		return q.saved.And(among), true, nil
	case opFlag:
		marked, err := tx.Marked(q.view.mailbox, c.flag)
		if err != nil {
			return nil, false, err
		}
		return marked.And(among), true, nil
	case opAnd:
		all := true
		for i := range c.kids {
			some, exact, err := q.narrow(tx, &c.kids[i], among)
			if err != nil {
				return nil, false, err
			}
			among, all = some, all && exact
		}
		return among, all, nil
	case opOr:
		return q.narrowOr(tx, c, among)
	case opNot:
		some, exact, err := q.narrow(tx, &c.kids[0], among)
		if err != nil || !exact {
			return among, false, err
		}
		return among.AndNot(some), true, nil
	}
	return among, false, nil
}

func (q *query) narrowOr(tx *store.Tx, c *criterion, among *store.UIDSet) (*store.UIDSet, bool, error) {
	either, all := store.NewUIDSet(), true
	for i := range c.kids {
		some, exact, err := q.narrow(tx, &c.kids[i], among)
		if err != nil {
			return nil, false, err
		}
		all = all && exact
		either = either.Or(some)
	}
	return either, all, nil
}
