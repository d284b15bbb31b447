package imapd

import (
	"errors"
	"io"
	"time"
)

// errNotSent says that a message was refused before it was sent.
var errNotSent = errors.New("imapd: message not sent")

// The message of an APPEND on its way from the client to the session. The
// library is given "{n+}" at once; whether and when the client is told to send
// is decided by the session, after it has looked at mailbox, quota and disk.

// acceptMessage tells the client to go on.
func (c *conn) acceptMessage() {
	if c.state != stateHeld {
		return
	}
	if c.cmd.message.wait {
		c.reply("+ go on with %d bytes\r\n", c.cmd.message.size)
	}
	c.openMessage()
}

func (c *conn) openMessage() {
	c.left, c.state = c.cmd.message.size, stateMessage
	if c.left == 0 {
		c.state = stateTail
	}
	c.block()
}

// block gives the next 16 KiB of a message their time.
func (c *conn) block() { c.raw.SetReadDeadline(time.Now().Add(stall)) }

// passUpMessage is called when the library reads a message that the session
// did not accept. A client that waits will not send it: the library sees an
// early end and then the end of the line. One that does not wait sends it, and
// it is read past.
func (c *conn) passUpMessage() error {
	if !c.cmd.message.wait {
		c.openMessage() // at most maxLiteral bytes, see limitMessage
		return nil
	}
	c.pending = []byte(c.cmd.tail() + "\r\n")
	c.state = stateRunning
	return errNotSent
}

// readMessage reads bytes of the message.
func (c *conn) readMessage(p []byte) (int, error) {
	if err := c.turn(); err != nil {
		return 0, err
	}
	// Never past the next 16 KiB border, where the time starts anew: a byte
	// now and then does not keep a connection alive.
	border := c.left % gather
	if border == 0 {
		border = gather
	}
	n, err := c.in.Read(p[:min(int64(len(p)), border)])
	c.left -= int64(n)
	if n > 0 && c.left%gather == 0 {
		c.block()
	}
	if c.left == 0 {
		c.state = stateTail
	}
	return n, err
}

// finishMessage reads the end of the command after the message. It returns
// false if there is more than the end of the line, in which case the command is
// wrong and the message must not be kept. The library is shown a correct end in
// any case, because it would not answer at all otherwise.
func (c *conn) finishMessage() (bool, error) {
	if c.state != stateTail {
		return false, io.ErrUnexpectedEOF
	}
	c.raw.SetReadDeadline(time.Now().Add(commandTimeout))
	line, over, err := c.readLine(c.maxCommand())
	if err != nil {
		return false, err
	}
	if err := c.skipRest(line); err != nil {
		return false, err
	}
	c.pending = []byte(c.cmd.tail() + "\r\n")
	c.state = stateRunning
	return !over && string(line) == c.cmd.tail(), nil
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
