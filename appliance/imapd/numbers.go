package imapd

import (
	"iter"
	"math"

	"github.com/emersion/go-imap/v2"

	"posthorn/store"
)

// span is a range of sequence numbers or UIDs, first <= last, where 0 stands
// for "*", the last one there is.
type span struct{ first, last uint32 }

// spans takes a set of the library apart.
func spans(set imap.NumSet) (list []span, uids bool) {
	switch set := set.(type) {
	case imap.SeqSet:
		for _, r := range set {
			list = append(list, span{r.Start, r.Stop})
		}
	case imap.UIDSet:
		for _, r := range set {
			list = append(list, span{uint32(r.Start), uint32(r.Stop)})
		}
		uids = true
	}
	return list, uids
}

// resolve returns which messages of the mailbox a client means. Numbers that
// no message has mean nothing, RFC 9051 section 6.4.9.
func (sel *selected) resolve(set imap.NumSet) *store.UIDSet {
	if imap.IsSearchRes(set) {
		return sel.result()
	}
	list, uids := spans(set)
	return sel.pick(list, uids)
}

// result is the "$" of RFC 5182: the last result that was saved, without the
// messages that have gone since.
func (sel *selected) result() *store.UIDSet {
	if sel.saved == nil {
		return store.NewUIDSet()
	}
	return sel.saved.And(sel.uids)
}

// pick returns the messages in the spans.
func (v *view) pick(list []span, uids bool) *store.UIDSet {
	out := store.NewUIDSet()
	for _, r := range list {
		r = r.fix(v.max(uids))
		first, last := r.first, r.last
		if !uids {
			if first = v.uids.At(int(min(r.first, math.MaxInt32))); first == 0 {
				continue
			}
			last = v.uids.At(min(int(min(r.last, math.MaxInt32)), v.uids.Len()))
		}
		for u := range v.uids.From(first) {
			if u > last {
				break
			}
			out.Add(u)
		}
	}
	return out
}

func (v *view) max(uids bool) uint32 {
	if uids {
		return v.uids.Max()
	}
	return uint32(v.uids.Len())
}

// fix puts a number for "*". "7:*" means "*:7" where fewer than seven are there.
func (r span) fix(top uint32) span {
	if r.first == 0 {
		r.first = top
	}
	if r.last == 0 {
		r.last = top
	}
	if r.first > r.last {
		r.first, r.last = r.last, r.first
	}
	return r
}

// batches yields the UIDs of a set in groups of at most n. The group is valid
// until the next one.
func batches(set *store.UIDSet, n int) iter.Seq[[]uint32] {
	return func(yield func([]uint32) bool) {
		batch := make([]uint32, 0, min(n, set.Len()))
		for u := range set.All() {
			if batch = append(batch, u); len(batch) == n {
				if !yield(batch) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// uid is an entry's UID as the library calls it.
func uid(e store.Entry) imap.UID { return imap.UID(e.UID) }

// toUIDSet is a set of ours as the library's.
func toUIDSet(set *store.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	for first, last := range set.Ranges() {
		out = append(out, imap.UIDRange{Start: imap.UID(first), Stop: imap.UID(last)})
	}
	return out
}

// toSeqSet is the sequence numbers of messages in a view.
func (v *view) toSeqSet(set *store.UIDSet) imap.SeqSet {
	var out imap.SeqSet
	for u := range set.All() {
		n := uint32(v.uids.Seq(u))
		if k := len(out); k > 0 && out[k-1].Stop+1 == n {
			out[k-1].Stop = n
		} else {
			out = append(out, imap.SeqRange{Start: n, Stop: n})
		}
	}
	return out
}
