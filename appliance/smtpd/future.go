package smtpd

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/post"
)

// FUTURERELEASE (RFC 4865) is not known to go-smtp: the wire adds it to the
// answer to EHLO, and takes its parameters off MAIL.

// futureLine is the extension with its limits: how many seconds ahead a
// message can be scheduled, and until when.
func futureLine(now time.Time) string {
	return fmt.Sprintf("250-FUTURERELEASE %d %s\r\n", int64(post.MaxSchedule/time.Second), now.Add(post.MaxSchedule).UTC().Format(time.RFC3339))
}

// announce adds what go-smtp does not say after the first line of the answer
// to EHLO: FUTURERELEASE, and REQUIRETLS (RFC 8689), because it does not see
// that the wire speaks TLS.
func (w *wire) announce(line []byte) {
	if w.announced || w.verb != "EHLO" || !bytes.HasPrefix(line, []byte("250-")) {
		return
	}
	w.announced = true
	if w.future {
		w.out = append(w.out, futureLine(time.Now())...)
	}
	if _, on := w.secure(); on {
		w.out = append(w.out, "250-REQUIRETLS\r\n"...)
	}
}

// takeHold takes HOLDFOR and HOLDUNTIL off a MAIL command. It returns the rest,
// the time they say (zero: neither is there), and the answer to a command that
// can't be carried out.
func takeHold(line []byte, now time.Time) (rest []byte, until time.Time, refusal string) {
	words := strings.Split(strings.TrimRight(string(line), "\r\n"), " ")
	kept := words[:0]
	found := 0
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch strings.ToUpper(name) {
		case "HOLDFOR":
			var seconds uint64
			seconds, err = strconv.ParseUint(value, 10, 30) // 1 to 9 digits
			until = now.Add(time.Duration(seconds) * time.Second)
		case "HOLDUNTIL":
			until, err = time.Parse(time.RFC3339, strings.ToUpper(value))
		default:
			kept = append(kept, word)
			continue
		}
		if found++; err != nil {
			return nil, time.Time{}, "501 5.5.4 HOLDFOR is a number of seconds, HOLDUNTIL a time like 2026-12-24T18:00:00Z"
		}
	}
	switch {
	case found > 1:
		return nil, time.Time{}, "501 5.5.4 HOLDFOR or HOLDUNTIL can be given once"
	case until.Sub(now) > post.MaxSchedule:
		return nil, time.Time{}, "501 5.5.4 a message can be held for a year at most"
	}
	return []byte(strings.Join(kept, " ") + "\r\n"), until, ""
}
