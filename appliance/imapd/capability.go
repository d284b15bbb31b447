package imapd

import (
	"bytes"
	"fmt"
)

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
