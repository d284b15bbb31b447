package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// readLine waits for a command, or the answer to a challenge, and passes it
// on unless it is answered here.
func (w *wire) readLine() error {
	line, err := w.takeLine()
	if err != nil {
		return err
	}
	if w.mode == answerMode {
		w.mode = commandMode
		w.pending = line
		return nil
	}
	return w.command(line)
}

// takeLine reads one line with its end. The slice is good until the next read.
func (w *wire) takeLine() ([]byte, error) {
	if err := w.flushIfIdle(); err != nil {
		return nil, err
	}
	if !w.await(true) {
		return nil, w.hangUp("421 4.3.2 " + w.name + " is shutting down, try again later")
	}
	first, err := w.in.Peek(1)
	if err == nil && first[0] == tlsHandshake {
		return nil, w.hangUp("554 5.5.1 this port begins without TLS; use STARTTLS here, or TLS on port 465")
	}
	line, err := w.in.ReadSlice('\n')
	stopping := !w.await(false)
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, w.hangUp(fmt.Sprintf("500 5.5.2 line is longer than %d octets", MaxCommandLine))
	case expired(err) && stopping:
		return nil, w.hangUp("421 4.3.2 " + w.name + " is shutting down, try again later")
	case expired(err):
		return nil, w.hangUp(fmt.Sprintf("421 4.4.2 no command within %s", w.limits.CommandTimeout))
	}
	return nil, err
}

// tlsHandshake is the first octet of a TLS connection (RFC 8446 section 5.1).
const tlsHandshake = 0x16

// flushIfIdle sends the answers unless a whole further line is at hand.
func (w *wire) flushIfIdle() error {
	ahead, _ := w.in.Peek(w.in.Buffered())
	if bytes.IndexByte(ahead, '\n') >= 0 {
		return nil
	}
	return w.flush()
}

// await marks the beginning or the end of waiting for a line. It returns
// false when the server is stopping. The deadline is for the line as a whole.
func (w *wire) await(begin bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = begin && !w.stopping
	if w.waiting {
		w.raw.SetReadDeadline(time.Now().Add(w.limits.CommandTimeout))
	}
	return !w.stopping
}

// command looks at a command line before go-smtp does. It passes on what
// go-smtp may see, and answers the rest.
func (w *wire) command(line []byte) error {
	verb, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
	w.verb = strings.ToUpper(string(verb[:min(len(verb), len("STARTTLS"))]))
	if w.commands++; w.commands > w.limits.Commands {
		return w.hangUp("421 4.7.0 too many commands without a message")
	}
	if refusal := w.malformed(line); refusal != "" {
		w.verb = "line" // whatever it was, it was not this command
		w.say(refusal)
		return w.err
	}
	switch w.verb {
	case "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI":
		return w.hangUp("554 5.5.1 this is a mail server, it does not speak HTTP")
	case "STARTTLS":
		if w.offer == nil {
			break // go-smtp says why
		}
		if len(bytes.TrimSpace(line)) > len("STARTTLS") {
			w.say("501 5.5.4 STARTTLS takes no arguments")
			return w.err
		}
		return w.startTLS()
	case "EHLO", "HELO":
		w.esmtp = w.verb == "EHLO"
		w.announced = false
	case "MAIL":
		w.body = body{}
		if hugeSize(line) {
			w.say("552 5.3.4 message is too large for this server")
			return w.err
		}
		if w.future {
			var refusal string
			if line, w.hold, refusal = takeHold(line, time.Now()); refusal != "" {
				w.say(refusal)
				return w.err
			}
		}
	case "RCPT":
		line = withDomain(line, w.name)
	case "BDAT":
		if err := w.beginChunk(line); err != nil {
			return err
		}
	}
	w.pending = line
	return nil
}

// malformed returns the answer to a line that is no command at all.
func (w *wire) malformed(line []byte) string {
	limit := MaxCommandLine
	if w.verb == "AUTH" {
		limit = MaxAuthLine
	}
	text, crlf := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case len(line) > limit:
		return fmt.Sprintf("500 5.5.2 line is longer than %d octets", limit)
	case !crlf:
		return "500 5.5.2 line ends with a LF without CR"
	case bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return "500 5.5.2 control character in a command"
	case !w.mayHold8Bit() && bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }):
		return "500 5.5.2 8-bit character in a command"
	}
	return ""
}

// mayHold8Bit tells the commands with addresses, which SMTPUTF8 may allow.
func (w *wire) mayHold8Bit() bool { return w.verb == "MAIL" || w.verb == "RCPT" }

// hugeSize finds a SIZE parameter beyond 32 bits, which go-smtp would call
// unreadable. RFC 1870 section 4 allows 20 digits.
func hugeSize(line []byte) bool {
	for _, field := range bytes.Fields(line) {
		name, value, ok := bytes.Cut(field, []byte("="))
		if ok && bytes.EqualFold(name, []byte("SIZE")) {
			_, err := strconv.ParseUint(string(value), 10, 32)
			return errors.Is(err, strconv.ErrRange)
		}
	}
	return false
}

// withDomain completes <postmaster>, which every server must take without a
// domain (RFC 5321 section 4.5.1) and go-smtp does not.
func withDomain(line []byte, name string) []byte {
	const address = "<postmaster>"
	i := bytes.IndexByte(line, '<')
	if i < 0 || len(line) < i+len(address) || !strings.EqualFold(string(line[i:i+len(address)]), address) {
		return line
	}
	return []byte(string(line[:i]) + "<postmaster@" + name + ">" + string(line[i+len(address):]))
}

// observe follows what go-smtp, or we, answer: what the client sends next, and
// how often it was refused.
func (w *wire) observe(p []byte) {
	if len(p) < 4 || p[3] != ' ' {
		return // not the last line of an answer
	}
	code, err := strconv.Atoi(string(p[:3]))
	if err != nil {
		return
	}
	switch {
	case code == 354:
		w.mode = dataMode
		w.body.text = textScanner{dots: true}
		w.body.ends, w.body.got = time.Now().Add(w.limits.DataWindow), 0
	case code == 334:
		w.mode = answerMode
	case code == 250 && (w.verb == "DATA" || w.verb == "BDAT" && w.body.last):
		w.commands = 0
	case code >= 400:
		w.refused(code, p)
	}
}

// refused logs a refusal and ends sessions that have collected too many.
func (w *wire) refused(code int, reply []byte) {
	if w.verb != "AUTH" || code != 535 && code != 454 { // those the keeper logs
		w.log.Info("refused", "command", w.verb, "reply", string(bytes.TrimSpace(reply)))
	}
	if w.err != nil || code == 421 {
		return
	}
	kind, limit := "commands", w.limits.FailedCommands
	switch {
	case w.verb == "RCPT":
		kind, limit = "recipients", w.limits.FailedRecipients
	case code == 535:
		kind, limit = "logins", w.limits.FailedLogins
	}
	if w.failures[kind]++; w.failures[kind] >= limit {
		w.hangUp("421 4.7.0 too many refused " + kind + ", goodbye")
	}
}
