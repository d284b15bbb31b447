package imapd

import (
	"bytes"
	"fmt"
	"strings"
)

// refusal is an answer to a command that is not carried out.
type refusal struct {
	status string // "BAD" or "NO"
	code   string // response code without brackets, may be empty
	text   string
}

func bad(format string, args ...any) *refusal {
	return &refusal{status: "BAD", text: fmt.Sprintf(format, args...)}
}

func no(code, format string, args ...any) *refusal {
	return &refusal{status: "NO", code: code, text: fmt.Sprintf(format, args...)}
}

// command is one command of a client, put together from its lines and literals.
type command struct {
	tag  string
	name string // upper case; "UID FETCH" for the two-word ones
	// text is the whole command as one line without its end, for the library;
	// its literals have become quoted strings.
	text []byte
	head int // where in text the arguments start
	// message is set for an APPEND: the header of the message, which is not in
	// text and is streamed.
	message *literal
	search  *search // what a SEARCH asks
}

// args returns what follows the name.
func (cmd *command) args() []byte { return cmd.text[cmd.head:] }

// parseHead reads tag and name from the first line. It returns what is wrong
// for the client; the tag is set whenever it can be used in an answer.
func (cmd *command) parseHead(line []byte) *refusal {
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	if !validTag(tag) {
		return bad("a command starts with a tag of 1 to %d letters or digits", maxTag)
	}
	cmd.tag = string(tag)
	name, rest, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if len(name) == 0 {
		return bad("the name of a command is missing after the tag")
	}
	cmd.name = strings.ToUpper(string(name))
	if cmd.name == "UID" {
		sub, subRest, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
		cmd.name, rest = "UID "+strings.ToUpper(string(sub)), subRest
	}
	cmd.head = len(line) - len(bytes.TrimLeft(rest, " "))
	return nil
}

// validTag says whether tag is one by RFC 9051 section 9: any ASTRING-CHAR
// but "+".
func validTag(tag []byte) bool {
	if len(tag) == 0 || len(tag) > maxTag {
		return false
	}
	for _, b := range tag {
		if b <= ' ' || b >= 0x7f || strings.IndexByte(`(){%*"\+`, b) >= 0 {
			return false
		}
	}
	return true
}

// isMessage says whether a literal after text is the message of an APPEND and
// not the name of its mailbox.
func (cmd *command) isMessage() bool {
	return cmd.name == "APPEND" && len(cmd.args()) > 0
}

// breaksAllowed says whether a string of this command may hold line breaks.
func (cmd *command) breaksAllowed() bool {
	return cmd.name == "SEARCH" || cmd.name == "UID SEARCH"
}

// allowedBeforeLogin lists what a client may say before the login. Everything
// else is refused before it is parsed.
func (cmd *command) allowedBeforeLogin() bool {
	switch cmd.name {
	case "CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID":
		return true
	}
	return false
}

// known says whether the command is one of IMAP. A client that begins with
// anything else speaks another protocol.
func (cmd *command) known() bool {
	switch cmd.name {
	case "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB",
		"NAMESPACE", "STATUS", "APPEND", "IDLE", "ENABLE", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH",
		"FETCH", "STORE", "COPY", "MOVE", "CHECK", "GETQUOTA", "GETQUOTAROOT", "COMPRESS":
		return true
	}
	return cmd.allowedBeforeLogin() || strings.HasPrefix(cmd.name, "UID ")
}

// isLogin says whether the command carries a password.
func (cmd *command) isLogin() bool {
	return cmd.name == "LOGIN" || cmd.name == "AUTHENTICATE"
}

// tail is what has to follow the message of an APPEND on its last line: the
// closing bracket of UTF8 (~{n}, RFC 6855 section 4, or nothing.
func (cmd *command) tail() string {
	if bytes.HasSuffix(bytes.TrimRight(cmd.text, " "), []byte("(")) {
		return ")"
	}
	return ""
}
