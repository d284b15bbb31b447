package imapd

import (
	"bytes"
	"fmt"
)

// What conn sees of the answers, and says itself.

// is and set reach a flag that the goroutine of an IDLE also uses.
func (c *conn) is(flag *bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *flag
}

func (c *conn) set(flag *bool, to bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*flag = to
}

// Write takes what the library sends: whole response lines, but for mail.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	line := c.watch(p)
	c.mu.Unlock()
	if err := c.out.write(line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// watch follows the answers to know when a command is done, and replaces the
// few lines the library cannot say right. The caller holds mu.
func (c *conn) watch(p []byte) []byte {
	inside := c.midLine || c.mail
	c.midLine = !bytes.HasSuffix(p, []byte("\n"))
	if inside {
		return p
	}
	if c.cmd == nil {
		return c.greeting(p)
	}
	if bytes.HasPrefix(p, []byte("+ ")) {
		c.asked = true
		if c.cmd.name == "AUTHENTICATE" && string(p) == "+ =\r\n" {
			return []byte("+ \r\n") // nothing, in base64, is nothing
		}
		return p
	}
	status, isTagged := bytes.CutPrefix(p, []byte(c.cmd.tag+" "))
	if !isTagged {
		return c.dropSaved(c.unescapeNames(p))
	}
	c.answered = true
	fault := c.session.fault
	c.session.fault = nil
	switch {
	case bytes.HasPrefix(status, []byte("OK")):
		c.bads = 0
		if c.cmd.isLogin() {
			return c.withCapabilities(p)
		}
	case bytes.HasPrefix(status, []byte("BAD")):
		c.countBad()
	case bytes.HasPrefix(status, []byte("NO [SERVERBUG]")) && fault == nil:
		// Not a fault of ours, so the library could not read the arguments.
		c.countBad()
		return fmt.Appendf(nil, "%s BAD the arguments of %s cannot be read\r\n", c.cmd.tag, c.cmd.name)
	case c.cmd.isLogin():
		c.refused++
	}
	return p
}

// reply sends a line of our own.
func (c *conn) reply(format string, args ...any) {
	c.out.write(fmt.Appendf(nil, format, args...)) // a failure shows at the next read
}

// refuse answers a command that is not carried out.
func (c *conn) refuse(tag string, ref *refusal) {
	if tag == "" {
		tag = "*"
	}
	code := ""
	if ref.code != "" {
		code = "[" + ref.code + "] "
	}
	c.reply("%s %s %s%s\r\n", tag, ref.status, code, ref.text)
	if ref.status == "BAD" || ref.code == "PRIVACYREQUIRED" {
		c.countBad()
	}
}

// leave says BYE with the reason and returns the error that ends the
// connection.
func (c *conn) leave(code, reason string) error {
	if code != "" {
		code = "[" + code + "] "
	}
	if !c.is(&c.midLine) {
		c.reply("* BYE %s%s\r\n", code, reason)
	}
	c.log.Info("imap connection ended", "reason", reason)
	c.out.close()
	return errLeave
}
