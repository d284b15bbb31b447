package imapd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

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

// handshake makes TLS of a connection, within its time. A client that speaks
// in the clear is told so.
func handshake(raw net.Conn, config *tls.Config) (net.Conn, error) {
	raw.SetDeadline(time.Now().Add(handshakeTimeout))
	over := tls.Server(raw, config)
	if err := over.Handshake(); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) && record.Conn != nil {
			fmt.Fprint(raw, "* BYE this port speaks TLS from the first byte\r\n")
		}
		return nil, err
	}
	raw.SetDeadline(time.Time{})
	return over, nil
}
