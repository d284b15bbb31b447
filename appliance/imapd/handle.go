package imapd

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// The commands conn answers itself: those the library has no place for, and
// those it would answer wrongly because it does not see the TLS connection.

// handle carries out cmd if it is one of them.
func (c *conn) handle(cmd *command) (done bool, err error) {
	switch cmd.name {
	case "CAPABILITY":
		c.reply("* CAPABILITY %s\r\n%s OK that is what this server can do\r\n", c.capabilities(), cmd.tag)
	case "STARTTLS":
		return true, c.startTLS(cmd)
	case "ID":
		c.identify(cmd)
	case "GETQUOTA", "GETQUOTAROOT":
		c.quota(cmd)
	case "APPEND":
		return c.limitMessage(cmd)
	case "SEARCH", "UID SEARCH":
		return c.readSearch(cmd), nil
	default:
		return false, nil
	}
	return true, nil
}

// capabilities is the list that holds at this moment. It is ours and not the
// library's: that one offers AUTH before TLS, because it cannot see TLS, and
// knows neither ID nor QUOTA.
func (c *conn) capabilities() string {
	caps := "IMAP4rev2 IMAP4rev1 LITERAL- SASL-IR ID ENABLE"
	if !c.loggedIn {
		if c.server.TLS != nil && !c.tls {
			caps += " STARTTLS"
		}
		if c.secure {
			return caps + " AUTH=PLAIN"
		}
		return caps + " LOGINDISABLED"
	}
	return fmt.Sprintf("%s NAMESPACE UIDPLUS ESEARCH SEARCHRES LIST-EXTENDED LIST-STATUS SPECIAL-USE"+
		" CREATE-SPECIAL-USE MOVE STATUS=SIZE BINARY APPENDLIMIT=%d UTF8=ACCEPT IDLE UNSELECT CHILDREN"+
		" WITHIN QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE", caps, c.session.appendLimit())
}

// greeting replaces the library's first line.
func (c *conn) greeting(p []byte) []byte {
	if !bytes.HasPrefix(p, []byte("* OK")) {
		return p
	}
	return fmt.Appendf(nil, "* OK [CAPABILITY %s] Posthorn is ready\r\n", c.capabilities())
}

// withCapabilities replaces the list in the answer to a login.
func (c *conn) withCapabilities(p []byte) []byte {
	before, rest, ok := bytes.Cut(p, []byte("[CAPABILITY "))
	_, after, ok2 := bytes.Cut(rest, []byte("]"))
	if !ok || !ok2 {
		return p
	}
	return fmt.Appendf(nil, "%s[CAPABILITY %s]%s", before, c.capabilities(), after)
}

// startTLS goes on over TLS, RFC 9051 section 6.2.1.
func (c *conn) startTLS(cmd *command) error {
	switch {
	case c.server.TLS == nil:
		c.refuse(cmd.tag, no("", "TLS is not set up on this server"))
		return nil
	case c.tls || c.loggedIn:
		c.refuse(cmd.tag, bad("TLS can only be started once, and before the login"))
		return nil
	case len(cmd.args()) > 0:
		c.refuse(cmd.tag, bad("STARTTLS takes no arguments"))
		return nil
	case c.in.Buffered() > 0:
		// What came in the clear behind STARTTLS could have been put there by
		// anybody on the way; it must not count as said under TLS.
		return c.leave("", "nothing may follow STARTTLS before TLS has begun")
	}
	c.reply("%s OK begin TLS now\r\n", cmd.tag)
	if err := c.out.flush(); err != nil {
		return err
	}
	over, err := handshake(c.raw, c.server.TLS)
	if err != nil {
		c.log.Info("imap TLS failed", "error", err)
		return err
	}
	c.life.Lock()
	c.raw = over
	c.life.Unlock()
	c.out.replace(over)
	c.in.Reset(over)
	c.tls, c.secure = true, true
	return nil
}

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

// quota answers GETQUOTA and GETQUOTAROOT, RFC 9208. Each account is one quota
// root with an empty name, for all its mailboxes.
func (c *conn) quota(cmd *command) {
	w := words{cmd.args()}
	name, ok := w.astring()
	if !ok || !w.end() {
		c.refuse(cmd.tag, bad("%s takes one name", cmd.name))
		return
	}
	if cmd.name == "GETQUOTA" && name != "" {
		c.refuse(cmd.tag, no("NONEXISTENT", `the only quota root here is ""`))
		return
	}
	use, err := c.session.quota()
	if err != nil {
		c.log.Error("reading quota failed", "error", err)
		c.refuse(cmd.tag, no("SERVERBUG", "the quota cannot be read"))
		return
	}
	if cmd.name == "GETQUOTAROOT" {
		c.reply("* QUOTAROOT %s \"\"\r\n", quotedString(name))
	}
	storage := ""
	if use.limit > 0 {
		storage = fmt.Sprintf("STORAGE %d %d ", (use.bytes+1023)/1024, use.limit/1024)
	}
	// Of messages there may be as many as there are UIDs.
	c.reply("* QUOTA \"\" (%sMESSAGE %d %d)\r\n%s OK %s completed\r\n", storage, use.messages, uint32(math.MaxUint32), cmd.tag, cmd.name)
}

// limitMessage refuses a message that is too large before it is sent.
func (c *conn) limitMessage(cmd *command) (done bool, err error) {
	lit := cmd.message
	if lit == nil {
		return false, nil // the library says what is wrong
	}
	limit := c.session.appendLimit()
	var ref *refusal
	switch {
	case lit.size < 0 || lit.size > limit:
		ref = no("TOOBIG", "a message may have at most %d bytes", limit)
	case !lit.wait && lit.size > maxLiteral:
		ref = bad("a literal of more than %d bytes is sent with {n}, not {n+} (RFC 7888)", maxLiteral)
	default:
		return false, nil
	}
	if !lit.wait {
		if err := c.skip(lit.size); err != nil {
			return true, err
		}
		line, _, err := c.readLine(c.maxCommand())
		if err != nil {
			return true, err
		}
		if err := c.skipRest(line); err != nil {
			return true, err
		}
	}
	c.refuse(cmd.tag, ref)
	return true, nil
}
