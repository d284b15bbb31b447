package relay

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Limits of an answer. RFC 5321 section 4.5.3.1.5 allows lines of 512 octets.
const (
	maxReplyLine  = 4096
	maxReplyLines = 200
	maxReplyText  = 1000 // octets that are kept
)

// reply is a server's answer.
type reply struct {
	code   int
	status string   // enhanced status code (RFC 2034), or a general one for the code
	lines  []string // without codes
}

func (r reply) text() string { return oneLine(strings.Join(r.lines, " ")) }

// oneLine makes what others have said fit to be shown.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0xfffd {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxReplyText {
		s = strings.ToValidUTF8(s[:maxReplyText], "")
	}
	return strings.TrimSpace(s)
}

var enhanced = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?: |$)`)

// readReply reads one answer, of several lines perhaps.
func (c *Conn) readReply() (reply, error) {
	var r reply
	for n := 0; ; n++ {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the server closed the connection")
			}
			return r, err
		}
		s := strings.TrimRight(string(line), "\r\n")
		code, err := strconv.Atoi(s[:min(3, len(s))])
		if err != nil || len(s) < 3 || code < 200 || code > 599 || len(s) > 3 && s[3] != ' ' && s[3] != '-' || n > 0 && code != r.code {
			return r, fmt.Errorf("the server does not speak SMTP: %q", s[:min(len(s), 60)])
		}
		if n == maxReplyLines {
			return r, errors.New("the server's answer has no end")
		}
		r.code = code
		text := s[min(4, len(s)):]
		if m := enhanced.FindStringSubmatch(text); m != nil && m[1][0] == s[0] {
			r.status = m[1]
			text = text[len(m[0]):]
		}
		r.lines = append(r.lines, text)
		if len(s) < 4 || s[3] == ' ' {
			break
		}
	}
	if r.status == "" {
		r.status = fmt.Sprintf("%d.0.0", r.code/100)
	}
	return r, nil
}

// failure is what an answer that is no success means.
func (c *Conn) failure(r reply) *Failure {
	return &Failure{Host: c.host, Code: r.code, Status: r.status, Text: r.text(), Permanent: r.code >= 500,
		Connection: r.code == 421}
}

// broken is a connection that failed while something was done.
func (c *Conn) broken(doing string, err error) *Failure {
	c.dead = true
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	var timeout interface{ Timeout() bool }
	text := fmt.Sprintf("the connection broke %s: %v", doing, err)
	if errors.As(err, &timeout) && timeout.Timeout() {
		text = fmt.Sprintf("the server did not answer in time %s", doing)
	}
	return &Failure{Host: c.host, Status: "4.4.2", Text: text, Connection: true}
}
