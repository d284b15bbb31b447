package post

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// MaxReceived is how many systems may have handled a message before it is
// taken for a loop (RFC 5321 section 6.3 asks for at least 100 hops to be
// survivable; mail to a household that passed 50 systems is going round).
const MaxReceived = 50

// newID makes a queue id: 13 characters, 65 random bits. It does not come
// from the clock, which a board without a battery starts in 1970.
func newID() string { return rand.Text()[:13] }

// trace is what goes on top of a message: the Return-Path that final delivery
// adds and the Received field (RFC 5321 section 4.4).
func (o *Office) trace(e *Envelope, id string, now time.Time) string {
	return returnPath(e) + o.received(e, id, now)
}

func returnPath(e *Envelope) string { return "Return-Path: <" + path(e.From) + ">\r\n" }

func (o *Office) received(e *Envelope, id string, now time.Time) string {
	var b strings.Builder
	b.WriteString("Received: ")
	if e.Remote.IsValid() {
		fmt.Fprintf(&b, "from %s (%s)\r\n\t", helo(e.Helo), literal(e))
	}
	fmt.Fprintf(&b, "by %s with %s id %s", o.Name(), e.Protocol, id)
	if e.TLS != "" {
		fmt.Fprintf(&b, "\r\n\t(%s)", e.TLS)
	}
	// More than one recipient is not named, for it may be a blind one.
	if len(e.Recipients) == 1 {
		fmt.Fprintf(&b, "\r\n\tfor <%s>", path(e.Recipients[0].Address))
	}
	fmt.Fprintf(&b, ";\r\n\t%s\r\n", now.Format(time.RFC1123Z))
	return b.String()
}

// helo makes the client's greeting fit for a header field: it is whatever the
// client chose to write.
func helo(name string) string {
	const max = 255
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-_:[]", r):
			return r
		}
		return '?'
	}, name)
	if name == "" {
		return "unknown"
	}
	return name[:min(len(name), max)]
}

// literal writes the client's address as RFC 5321 section 4.1.3 does.
func literal(e *Envelope) string {
	a := e.Remote.Unmap().WithZone("")
	if a.Is6() {
		return "[IPv6:" + a.String() + "]"
	}
	return "[" + a.String() + "]"
}
