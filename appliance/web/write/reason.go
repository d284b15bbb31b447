package write

import (
	"regexp"
	"strings"
)

// statusCode finds the enhanced status code of an answer (RFC 3463), behind the
// reply code if there is one.
var statusCode = regexp.MustCompile(`^(?:\d{3} )?([245]\.\d{1,3}\.\d{1,3})\b`)

// reason is the key of the sentence that says in plain words what another
// system's answer means.
func reason(answer string) string {
	status := ""
	if m := statusCode.FindStringSubmatch(answer); m != nil {
		status = m[1] + "."
	}
	for _, known := range []struct{ prefix, word string }{
		{"5.1.2.", "nodomain"}, {"5.1.10.", "nodomain"}, {"5.1.", "nobox"},
		{"5.2.2.", "full"}, {"4.2.2.", "full"}, {"5.2.3.", "large"}, {"5.3.4.", "large"},
		{"5.7.30.", "secure"}, {"5.7.", "unwanted"}, {"4.7.", "wait"},
		{"4.4.", "unreachable"}, {"4.3.", "road"}, {"4.", "later"},
	} {
		if strings.HasPrefix(status, known.prefix) {
			return "write.reason." + known.word
		}
	}
	return "write.reason.refused"
}

// inBrackets is the address an error begins with: "<a@b>: no such mailbox".
func inBrackets(text string) string {
	_, after, ok := strings.Cut(text, "<")
	address, _, closed := strings.Cut(after, ">")
	if !ok || !closed {
		return ""
	}
	return address
}
