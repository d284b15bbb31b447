package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxPipeline is how many RCPT commands are sent before their answers are
// read: few enough that neither side's buffers fill up.
const maxPipeline = 50

// Message is what Send hands over.
type Message struct {
	From       string // reverse path; "" is the null sender
	Recipients []Recipient
	Size       int64  // octets
	Body       string // 8BITMIME if it has octets over 127, BINARYMIME, else ""
	UTF8       bool   // needs SMTPUTF8: addresses or header beyond ASCII
	Secure     bool   // REQUIRETLS
	Return     string // RET
	Envid      string // ENVID

	// Text is the message. Line ends that are not CR LF are mended on the way.
	Text io.Reader
	// Final is called when the text is out and before the dot that ends it.
	// An error of it breaks off: the message does not arrive, and the error is
	// what Send returns.
	Final func(accepted []string) error
}

// Recipient is one forward path.
type Recipient struct {
	Address  string
	Notify   []string // RFC 3461 section 4.1
	Original string   // ORCPT "type;address", decoded
}

// Result is what became of one recipient; nil is success.
type Result struct {
	Failure *Failure
	Answer  string // the server's words
	// Informs says that the server took over the duty to send notices (it
	// offers DSN).
	Informs bool
}

// Send hands a message over. It returns what became of each recipient, in
// order, or an error for all of them: a *Failure, or what Final said.
func (c *Conn) Send(ctx context.Context, m *Message) ([]Result, error) {
	if err := c.fits(m); err != nil {
		return nil, err
	}
	if c.sent > 0 && c.dead {
		return nil, c.broken("between two messages", errors.New("it is closed"))
	}
	results, accepted, err := c.envelope(m)
	if err != nil {
		return nil, err
	}
	if len(accepted) == 0 {
		c.reset()
		return results, nil
	}
	r, err := c.data(m, accepted)
	if err != nil {
		return nil, err
	}
	c.sent++
	for i := range results {
		switch {
		case results[i].Failure != nil:
		case r.code == 250:
			results[i] = Result{Answer: fmt.Sprintf("%d %s %s", r.code, r.status, r.text()), Informs: c.Offers("DSN")}
		default:
			results[i].Failure = c.failure(r)
		}
	}
	if r.code == 421 {
		c.dead = true
	}
	return results, nil
}

// fits says whether the server can take such a message at all.
func (c *Conn) fits(m *Message) error {
	refuse := func(status, text string) error {
		return &Failure{Host: c.host, Status: status, Permanent: true, Text: text}
	}
	switch most := c.maxSize(); {
	case most > 0 && m.Size > most:
		return refuse("5.3.4", fmt.Sprintf("the message has %d octets, the server takes %d at most", m.Size, most))
	case m.UTF8 && !c.Offers("SMTPUTF8"):
		return refuse("5.6.7", "the server does not take addresses and headers beyond ASCII (SMTPUTF8)")
	case m.Body == "BINARYMIME":
		return refuse("5.6.1", "the message is binary (BINARYMIME) and can't travel as text")
	case m.Body == "8BITMIME" && !c.Offers("8BITMIME"):
		return refuse("5.6.3", "the server takes text in ASCII only (no 8BITMIME)")
	case m.Secure && !c.needs.secure:
		return c.demanded("5.7.30", "this connection was not opened for it")
	}
	return nil
}

// envelope says MAIL and RCPT, pipelined where the server allows it (RFC 2920).
func (c *Conn) envelope(m *Message) (results []Result, accepted []string, err error) {
	c.limit(CommandTime)
	results = make([]Result, len(m.Recipients))
	batch := 1
	if c.Offers("PIPELINING") {
		batch = maxPipeline
	}
	mail := c.mailLine(m)
	if batch == 1 {
		if r, err := c.command(mail); err != nil {
			return nil, nil, err
		} else if r.code != 250 {
			f := c.failure(r)
			c.reset()
			return nil, nil, f
		}
		mail = ""
	}
	for first := 0; first < len(m.Recipients); first += batch {
		last := min(first+batch, len(m.Recipients))
		if mail != "" {
			c.out.WriteString(mail + "\r\n")
		}
		for _, to := range m.Recipients[first:last] {
			c.out.WriteString(c.rcptLine(to) + "\r\n")
		}
		c.limit(CommandTime)
		if err := c.out.Flush(); err != nil {
			return nil, nil, c.broken("at RCPT", err)
		}
		var refused *Failure
		if mail != "" {
			r, err := c.readReply()
			if err != nil {
				return nil, nil, c.broken("at MAIL", err)
			}
			if r.code != 250 {
				refused = c.failure(r)
			}
			mail = ""
		}
		for i := first; i < last; i++ {
			c.limit(CommandTime)
			r, err := c.readReply()
			if err != nil {
				return nil, nil, c.broken("at RCPT", err)
			}
			if r.code/100 != 2 {
				results[i].Failure = c.failure(r)
			} else {
				accepted = append(accepted, m.Recipients[i].Address)
			}
		}
		if refused != nil {
			c.reset()
			return nil, nil, refused
		}
	}
	return results, accepted, nil
}

func (c *Conn) mailLine(m *Message) string {
	line := "MAIL FROM:<" + quotePath(m.From) + ">"
	if c.Offers("SIZE") {
		line += fmt.Sprintf(" SIZE=%d", m.Size)
	}
	if m.Body == "8BITMIME" {
		line += " BODY=8BITMIME"
	}
	if m.UTF8 {
		line += " SMTPUTF8"
	}
	if m.Secure {
		line += " REQUIRETLS"
	}
	if c.Offers("DSN") {
		if m.Return != "" {
			line += " RET=" + m.Return
		}
		if m.Envid != "" {
			line += " ENVID=" + xtext(m.Envid)
		}
	}
	return line
}

func (c *Conn) rcptLine(to Recipient) string {
	line := "RCPT TO:<" + quotePath(to.Address) + ">"
	if c.Offers("DSN") {
		if len(to.Notify) > 0 {
			line += " NOTIFY=" + strings.Join(to.Notify, ",")
		}
		if kind, address, ok := strings.Cut(to.Original, ";"); ok {
			line += " ORCPT=" + kind + ";" + xtext(address)
		}
	}
	return line
}

// data sends the text and returns the answer to it.
func (c *Conn) data(m *Message, accepted []string) (reply, error) {
	c.limit(DataTime)
	r, err := c.command("DATA")
	if err != nil {
		return r, err
	}
	if r.code != 354 {
		f := c.failure(r)
		c.reset()
		return r, f
	}
	text := &textWriter{conn: c}
	if _, err := io.Copy(text, source{m.Text}); err != nil {
		return r, c.spoil("while the message was sent", err)
	}
	if err := text.flush(); err != nil {
		return r, c.spoil("while the message was sent", err)
	}
	if m.Final != nil {
		if err := m.Final(accepted); err != nil {
			c.dead = true
			c.conn.Close() // without the dot the server forgets it
			return r, err
		}
	}
	c.final.Store(true)
	defer c.final.Store(false)
	c.limit(FinalTime)
	c.out.WriteString(".\r\n")
	if err = c.out.Flush(); err == nil {
		if r, err = c.readReply(); err == nil {
			return r, nil
		}
	}
	f := c.broken("after the message was sent, before the server said that it has it", err)
	f.Uncertain = true
	return r, f
}

// spoil breaks off in the middle of the text, where nothing else can be said.
func (c *Conn) spoil(doing string, err error) error {
	c.conn.Close()
	var read *readError
	if errors.As(err, &read) {
		c.dead = true
		return fmt.Errorf("read the message: %w", read.err)
	}
	return c.broken(doing, err)
}

// reset makes the connection ready for another message.
func (c *Conn) reset() {
	if c.dead {
		return
	}
	c.limit(CommandTime)
	if r, err := c.command("RSET"); err != nil || r.code != 250 {
		c.dead = true
	}
}
