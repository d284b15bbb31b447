package pop3d

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"posthorn/appliance/login"
)

// session is one client's session, in one of RFC 1939's states:
// AUTHORIZATION while drop is nil, TRANSACTION after, UPDATE in quit.
type session struct {
	server *Server
	conn   *conn
	log    *slog.Logger
	begun  time.Time

	user     string // given by USER
	utf8     bool   // UTF8 was given (RFC 6856)
	who      login.Identity
	drop     *drop
	failures int  // commands answered with an error
	refusals int  // failed logins
	over     bool // the session ends after this answer
}

// state is when a command is allowed.
type state int

const (
	authorization state = 1 << iota
	transaction
)

// command is one entry of the protocol's table.
type command struct {
	states  state
	minArgs int
	maxArgs int // -1: the rest of the line is one argument
	run     func(*session, context.Context, []string)
}

// commandFor is the protocol: every command, where it is allowed, and the
// arguments it takes.
func commandFor(name string) (command, bool) {
	const both = authorization | transaction
	switch name {
	case "USER":
		return command{authorization, 1, -1, (*session).cmdUser}, true
	case "PASS":
		return command{authorization, 1, -1, (*session).cmdPass}, true
	case "AUTH":
		return command{authorization, 0, 2, (*session).cmdAuth}, true
	case "STLS":
		return command{authorization, 0, 0, (*session).cmdSTLS}, true
	case "UTF8":
		return command{authorization, 0, 0, (*session).cmdUTF8}, true
	case "CAPA":
		return command{both, 0, 0, (*session).cmdCapa}, true
	case "LANG":
		return command{both, 0, 1, (*session).cmdLang}, true
	case "QUIT":
		return command{both, 0, 0, (*session).cmdQuit}, true
	case "STAT":
		return command{transaction, 0, 0, (*session).cmdStat}, true
	case "LIST":
		return command{transaction, 0, 1, (*session).cmdList}, true
	case "UIDL":
		return command{transaction, 0, 1, (*session).cmdUIDL}, true
	case "RETR":
		return command{transaction, 1, 1, (*session).cmdRetr}, true
	case "TOP":
		return command{transaction, 2, 2, (*session).cmdTop}, true
	case "DELE":
		return command{transaction, 1, 1, (*session).cmdDele}, true
	case "RSET":
		return command{transaction, 0, 0, (*session).cmdRset}, true
	case "NOOP":
		return command{transaction, 0, 0, (*session).cmdNoop}, true
	}
	return command{}, false
}

// run greets and answers commands until the session is over.
func (x *session) run(ctx context.Context) {
	x.begun = time.Now()
	x.conn.ok("%s POP3 server ready", x.server.Hostname())
	for !x.over {
		line, err := x.conn.readLine(maxLine, x.deadline())
		switch {
		case err == nil:
			x.command(ctx, line)
		case errors.Is(err, errTooLong):
			x.bad("line is longer than %d octets", maxLine)
		case errors.Is(err, errEndless):
			x.conn.fail("line has no end")
			return
		case errors.Is(err, errNotClear):
			x.log.Info("pop3 session ended: TLS on the port that begins without")
			x.conn.fail("this port begins without TLS; use STLS here, or TLS on port 995")
			return
		default:
			// Autologout says nothing (RFC 1939 section 3).
			x.log.Debug("pop3 connection ended", "why", err)
			return
		}
	}
}

// deadline is when the next command must have begun.
func (x *session) deadline() time.Time {
	if x.drop == nil {
		return x.begun.Add(x.server.LoginTime)
	}
	return time.Now().Add(x.server.IdleTime)
}

// command answers one line.
func (x *session) command(ctx context.Context, line string) {
	word, rest, _ := strings.Cut(line, " ")
	name := strings.ToUpper(word)
	c, known := commandFor(name)
	switch {
	case !known && x.drop == nil && isHTTP(line):
		x.conn.fail("this is a POP3 server; it does not speak HTTP")
		x.over = true
	case !known:
		x.bad("unknown command")
	case !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\r"):
		x.bad("command has octets that are neither ASCII nor UTF-8 text")
	case c.states&x.state() == 0 && x.drop == nil:
		x.bad("log in first")
	case c.states&x.state() == 0:
		x.bad("%s is not possible after the login", name)
	default:
		args, ok := split(rest, c)
		if !ok {
			x.bad("wrong arguments for %s", name)
			return
		}
		c.run(x, ctx, args)
	}
}

// split cuts a command's arguments, which spaces separate (RFC 1939
// section 3).
func split(rest string, c command) ([]string, bool) {
	if c.maxArgs < 0 {
		return []string{rest}, rest != ""
	}
	args := strings.Fields(rest)
	return args, len(args) >= c.minArgs && len(args) <= c.maxArgs
}

func (x *session) state() state {
	if x.drop == nil {
		return authorization
	}
	return transaction
}

// bad answers a command that makes no sense and ends the session after ten.
func (x *session) bad(format string, args ...any) {
	x.failures++
	if x.failures >= maxFailures {
		x.log.Info("pop3 session ended: too many bad commands")
		x.conn.fail("too many bad commands; closing")
		x.over = true
		return
	}
	x.conn.fail(format, args...)
}

// isHTTP recognises a browser or a scanner, whose header lines would
// otherwise each get an answer.
func isHTTP(line string) bool {
	verb, _, _ := strings.Cut(line, " ")
	switch verb {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI":
		return strings.Contains(line, " HTTP/")
	}
	return false
}

// end gives back what the session holds, however it ended.
func (x *session) end() {
	if x.drop == nil {
		return
	}
	if !x.drop.updated {
		x.noteFetched()
	}
	x.server.drops.release(x.who.Account.ID)
	x.log.Info("pop3 session", "account", x.who.Account.Name, "messages", len(x.drop.items),
		"fetched", x.drop.fetches, "octets", x.drop.sent, "deleted", x.drop.removed,
		"seconds", int64(time.Since(x.begun).Seconds()))
}
