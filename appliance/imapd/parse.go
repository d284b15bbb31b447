package imapd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// searchParser reads the arguments of SEARCH.
type searchParser struct {
	words
	depth, keys int
}

// parseSearch reads the arguments of a SEARCH command.
func parseSearch(args []byte) (*search, *refusal) {
	p := &searchParser{words: words{args}}
	s := new(search)
	key, ok := p.key()
	if ok && key == "RETURN" {
		s.extended = true
		if s.returns, ok = p.returns(); !ok {
			return nil, bad("RETURN is followed by a list of MIN, MAX, ALL, COUNT and SAVE")
		}
		key, ok = p.key()
	}
	if ok && key == "CHARSET" {
		charset, has := p.argument()
		switch strings.ToUpper(charset) {
		case "UTF-8", "US-ASCII":
		default:
			return nil, no("BADCHARSET (UTF-8 US-ASCII)", "strings in SEARCH are UTF-8")
		}
		if !has || !p.space() {
			return nil, bad("SEARCH: a criterion is missing after CHARSET")
		}
		key, ok = p.key()
	}
	list, ref := p.list(key, ok)
	if ref == nil && !p.end() {
		ref = bad("SEARCH: %q is not understood", printable(string(p.rest), 40))
	}
	if ref != nil {
		return nil, ref
	}
	s.what = and(list)
	return s, nil
}

// key takes the next word in capitals; ok is false if there is none, as before
// a parenthesis.
func (p *searchParser) key() (string, bool) {
	word, ok := p.atom()
	return strings.ToUpper(word), ok
}

// argument takes a space and a string.
func (p *searchParser) argument() (string, bool) {
	if !p.space() {
		return "", false
	}
	return p.astring()
}

func (p *searchParser) returns() (list []string, ok bool) {
	if !p.space() || !p.byte('(') {
		return nil, false
	}
	for !p.byte(')') {
		if len(list) > 0 && !p.space() {
			return nil, false
		}
		what, _ := p.key()
		switch what {
		case "MIN", "MAX", "ALL", "COUNT", "SAVE":
			if slices.Contains(list, what) {
				return nil, false
			}
			list = append(list, what)
		default:
			return nil, false
		}
	}
	return list, p.space()
}

// list reads criteria up to the end or a closing parenthesis; the first word
// has been taken if ok.
func (p *searchParser) list(key string, ok bool) ([]criterion, *refusal) {
	var list []criterion
	for {
		c, ref := p.criterion(key, ok)
		if ref != nil {
			return nil, ref
		}
		list = append(list, c)
		if !p.space() {
			return list, nil
		}
		key, ok = p.key()
	}
}

// criterion reads one criterion, whose first word has been taken if ok.
func (p *searchParser) criterion(key string, ok bool) (criterion, *refusal) {
	p.keys++
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxSearchDepth || p.keys > maxSearchKeys {
		return criterion{}, no("LIMIT", "SEARCH takes up to %d criteria, nested up to %d deep", maxSearchKeys, maxSearchDepth)
	}
	if !ok {
		return p.group()
	}
	switch key {
	case "NOT":
		kids, ref := p.operands(1)
		return criterion{op: opNot, kids: kids}, ref
	case "OR":
		kids, ref := p.operands(2)
		sortByCost(kids)
		return criterion{op: opOr, kids: kids}, ref
	}
	if c, ok := flagCriterion(key); ok {
		return c, nil
	}
	if c, known, good := p.textCriterion(key); known {
		return c, p.check(key, good)
	}
	if c, known, good := p.numberCriterion(key); known {
		return c, p.check(key, good)
	}
	return criterion{}, bad("SEARCH: %q is not a criterion", printable(key, 40))
}

func (p *searchParser) check(key string, good bool) *refusal {
	if good {
		return nil
	}
	return bad("SEARCH: what follows %s is missing or wrong", printable(key, 40))
}

// group reads "(...)".
func (p *searchParser) group() (criterion, *refusal) {
	if !p.byte('(') {
		return criterion{}, bad("SEARCH: a criterion is missing")
	}
	key, ok := p.key()
	list, ref := p.list(key, ok)
	if ref == nil && !p.byte(')') {
		ref = bad("SEARCH: a parenthesis is not closed")
	}
	if ref != nil {
		return criterion{}, ref
	}
	return and(list), nil
}

// operands reads n criteria, each after a space.
func (p *searchParser) operands(n int) (list []criterion, ref *refusal) {
	for range n {
		if !p.space() {
			return nil, bad("SEARCH: a criterion is missing after NOT or OR")
		}
		key, ok := p.key()
		c, ref := p.criterion(key, ok)
		if ref != nil {
			return nil, ref
		}
		list = append(list, c)
	}
	return list, nil
}

// flagCriterion knows the criteria of one word.
func flagCriterion(key string) (criterion, bool) {
	switch key {
	case "ALL", "OLD":
		return criterion{op: opAll}, true
	case "RECENT", "NEW":
		return criterion{op: opNone}, true
	case "$":
		return criterion{op: opSaved}, true
	}
	name, not := strings.CutPrefix(key, "UN")
	flags := map[string]store.Flags{"ANSWERED": store.Answered, "DELETED": store.Deleted, "DRAFT": store.Draft,
		"FLAGGED": store.Flagged, "SEEN": store.Seen}
	c := criterion{op: opFlag, flag: flags[name]}
	if c.flag != 0 && not {
		c = criterion{op: opNot, kids: []criterion{c}}
	}
	return c, flags[name] != 0
}

// textCriterion reads the criteria that look for a string.
func (p *searchParser) textCriterion(key string) (c criterion, known, good bool) {
	switch key {
	case "FROM", "TO", "CC", "BCC":
		c = criterion{op: opAddress, field: strings.ToLower(key)}
	case "SUBJECT":
		c.op = opSubject
	case "BODY":
		c.op = opBody
	case "TEXT":
		c.op = opText
	case "HEADER":
		field, ok := p.argument()
		if !ok {
			return c, true, false
		}
		c = criterion{op: opHeader, field: strings.ToLower(field)}
	case "KEYWORD", "UNKEYWORD":
		word, ok := p.argument()
		c = criterion{op: opKeyword, text: word}
		if key == "UNKEYWORD" {
			c = criterion{op: opNot, kids: []criterion{c}}
		}
		return c, true, ok
	default:
		return c, false, false
	}
	text, ok := p.argument()
	c.text = message.Fold(text)
	return c, true, ok
}

// numberCriterion reads the criteria about dates, sizes and numbers.
func (p *searchParser) numberCriterion(key string) (c criterion, known, good bool) {
	kinds := map[string]op{"LARGER": opLarger, "SMALLER": opSmaller, "YOUNGER": opYounger, "OLDER": opOlder,
		"SINCE": opSince, "BEFORE": opBefore, "SENTSINCE": opSentSince, "SENTBEFORE": opSentBefore}
	switch key {
	case "LARGER", "SMALLER", "YOUNGER", "OLDER":
		word, _ := p.argument()
		n, err := strconv.ParseInt(word, 10, 63)
		return criterion{op: kinds[key], number: n}, true, err == nil && n >= 0
	case "SINCE", "BEFORE", "SENTSINCE", "SENTBEFORE":
		n, ok := p.day()
		return criterion{op: kinds[key], number: n}, true, ok
	case "ON", "SENTON":
		n, ok := p.day()
		since, before := opSince, opBefore
		if key == "SENTON" {
			since, before = opSentSince, opSentBefore
		}
		return and([]criterion{{op: since, number: n}, {op: before, number: n + 1}}), true, ok
	case "UID":
		word, _ := p.argument()
		if word == "$" {
			return criterion{op: opSaved}, true, true
		}
		list, ok := parseSpans(word)
		return criterion{op: opNumbers, spans: list, uids: true}, true, ok
	}
	if key != "" && (key[0] == '*' || key[0] >= '0' && key[0] <= '9') {
		list, ok := parseSpans(key)
		return criterion{op: opNumbers, spans: list}, true, ok
	}
	return c, false, false
}

// day reads a date as the number of its day.
func (p *searchParser) day() (int64, bool) {
	word, _ := p.argument()
	t, err := time.Parse("2-Jan-2006", word)
	return dayOf(t), err == nil
}

// parseSpans reads a sequence set, RFC 9051 section 9.
func parseSpans(s string) ([]span, bool) {
	var list []span
	for _, r := range strings.Split(s, ",") {
		first, last, isRange := strings.Cut(r, ":")
		a, ok := parseNumber(first)
		b, ok2 := a, true
		if isRange {
			b, ok2 = parseNumber(last)
		}
		if !ok || !ok2 {
			return nil, false
		}
		list = append(list, span{a, b})
	}
	return list, true
}

// parseNumber reads a number over 0, or "*" as 0.
func parseNumber(s string) (uint32, bool) {
	if s == "*" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n > 0
}
