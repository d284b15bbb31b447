package imapd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// conn stands between the socket (or TLS) and the library, which takes it for
// the socket. It gives the library one well-formed command at a time and sees
// the answer, so that nothing a client sends can be read as anything but what
// it was sent as. It answers STARTTLS, CAPABILITY, ID and QUOTA itself.
//
// Read and everything under it runs in the library's goroutine of this
// connection, and so does Write but for the updates of an IDLE.
type conn struct {
	server  *Server
	log     *slog.Logger
	remote  netip.Addr
	raw     net.Conn // the socket or the *tls.Conn over it
	tls     bool
	secure  bool // passwords may be taken: TLS, or the client is on this machine
	in      *bufio.Reader
	out     output
	session *session
	loginBy time.Time

	loggedIn bool
	bads     int // BAD answers in a row
	refused  int // logins refused

	// The command the library is at.
	cmd     *command
	pending []byte // what of it has not been read yet
	state   state
	left    int64 // bytes of the message still to come
	over    bool  // nothing more is read

	// What was written; the updates of an IDLE come from a goroutine of theirs.
	mu       sync.Mutex
	answered bool // the tagged answer has been written
	asked    bool // a "+" was written and is not replied to
	midLine  bool // the last write did not end a line
	mail     bool // the session is writing mail, which is never looked at

	life     sync.Mutex
	waiting  bool // in wait
	stopping bool
	closed   func() // called once, at Close
	once     sync.Once
}

// state says what the library reads next.
type state uint8

const (
	stateReady   state = iota // the last command is answered
	stateRunning              // a command was handed over
	stateHeld                 // APPEND: nobody has asked for the message yet
	stateMessage              // APPEND: the message is being read
	stateTail                 // APPEND: the rest of the line after the message
)

// Read gives the library the next bytes of the dialog. After the first error it
// is at its end, whatever the error was: the library would go on after others.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.pending) == 0 && !c.over {
		n, err := c.advance(p)
		if err == errNotSent {
			return 0, io.EOF
		}
		if isTimeout(err) {
			err = c.leave("", "that came too slowly")
		}
		c.over = err != nil
		if n > 0 {
			return n, nil
		}
	}
	if c.over {
		return 0, io.EOF
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// advance does what comes next: it fills pending, or p with bytes of a message.
func (c *conn) advance(p []byte) (n int, err error) {
	switch {
	case c.state == stateReady:
		return 0, c.nextCommand()
	case c.is(&c.answered):
		return 0, c.finish()
	case c.state == stateHeld:
		return 0, c.passUpMessage()
	case c.state == stateMessage:
		return c.readMessage(p)
	case c.state == stateTail:
		_, err = c.finishMessage()
		return 0, err
	case c.is(&c.asked):
		return 0, c.readReply()
	}
	// The library wants more than the command it was given. Whatever comes next
	// would be misread, so the connection ends here.
	c.log.Error("protocol out of step", "command", c.cmd.name)
	return 0, c.leave("", "internal error")
}

// nextCommand reads commands until there is one for the library.
func (c *conn) nextCommand() error {
	for {
		if c.tooManyErrors() {
			return c.leave("", "too many errors")
		}
		if err := c.wait(); err != nil {
			return err
		}
		if err := c.checkForeign(); err != nil {
			return err
		}
		cmd, err := c.readCommand()
		if err != nil {
			return err
		}
		if cmd == nil {
			continue
		}
		done, err := c.handle(cmd)
		if err != nil {
			return err
		}
		if !done {
			c.hand(cmd)
			return nil
		}
	}
}

// hand gives a command to the library.
func (c *conn) hand(cmd *command) {
	c.cmd, c.state = cmd, stateRunning
	c.set(&c.answered, false)
	c.set(&c.asked, false)
	c.pending = cmd.text
	if lit := cmd.message; lit != nil {
		// Without waiting, whatever the client said: it is told to go on when
		// the session wants the message, see acceptMessage.
		if lit.octets {
			c.pending = append(c.pending, '~')
		}
		c.pending = fmt.Appendf(c.pending, "{%d+}", lit.size)
		c.state = stateHeld
	}
	c.pending = append(c.pending, "\r\n"...)
}

// finish ends a command that has been answered.
func (c *conn) finish() error {
	c.out.setPrompt(false)
	if c.state == stateHeld && !c.cmd.message.wait {
		// Refused before the message was asked for, but it comes all the same.
		if err := c.skip(c.cmd.message.size); err != nil {
			return err
		}
		line, _, err := c.readLine(c.maxCommand())
		if err != nil {
			return err
		}
		if err := c.skipRest(line); err != nil {
			return err
		}
	}
	c.state, c.cmd = stateReady, nil
	return nil
}

// readReply reads the line a client sends after a "+": the end of an IDLE, or a
// step of AUTHENTICATE.
func (c *conn) readReply() error {
	idle := c.cmd.name == "IDLE"
	c.out.setPrompt(idle)
	if err := c.wait(); err != nil {
		return err
	}
	line, over, err := c.readLine(maxCommandBeforeLogin - 2)
	c.out.setPrompt(false)
	if err != nil {
		return err
	}
	if over {
		return c.leave("TOOBIG", "the line is too long")
	}
	// A command in its place is refused; its literals must not be read as more.
	if err := c.skipRest(line); err != nil {
		return err
	}
	c.set(&c.asked, false)
	if idle && strings.EqualFold(string(line), "DONE") {
		line = []byte("DONE")
	}
	c.pending = append(line, "\r\n"...)
	return nil
}

func (c *conn) countBad() { c.bads++ }

func (c *conn) tooManyErrors() bool {
	if c.refused >= maxFailedLogins {
		return true
	}
	if c.loggedIn {
		return c.bads >= maxBad
	}
	return c.bads >= maxBadBeforeLogin
}

// checkForeign cuts off clients that speak another protocol, before they can
// make this one do something (cross-protocol attacks by web pages).
func (c *conn) checkForeign() error {
	if c.loggedIn {
		return nil
	}
	start, _ := c.in.Peek(min(16, c.in.Buffered()))
	if len(start) > 0 && start[0] == 0x16 && !c.tls {
		return c.leave("", "this port starts without TLS: use STARTTLS, or port 993 for TLS from the first byte")
	}
	for _, method := range []string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "PRI * HTTP"} {
		if bytes.HasPrefix(start, []byte(method)) {
			return c.leave("", "this is an IMAP server, not a web server")
		}
	}
	return nil
}

// waitUntil enters the state in which stop may wake the connection. It returns
// false when the box is stopping.
func (c *conn) waitUntil(t time.Time) bool {
	c.life.Lock()
	defer c.life.Unlock()
	if c.stopping {
		return false
	}
	c.waiting = true
	c.raw.SetReadDeadline(t)
	return true
}

// waited leaves that state. It returns true when the box is stopping.
func (c *conn) waited() bool {
	c.life.Lock()
	defer c.life.Unlock()
	c.waiting = false
	return c.stopping
}

// stop asks the connection to end after its current command.
func (c *conn) stop() {
	c.life.Lock()
	defer c.life.Unlock()
	c.stopping = true
	if c.waiting {
		c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// Close sends what is left and closes the socket.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.out.close()
		err = c.raw.Close()
		c.closed()
	})
	return err
}

// drop cuts the connection in the middle of a response that cannot be
// completed.
func (c *conn) drop() {
	c.life.Lock()
	defer c.life.Unlock()
	c.raw.Close()
}

func (c *conn) LocalAddr() net.Addr  { return c.raw.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// The library's deadlines are absolute for a whole message, whatever the line's
// speed, so they are not followed: conn sets its own by progress.

func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// isTimeout says whether err is a passed deadline.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
