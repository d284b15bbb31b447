package imapd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"
)

// errLeave ends a connection that has been said BYE to.
var errLeave = errors.New("imapd: connection ended by the server")

// readCommand reads one command with its literals. When it had to be refused,
// the answer is already on its way and cmd is nil.
func (c *conn) readCommand() (cmd *command, err error) {
	cmd = new(command)
	var ref *refusal
	for first := true; ; first = false {
		line, over, err := c.readLine(c.maxCommand() - len(cmd.text))
		if err != nil {
			return nil, err
		}
		if first && len(line) == 0 {
			c.countBad()
			return nil, nil
		}
		text, lit, lineErr := scanLine(line)
		if ref == nil {
			ref = c.checkLine(cmd, text, first, over, lineErr)
		}
		if first && !c.loggedIn && ref != nil && !cmd.known() {
			return nil, c.leave("", "this is an IMAP server, and that was not IMAP")
		}
		if ref == nil && lit != nil {
			if cmd.isMessage() {
				cmd.message = lit
				return cmd, nil
			}
			ref = c.checkLiteral(cmd, lit)
		}
		switch {
		case lit == nil && ref == nil:
			return cmd, nil
		case lit == nil, ref != nil && lit.wait:
			// A client whose literal is refused does not send it: what comes
			// next is its next command.
			c.refuse(cmd.tag, ref)
			return nil, nil
		case ref != nil:
			err = c.skip(lit.size)
		default:
			ref, err = c.readLiteral(cmd, lit)
		}
		if err != nil {
			return nil, err
		}
	}
}

// checkLine takes a line into the command.
func (c *conn) checkLine(cmd *command, text []byte, first, over bool, lineErr error) *refusal {
	if first {
		if ref := cmd.parseHead(text); ref != nil {
			return ref
		}
	}
	switch {
	case over:
		ref := no("TOOBIG", "a command may have at most %d bytes", c.maxCommand())
		ref.status = "BAD"
		return ref
	case lineErr != nil:
		return bad("%v", lineErr)
	case first && !c.loggedIn && !cmd.allowedBeforeLogin():
		return bad("log in before %s", cmd.name)
	case first && cmd.isLogin() && !c.secure:
		// Said before a literal is asked for, so that the password stays home.
		return no("PRIVACYREQUIRED", "no password is taken over this connection: use STARTTLS first, or port 993")
	}
	cmd.text = append(cmd.text, text...)
	return nil
}

// checkLiteral decides about a literal that is not the message of an APPEND.
func (c *conn) checkLiteral(cmd *command, lit *literal) *refusal {
	switch {
	case lit.size < 0 || lit.size > maxLiteral:
		return no("TOOBIG", "a string may have at most %d bytes here", maxLiteral)
	case len(cmd.text)+int(lit.size) > c.maxCommand():
		return no("TOOBIG", "a command may have at most %d bytes", c.maxCommand())
	}
	return nil
}

// readLiteral reads a small literal and puts it into the command as a quoted
// string.
func (c *conn) readLiteral(cmd *command, lit *literal) (*refusal, error) {
	if lit.wait {
		c.reply("+ go on with %d bytes\r\n", lit.size)
	}
	data := make([]byte, lit.size)
	if err := c.readFull(data); err != nil {
		return nil, err
	}
	text, err := quote(cmd.text, data, cmd.breaksAllowed())
	if err != nil {
		return bad("%v", err), nil
	}
	cmd.text = text
	return nil, nil
}

// readLine reads a line and cuts its end and the spaces before it. An overlong
// one is read past; then over is true and the line is only its start and its
// end, which hold the tag and the header of a literal.
func (c *conn) readLine(limit int) (line []byte, over bool, err error) {
	const start, end = 2 * maxTag, 64
	var tail []byte
	for skipped := 0; ; {
		part, err := c.fetchLine()
		switch {
		case over:
			tail = append(tail, part...)
		case len(line)+len(part) > limit+len("\r\n"):
			over = true
			line = append(line, part...)
			tail = bytes.Clone(line[min(start, len(line)):])
			line = line[:min(start, len(line))]
		default:
			line = append(line, part...)
		}
		tail = tail[max(0, len(tail)-end):]
		if skipped += len(part); skipped > maxCommand+maxSkip {
			return nil, over, c.leave("TOOBIG", "a line of more than a megabyte is no command")
		}
		if err == nil {
			return bytes.TrimRight(append(line, tail...), "\r\n "), over, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, over, err
		}
	}
}

// fetchLine is ReadSlice, sending our output first if we would have to wait.
func (c *conn) fetchLine() ([]byte, error) {
	if err := c.turn(); err != nil {
		return nil, err
	}
	return c.in.ReadSlice('\n')
}

// readFull fills p.
func (c *conn) readFull(p []byte) error {
	if err := c.turn(); err != nil {
		return err
	}
	_, err := io.ReadFull(c.in, p)
	return err
}

// turn sends the output when the next read would wait for the client, who may
// be waiting for us.
func (c *conn) turn() error {
	if c.in.Buffered() > 0 {
		return nil
	}
	return c.out.flush()
}

// skip reads past n bytes of a literal that was refused.
func (c *conn) skip(n int64) error {
	if n < 0 || n > maxSkip {
		return c.leave("TOOBIG", "the literal is too large")
	}
	if err := c.turn(); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c.in, n)
	return err
}

// skipRest reads past what is left of a command whose line was just read: its
// literals that come without waiting, and the lines between them.
func (c *conn) skipRest(line []byte) error {
	for {
		_, lit, _ := cutLiteral(line)
		if lit == nil || lit.wait {
			return nil
		}
		if err := c.skip(lit.size); err != nil {
			return err
		}
		var err error
		if line, _, err = c.readLine(c.maxCommand()); err != nil {
			return err
		}
	}
}

// maxCommand is the limit that holds for the client now.
func (c *conn) maxCommand() int {
	if c.loggedIn {
		return maxCommand
	}
	return maxCommandBeforeLogin
}

// wait waits for the first byte of the next command. It is where a connection
// spends its life, and where it ends: by silence, by too many errors, or
// because the box stops.
func (c *conn) wait() error {
	if err := c.turn(); err != nil {
		return err
	}
	limit := time.Now().Add(silence)
	if !c.loggedIn {
		limit = time.Now().Add(silenceBeforeLogin)
		if c.loginBy.Before(limit) {
			limit = c.loginBy
		}
	}
	if !c.waitUntil(limit) {
		return c.leave("UNAVAILABLE", "the box is stopping; try again in a minute")
	}
	_, err := c.in.Peek(1)
	if c.waited() {
		return c.leave("UNAVAILABLE", "the box is stopping; try again in a minute")
	}
	if isTimeout(err) {
		return c.leave("", "nothing was said for too long")
	}
	if err != nil {
		return err
	}
	limit = time.Now().Add(commandTimeout)
	if !c.loggedIn && c.loginBy.Before(limit) {
		limit = c.loginBy
	}
	return c.raw.SetReadDeadline(limit)
}
