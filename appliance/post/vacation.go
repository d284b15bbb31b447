package post

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Limits of automatic answers.
const (
	MaxVacationText    = 8 << 10 // octets
	MaxVacationSubject = 200     // octets
	// AnswerPause is how long a sender who had an answer gets no other.
	AnswerPause = 7 * 24 * time.Hour
	// maxAnswered is how many senders are remembered; beyond, those answered
	// longest ago are forgotten.
	maxAnswered = 1000
	// maxAnswerReferences is how many Message-IDs an answer refers to.
	maxAnswerReferences = 20
)

// Vacation is the answer an account gives by itself to who writes to it (RFC
// 3834): once to each sender within AnswerPause; never to lists, notices,
// automatic or junk mail, nor to mail that does not name the account in To or
// Cc.
type Vacation struct {
	On      bool   `json:"on"`
	Subject string `json:"subject,omitempty"` // "" is "Automatic reply:" and that of the message
	Text    string `json:"text"`
	From    string `json:"from,omitempty"`  // first day, 2026-12-24, in the account's time zone; "" is now
	Until   string `json:"until,omitempty"` // last day; "" is for ever
}

const vacationName = "vacation"

// VacationOf reads an account's automatic answer; nil for none.
func VacationOf(tx *store.Tx, account store.AccountID) (*Vacation, error) {
	return setting[Vacation](tx, account, vacationName)
}

// PutVacation sets it; nil is none. Who had the old answer may get the new one.
// The error is ErrSetting with the reason.
func PutVacation(tx *store.Tx, account store.AccountID, v *Vacation) error {
	if v != nil {
		if err := v.check(); err != nil {
			return err
		}
	}
	if err := tx.DeleteValue(answeredName(account)); err != nil {
		return err
	}
	return putSetting(tx, account, vacationName, v)
}

// answeredName is where is kept who had an answer.
func answeredName(account store.AccountID) string { return store.AccountValue(account, "answered") }

func (v *Vacation) check() error {
	switch {
	case strings.TrimSpace(v.Text) == "":
		return fmt.Errorf("%w: an answer needs a text", ErrSetting)
	case len(v.Text) > MaxVacationText || len(v.Subject) > MaxVacationSubject:
		return fmt.Errorf("%w: an answer has at most %d octets of text and %d of subject", ErrSetting, MaxVacationText, MaxVacationSubject)
	case !utf8.ValidString(v.Text) || !utf8.ValidString(v.Subject) || strings.ContainsAny(v.Text, "\x00"):
		return fmt.Errorf("%w: the answer is not plain text in UTF-8", ErrSetting)
	}
	for _, day := range []string{v.From, v.Until} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fmt.Errorf("%w: %q is no day like 2026-12-24", ErrSetting, day)
		}
	}
	if v.From != "" && v.Until != "" && v.Until < v.From {
		return fmt.Errorf("%w: it ends on %s, before it begins on %s", ErrSetting, v.Until, v.From)
	}
	return nil
}

// Active tells whether the answer is given on a day.
func (v *Vacation) Active(now time.Time) bool {
	day := now.Format(time.DateOnly)
	return v.On && (v.From == "" || v.From <= day) && (v.Until == "" || day <= v.Until)
}

// answer has an account answer a message that was delivered to it.
func (d *directory) answer(a *arrival, account store.AccountID) error {
	v, err := VacationOf(d.tx, account)
	if errors.Is(err, store.ErrCorrupt) || err == nil && (v == nil || !v.On) {
		return nil
	}
	if err != nil || !d.clockSet || a.from == "" || a.junk || a.forwarded || machine(a.from) {
		return err
	}
	acct, err := d.tx.Account(account)
	if err != nil || !v.Active(a.now.In(zone(acct.TimeZone, d.settings.TimeZone))) {
		return err
	}
	info, err := d.read(a)
	if err != nil || info.Automatic {
		return err
	}
	if named, err := d.isNamed(account, info); err != nil || !named {
		return err
	}
	way, err := d.expand(a.from)
	if err != nil || slices.ContainsFunc(way.local, func(to delivery) bool { return to.account == account }) {
		return nil // nobody can be answered, or oneself
	}
	e := &Envelope{Session: "vacation", Protocol: "local", Body: "8BITMIME", UTF8: !isASCII(a.from), Own: true,
		Recipients: []Recipient{{Address: a.from, Notify: []string{"NEVER"}}}}
	if !d.hasRoom(e, way) {
		return nil
	}
	first, err := d.firstAnswer(account, a.from, a.now)
	if err != nil || !first {
		return err
	}
	own, err := d.address(account)
	if err != nil {
		return err
	}
	return d.write(e, v.letter(own, acct.DisplayName, a.from, info), a.now)
}

// letter is the answer to one message (RFC 3834 section 3.1).
func (v *Vacation) letter(own, name, to string, info *message.Info) *letter {
	l := &letter{from: own, name: name, to: to, subject: v.Subject, kind: "auto-replied", text: v.Text,
		inReplyTo: info.Envelope.MessageID}
	if l.subject == "" {
		l.subject = "Automatic reply: " + info.Envelope.Subject
	}
	refs := info.References
	l.references = append(slices.Clone(refs[max(0, len(refs)-maxAnswerReferences+1):]), info.Envelope.MessageID)
	return l
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// machine tells whether a reverse path is one that programs write as.
func machine(address string) bool {
	local := strings.ToLower(address[:max(strings.LastIndexByte(address, '@'), 0)])
	for _, name := range []string{"mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "do-not-reply"} {
		if local == name {
			return true
		}
	}
	return strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request") ||
		strings.HasSuffix(local, "-bounces") || strings.Contains(local, "bounces+")
}

// maxNamed is how many addresses of To and Cc are looked up.
const maxNamed = 50

// isNamed tells whether a message names an account in To or Cc (RFC 3834
// section 2).
func (d *directory) isNamed(account store.AccountID, info *message.Info) (bool, error) {
	all := append(slices.Clone(info.Envelope.To), info.Envelope.Cc...)
	for _, a := range all[:min(len(all), maxNamed)] {
		address := a.String()
		person, err := d.isPerson(address)
		if err != nil {
			return false, err
		}
		if !person {
			continue
		}
		r, err := d.expand(address)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(r.local, func(to delivery) bool { return to.account == account }) {
			return true, nil
		}
	}
	return false, nil
}

// hasRoom tells whether a short message can be delivered, so that the update
// it is made in does not fail for it.
func (d *directory) hasRoom(e *Envelope, way route) bool {
	if len(way.remote) > 0 && d.settings.Sending == store.SendNone {
		return false
	}
	const most = 4 * MaxVacationText // with CR at the end of each line, and its header
	for _, to := range way.local {
		if d.room(to.account, most) != nil {
			return false
		}
	}
	return true
}

// firstAnswer tells whether a sender had no answer of an account within
// AnswerPause, and notes that there is one now. The record is a list of eight
// octets of a hash and four of the hour, oldest first.
func (d *directory) firstAnswer(account store.AccountID, sender string, now time.Time) (bool, error) {
	const each = 12
	sum := sha256.Sum256([]byte(strings.ToLower(sender)))
	hour := uint32(now.Unix() / 3600)
	old, err := d.tx.Value(answeredName(account))
	if err != nil && !isNotFound(err) {
		return false, err
	}
	var kept []byte
	for ; len(old) >= each; old = old[each:] {
		if age := int64(hour) - int64(binary.BigEndian.Uint32(old[8:])); age < 0 || age >= int64(AnswerPause/time.Hour) {
			continue
		}
		if string(old[:8]) == string(sum[:8]) {
			return false, nil
		}
		kept = append(kept, old[:each]...)
	}
	kept = kept[max(0, len(kept)-each*(maxAnswered-1)):]
	kept = binary.BigEndian.AppendUint32(append(kept, sum[:8]...), hour)
	return true, d.tx.PutValue(answeredName(account), kept)
}
