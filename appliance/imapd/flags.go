package imapd

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"posthorn/store"
)

// systemFlag pairs a flag of the store with its name in IMAP.
type systemFlag struct {
	bit  store.Flags
	name imap.Flag
}

// systemFlags returns the flags of RFC 9051 section 2.3.2. \Recent is not among
// them: IMAP4rev2 has given it up, and IMAP4rev1 lets a server say that no
// message is recent.
func systemFlags() []systemFlag {
	return []systemFlag{
		{store.Answered, imap.FlagAnswered},
		{store.Flagged, imap.FlagFlagged},
		{store.Deleted, imap.FlagDeleted},
		{store.Seen, imap.FlagSeen},
		{store.Draft, imap.FlagDraft},
	}
}

// toFlags splits the flags of a client into system flags and keywords.
func toFlags(flags []imap.Flag) (bits store.Flags, keywords []string, err error) {
	for _, f := range flags {
		if !strings.HasPrefix(string(f), `\`) {
			if len(f) > store.MaxKeywordLength || !isKeyword(string(f)) {
				return 0, nil, refused("CANNOT", "a keyword has 1 to %d printable ASCII characters", store.MaxKeywordLength)
			}
			keywords = append(keywords, string(f))
			continue
		}
		if strings.EqualFold(string(f), `\Recent`) {
			continue // the server's own; some clients send it back with the rest
		}
		bit := systemBit(f)
		if bit == 0 {
			return 0, nil, refused("CANNOT", "there is no flag %s", printable(string(f), 40))
		}
		bits |= bit
	}
	if len(keywords) > store.MaxKeywords {
		return 0, nil, refused("LIMIT", "a message may have at most %d keywords", store.MaxKeywords)
	}
	return bits, keywords, nil
}

func systemBit(f imap.Flag) store.Flags {
	for _, sys := range systemFlags() {
		if strings.EqualFold(string(f), string(sys.name)) {
			return sys.bit
		}
	}
	return 0
}

// fromFlags names the flags of a message for a client. Keywords that came from
// elsewhere and are no atoms are left out: they cannot be said.
func fromFlags(bits store.Flags, keywords []string) []imap.Flag {
	flags := make([]imap.Flag, 0, 5+len(keywords))
	for _, sys := range systemFlags() {
		if bits&sys.bit != 0 {
			flags = append(flags, sys.name)
		}
	}
	for _, k := range keywords {
		if isKeyword(k) {
			flags = append(flags, imap.Flag(k))
		}
	}
	return flags
}

// isKeyword says whether k is an atom of ASCII, RFC 9051 section 9.
func isKeyword(k string) bool {
	return k != "" && !strings.ContainsFunc(k, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r)
	})
}

// without returns the keywords that are not in drop, whatever their case.
func without(keywords, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(keywords), func(k string) bool { return hasKeyword(drop, k) })
}

// hasKeyword says whether k is one of keywords, whatever its case.
func hasKeyword(keywords []string, k string) bool {
	return slices.ContainsFunc(keywords, func(other string) bool { return strings.EqualFold(other, k) })
}
