package mailfile

import (
	"slices"
	"strconv"
	"strings"

	"posthorn/store"
)

// mboxStatus gathers what an mbox message's header says about its state.
type mboxStatus struct {
	flags    store.Flags
	keywords []string
	gone     bool // deleted in Thunderbird, not yet compacted away
}

// take looks at one field and tells whether it is a mail program's note that
// is no part of the message.
func (s *mboxStatus) take(name, value string) bool {
	switch strings.ToLower(name) {
	case "status":
		if strings.Contains(value, "R") {
			s.flags |= store.Seen
		}
	case "x-status":
		for letter, flag := range map[string]store.Flags{
			"A": store.Answered, "F": store.Flagged, "T": store.Draft, "D": store.Deleted,
		} {
			if strings.Contains(value, letter) {
				s.flags |= flag
			}
		}
	case "x-keywords", "x-mozilla-keys":
		for k := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ' ' || r == ',' }) {
			if !slices.Contains(s.keywords, k) {
				s.keywords = append(s.keywords, k)
			}
		}
	case "x-mozilla-status":
		s.mozilla(value)
	case "x-mozilla-status2", "x-uid", "x-imap", "x-imapbase":
	default:
		return false
	}
	return true
}

// mozilla reads Thunderbird's flag word (nsMsgMessageFlags).
func (s *mboxStatus) mozilla(value string) {
	word, err := strconv.ParseUint(value, 16, 32)
	if err != nil {
		return
	}
	for _, b := range []struct {
		bit  uint64
		flag store.Flags
	}{{0x1, store.Seen}, {0x2, store.Answered}, {0x4, store.Flagged}} {
		if word&b.bit != 0 {
			s.flags |= b.flag
		}
	}
	if word&0x1000 != 0 && !slices.Contains(s.keywords, forwarded) {
		s.keywords = append(s.keywords, forwarded)
	}
	s.gone = s.gone || word&0x8 != 0
}

// mboxFields writes the state as fields that take reads back.
func mboxFields(m *Message) string {
	status, x := "O", ""
	if m.Flags&store.Seen != 0 {
		status = "RO"
	}
	for _, f := range []struct {
		flag   store.Flags
		letter string
	}{{store.Answered, "A"}, {store.Flagged, "F"}, {store.Draft, "T"}, {store.Deleted, "D"}} {
		if m.Flags&f.flag != 0 {
			x += f.letter
		}
	}
	out := "Status: " + status + "\n"
	if x != "" {
		out += "X-Status: " + x + "\n"
	}
	if len(m.Keywords) > 0 {
		out += "X-Keywords: " + strings.Join(m.Keywords, " ") + "\n"
	}
	return out
}
