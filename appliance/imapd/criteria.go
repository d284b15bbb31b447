package imapd

import (
	"slices"
	"time"

	"posthorn/store"
)

// Limits of one SEARCH.
const (
	maxSearchDepth = 50
	maxSearchKeys  = 1000
)

// op is what a criterion asks.
type op uint8

// The criteria of RFC 9051 section 6.4.4 and RFC 5032, in the order of what
// they cost to decide: from bitmaps, from an entry, from the message's record,
// from its header, from its text.
const (
	opAll        op = iota
	opNone          // \Recent, which no message is
	opNumbers       // spans, of UIDs or sequence numbers
	opSaved         // "$"
	opFlag          // flag
	opAnd           // kids, all
	opOr            // kids, any
	opNot           // kids[0]
	opKeyword       // text
	opLarger        // number, in bytes
	opSmaller       // number, in bytes
	opSince         // number, a day; INTERNALDATE
	opBefore        // number, a day
	opYounger       // number, in seconds before now
	opOlder         // number, in seconds before now
	opSentSince     // number, a day; the Date field
	opSentBefore    // number, a day
	opAddress       // field, text: an address in the envelope
	opSubject       // text
	opHeader        // field, text: any header field
	opBody          // text
	opText          // text
)

// criterion is one node of what a SEARCH asks.
type criterion struct {
	op     op
	kids   []criterion
	spans  []span
	uids   bool // spans are UIDs
	flag   store.Flags
	number int64
	field  string // lower case
	text   string // folded, see fold
}

// cost is that of the dearest question in the criterion.
func (c *criterion) cost() op {
	cost := c.op
	if c.op == opAnd || c.op == opOr || c.op == opNot {
		cost = opAll
		for i := range c.kids {
			cost = max(cost, c.kids[i].cost())
		}
	}
	return cost
}

// and returns the criterion that all of list hold, cheap ones first.
func and(list []criterion) criterion {
	if len(list) == 1 {
		return list[0]
	}
	sortByCost(list)
	return criterion{op: opAnd, kids: list}
}

func sortByCost(list []criterion) {
	slices.SortStableFunc(list, func(a, b criterion) int { return int(a.cost()) - int(b.cost()) })
}

// search is a SEARCH command as it was read.
type search struct {
	what     criterion
	extended bool     // it has RETURN (RFC 4731)
	returns  []string // MIN, MAX, ALL, COUNT, SAVE
}

// has says whether the client wants this result.
func (s *search) has(what string) bool { return slices.Contains(s.returns, what) }

// onlySave says that the client wants no answer, only the result kept.
func (s *search) onlySave() bool { return len(s.returns) == 1 && s.returns[0] == "SAVE" }

// dayOf numbers the day on the calendar where t was written down: SEARCH
// disregards time and zone (RFC 9051 section 6.4.4).
func dayOf(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}
