package queue

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"posthorn/store"
)

// subject is a notice's subject, and the sentence it begins with.
func (t *telling) subject(of string) (subject, lead string) {
	if of == "" {
		of = "(no subject)"
	}
	switch {
	case len(t.failed) > 0:
		return "Not delivered: " + of, "Your message \"" + of + "\" could not be delivered.\n"
	case len(t.delayed) > 0:
		return "Delayed: " + of, "Your message \"" + of + "\" has not been delivered yet. You need not do anything: it is tried again.\n"
	}
	return "Delivered: " + of, "Your message \"" + of + "\" has been handed over.\n"
}

// words says what happened to whom, and what to do.
func (t *telling) words(m *store.Queued, clockSet bool) string {
	var b strings.Builder
	for i := range t.failed {
		to := &t.failed[i]
		fmt.Fprintf(&b, "\n%s\n  %s\n", to.Address, advice(to.Answer))
		quote(&b, to)
	}
	for i := range t.delayed {
		to := &t.delayed[i]
		fmt.Fprintf(&b, "\n%s\n  It could not be handed over until now, and is tried until %s.\n  %s\n", to.Address,
			born(m).Add(MaxAge).Format("Monday, 2 January 15:04 MST"), advice(to.Answer))
		quote(&b, to)
	}
	for i := range t.delivered {
		fmt.Fprintf(&b, "\n%s\n  The message was taken", t.delivered[i].Address)
		if clockSet {
			fmt.Fprintf(&b, " on %s", t.delivered[i].Last.Format("Monday, 2 January 15:04 MST"))
		}
		b.WriteString(". That does not mean that it was read.\n")
	}
	return b.String()
}

// quote adds what the other side said.
func quote(b *strings.Builder, to *store.QueuedRecipient) {
	who := to.Host
	if who == "" {
		who = "This mail box"
	}
	fmt.Fprintf(b, "  %s said: %s\n", who, oneLine(to.Answer))
}

var statusCode = regexp.MustCompile(`(?:^|^\d{3} )([245]\.\d{1,3}\.\d{1,3})(?: |$)`)

// status is the enhanced status code of an answer (RFC 3463).
func status(answer, action string) string {
	if m := statusCode.FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	switch action {
	case "failed":
		return "5.0.0"
	case "delayed":
		return "4.0.0"
	}
	return "2.0.0"
}

// code is the SMTP reply code of an answer, or 0.
func code(answer string) int {
	first, _, _ := strings.Cut(answer, " ")
	n, err := strconv.Atoi(first)
	if err != nil || len(first) != 3 {
		return 0
	}
	return n
}

// advice says in plain words what an answer means and what to do about it.
func advice(answer string) string {
	s := status(answer, "failed")
	for _, known := range []struct{ prefix, text string }{
		{"5.1.10", "That domain takes no mail at all. Ask the person for another address."},
		{"5.1.1", "There is no mailbox with this address. Look for a mistake in the address, or ask the person for the present one."},
		{"5.1.2", "There is no such domain. Look for a mistake in what follows the @."},
		{"5.1.", "The address is not accepted. Look for a mistake in it, or ask the person for another."},
		{"5.2.1", "That mailbox is switched off. Ask the person for another address."},
		{"5.2.2", "That mailbox is full. Ask the person to make room, then send the message again."},
		{"4.2.2", "That mailbox is full. The person has to make room in it."},
		{"5.2.3", "The message is too large. Send it without its attachments, or in parts."},
		{"5.3.4", "The message is too large. Send it without its attachments, or in parts."},
		{"5.4.6", "The message goes round in circles. Show this to the owner of your mail box."},
		{"5.6.3", "The other system takes messages in plain letters only, and this one can't be changed for it. Send it without its signature, or what it says in a file."},
		{"5.6.", "The other system does not understand this kind of message. Send it as plain text, to an address in plain letters."},
		{"5.7.30", "The message may travel encrypted only, and the other system does not offer that."},
		{"5.7.", "The other system does not want this message. What it said below may tell why; the person can perhaps allow your address."},
		{"4.4.7", "The other system could not be reached for days, or did not take the message. Try again later, or use another way to reach the person."},
		{"4.7.", "The other system does not take the message now; some let strangers wait."},
		{"4.4.", "The other system can't be reached."},
		{"4.3.", "The mail can't leave at present. If this stays so, show this to the owner of your mail box."},
		{"4.", "The other system does not take the message now."},
	} {
		if strings.HasPrefix(s, known.prefix) {
			return known.text
		}
	}
	return "The other system refused the message."
}

// Facts are what the screen, the light and the status page show of the queue.
type Facts struct {
	Waiting  int       // messages that wait, the scheduled ones included
	Held     int       // of them: in their undo time, or scheduled
	Failing  int       // of them: tried in vain for more than an hour
	LastSent time.Time // zero: none since the start
	Reason   string    // what was last said about one of those that fail; or why a smarthost can't be used
}

// maxFacts is how many messages are looked at for the facts, failingAge how
// long one is tried in vain before anybody is troubled with it.
const (
	maxFacts   = 1000
	failingAge = time.Hour
)

// Sent is how many copies of messages, one for each recipient, have reached
// the next system, or a mailbox here at the time they were scheduled for,
// since the start.
func (q *Queue) Sent() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sent
}

// Facts tells how the queue fares.
func (q *Queue) Facts() (Facts, error) {
	q.begin()
	var f Facts
	now := time.Now()
	err := q.Store.View(func(tx *store.Tx) error {
		f = Facts{}
		list, err := tx.AllQueued(0, maxFacts)
		for _, m := range list {
			f.Waiting++
			if m.NotBefore.After(now) {
				f.Held++
			}
			for i := range m.Recipients {
				if r := &m.Recipients[i]; r.Open() && r.Answer != "" && now.Sub(born(m)) > failingAge {
					f.Failing++
					f.Reason = r.Answer
					break
				}
			}
		}
		return err
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	f.LastSent = q.lastSent
	for name, l := range q.lanes {
		if l.reason != nil && strings.HasPrefix(name, "smarthost ") {
			f.Reason = l.reason.Error()
		}
	}
	return f, err
}
