package imapd

import (
	"bytes"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// Names of mailboxes on the wire. In the modified UTF-7 of RFC 3501 section
// 5.1.3 an "&" in a name is written "&-". A client that has enabled UTF8=ACCEPT
// or IMAP4rev2 writes names in UTF-8, and an "&" is an "&" (RFC 6855 section 3,
// RFC 9051 section 5.1). The library lets UTF-8 through, but reads "&" as the
// beginning of UTF-7 in any case and writes it as "&-". So it is escaped on the
// way in, and the escape taken off on the way out.

// maxAmpersands is how many "&" a command may have to be escaped: more than any
// names that could exist, and few enough that the command stays within what the
// library reads. With more of them its names are not understood.
const maxAmpersands = 1024

// namesMailbox says whether the arguments of the command hold names or patterns
// of mailboxes.
func (cmd *command) namesMailbox() bool {
	switch cmd.name {
	case "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB",
		"STATUS", "APPEND", "COPY", "MOVE", "UID COPY", "UID MOVE":
		return true
	}
	return false
}

// plainNames says whether the client writes names in UTF-8.
func (c *conn) plainNames() bool {
	enabled := c.session.engine.EnabledCaps()
	return enabled.Has(imap.CapUTF8Accept) || enabled.Has(imap.CapIMAP4rev2)
}

// escapeNames writes each "&" in the names as modified UTF-7 does. Nothing else
// in the arguments of these commands can have one, but for the keywords of
// APPEND, which come after its name.
func (cmd *command) escapeNames() {
	names := cmd.args()
	if cmd.name == "APPEND" {
		w := words{names}
		w.astring()
		names = names[:len(names)-len(w.rest)]
	}
	n := bytes.Count(names, []byte("&"))
	if n == 0 || n > maxAmpersands {
		return
	}
	cmd.text = slices.Concat(cmd.text[:cmd.head], bytes.ReplaceAll(names, []byte("&"), []byte("&-")), cmd.text[cmd.head+len(names):])
}

// unescapeNames undoes that in a response line of the library, if it is one
// with names.
func (c *conn) unescapeNames(line []byte) []byte {
	if !bytes.Contains(line, []byte("&-")) {
		return line
	}
	for _, response := range []string{"* LIST ", "* LSUB ", "* STATUS "} {
		if bytes.HasPrefix(line, []byte(response)) && c.plainNames() {
			return bytes.ReplaceAll(line, []byte("&-"), []byte("&"))
		}
	}
	return line
}
