package message

import "strings"

// MaxDeliveredTo is how many Delivered-To fields are kept: a message that was
// handed on more often goes round.
const MaxDeliveredTo = 20

// automatic tells whether a header field says that no person wrote the message
// to its recipient: then no answer is to be made by a machine either (RFC 3834
// section 2). The name is in lower case.
func automatic(name, value string) bool {
	value = strings.ToLower(value)
	switch name {
	case "auto-submitted":
		word, _, _ := strings.Cut(value, ";")
		return strings.TrimSpace(word) != "no"
	case "precedence":
		return strings.HasPrefix(value, "bulk") || strings.HasPrefix(value, "junk") || strings.HasPrefix(value, "list")
	case "x-auto-response-suppress": // Exchange's
		return strings.Contains(value, "all") || strings.Contains(value, "oof") || strings.Contains(value, "autoreply")
	}
	return strings.HasPrefix(name, "list-")
}
