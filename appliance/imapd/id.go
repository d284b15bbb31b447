package imapd

import (
	"strings"
)

// identify answers ID, RFC 2971, and notes which program is calling: the first
// thing one wants to know when somebody's mail "does not work".
func (c *conn) identify(cmd *command) {
	w := words{cmd.args()}
	if fields, ok := readID(&w); !ok {
		c.refuse(cmd.tag, bad("ID takes NIL or a list of up to 30 pairs of strings"))
		return
	} else if len(fields) > 0 {
		c.log.Info("imap client", "name", printable(fields["name"], 60), "version", printable(fields["version"], 60),
			"os", printable(fields["os"], 60))
	}
	c.reply("* ID (\"name\" \"Posthorn\" \"version\" %s)\r\n%s OK nice to meet you\r\n", quotedString(c.server.Version), cmd.tag)
}

// readID reads NIL or the list of fields; values may be NIL.
func readID(w *words) (map[string]string, bool) {
	if nil_, ok := w.atom(); ok {
		return nil, strings.EqualFold(nil_, "NIL") && w.end()
	}
	fields := make(map[string]string)
	if !w.byte('(') {
		return nil, false
	}
	for i := 0; !w.byte(')'); i++ {
		if i > 0 && !w.space() || i == 30 {
			return nil, false
		}
		key, ok := w.quoted()
		if !ok || !w.space() {
			return nil, false
		}
		value, ok := w.astring()
		if !ok {
			return nil, false
		}
		fields[strings.ToLower(key)] = value
	}
	return fields, w.end()
}
