package post

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"posthorn/store"
)

// away sets zoe's automatic answer.
func (o *Office) away(t testing.TB, v *Vacation) {
	t.Helper()
	id := o.account(t, "zoe").ID
	if err := o.Store.Update(func(tx *store.Tx) error { return PutVacation(tx, id, v) }); err != nil {
		t.Fatal(err)
	}
}

func TestVacation(t *testing.T) {
	for _, c := range []struct {
		name, from, header string
		answered           bool
	}{
		{"a person", "a@far.example", "To: zoe@example.org\r\n", true},
		{"in Cc, by an alias of the domain", "a@far.example", "To: x@y.example\r\nCc: Zoe <zoe+bank@mailbox.local>\r\n", true},
		{"Bcc", "a@far.example", "To: undisclosed:;\r\n", false},
		{"by the catch-all", "a@far.example", "To: somebody@example.org\r\n", false},
		{"a notice", "", "To: zoe@example.org\r\n", false},
		{"a list", "a@far.example", "To: zoe@example.org\r\nList-Id: <x.y>\r\n", false},
		{"another's answer", "a@far.example", "To: zoe@example.org\r\nAuto-Submitted: auto-replied\r\n", false},
		{"bulk", "a@far.example", "To: zoe@example.org\r\nPrecedence: bulk\r\n", false},
		{"a program", "no-reply@far.example", "To: zoe@example.org\r\n", false},
		{"a list's keeper", "owner-x@far.example", "To: zoe@example.org\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := plainHouse(t, func(s *store.Settings) { s.Sending, s.CatchAll = store.SendDirect, "zoe" })
			o.away(t, &Vacation{On: true, Text: "I am away.\nZoë"})
			if err := o.comes(t, true, "192.0.2.1", c.from, c.header+"From: a@far.example\r\nSubject: Grüße\r\nMessage-ID: <m@far>\r\nReferences: <k@far>\r\n <l@far>\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			list := o.queued(t)
			if (len(list) == 1) != c.answered || len(list) > 1 {
				t.Fatalf("%d answers", len(list))
			}
			if !c.answered {
				return
			}
			q := list[0]
			if q.From != "" || addresses(q)[0] != c.from || q.Account != 0 {
				t.Errorf("the answer is %+v", q)
			}
			o.checkAnswer(t, q.Message)
		})
	}
}

// checkAnswer reads an answer of zoe's as a mail program would.
func (o *Office) checkAnswer(t testing.TB, id store.MessageID) {
	t.Helper()
	var m *store.Message
	if err := o.Store.View(func(tx *store.Tx) (err error) { m, err = tx.Message(id); return err }); err != nil {
		t.Fatal(err)
	}
	r, err := o.Store.OpenBlob(m.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read, err := mail.ReadMessage(r)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"Auto-Submitted": "auto-replied", "In-Reply-To": "<m@far>",
		"References": "<k@far> <l@far> <m@far>", "From": "<zoe@example.org>", "To": "<a@far.example>",
		"Subject": "Automatic reply: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Return-Path": "<>"} {
		got := strings.Join(strings.Fields(read.Header.Get(field)), " ")
		if field == "Subject" {
			want, got = "ok", map[bool]string{true: "ok"}[strings.Contains(got, "Gr=C3=BC=C3=9Fe")]
		}
		if got != want {
			t.Errorf("%s: %s; want %s", field, got, want)
		}
	}
}

// One sender is answered once, also after others were, and in the house as
// well; nobody answers themselves.
func TestVacationOnce(t *testing.T) {
	o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
	o.away(t, &Vacation{On: true, Text: "away", Subject: "I am away"})
	for _, sender := range []string{"a@far.example", "A@far.example", "b@far.example", "a@far.example"} {
		if err := o.comes(t, true, "192.0.2.1", sender, "To: zoe@example.org\r\nFrom: x@y.example\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.queued(t)); n != 2 {
		t.Errorf("%d answers, want 2", n)
	}
	o.send(t, "bob", "To: zoe@example.org\r\n", "zoe@example.org")
	o.send(t, "bob", "To: zoe@example.org\r\n", "zoe@example.org")
	if _, list := o.entries(t, "bob", "INBOX"); len(list) != 1 {
		t.Errorf("bob has %d answers", len(list))
	}
	o.send(t, "zoe", "To: zoe@example.org\r\n", "zoe@example.org")
	if _, list := o.entries(t, "zoe", "INBOX"); len(list) != 3 {
		t.Errorf("zoe has %d messages, want 3", len(list))
	}
	// A new answer is for everybody.
	o.away(t, &Vacation{On: true, Text: "away for longer"})
	o.send(t, "bob", "To: zoe@example.org\r\n", "zoe@example.org")
	if _, list := o.entries(t, "bob", "INBOX"); len(list) != 2 {
		t.Errorf("bob has %d answers after it was changed", len(list))
	}
}

// The memory of who was answered lasts a week, and stays small.
func TestVacationMemory(t *testing.T) {
	o := plainHouse(t, nil)
	zoe := o.account(t, "zoe").ID
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	first := func(sender string, at time.Time) (first bool) {
		t.Helper()
		err := o.Store.Update(func(tx *store.Tx) error {
			d, err := o.directory(tx)
			if err == nil {
				first, err = d.firstAnswer(zoe, sender, at)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Minute, false}, {AnswerPause - time.Hour, false}, {AnswerPause + time.Hour, true}, {AnswerPause + 2*time.Hour, false}} {
		if got := first("a@far.example", now.Add(c.after)); got != c.want {
			t.Errorf("after %v: %v", c.after, got)
		}
	}
	for n := range maxAnswered + 50 {
		if !first(fmt.Sprint(n), now.Add(AnswerPause+time.Hour)) {
			t.Fatalf("sender %d has an answer already", n)
		}
	}
	if first(fmt.Sprint(maxAnswered), now.Add(AnswerPause+time.Hour)) {
		t.Error("a sender of a moment ago is forgotten")
	}
	err := o.Store.View(func(tx *store.Tx) error {
		v, err := tx.Value(answeredName(zoe))
		if len(v) != 12*maxAnswered {
			t.Errorf("%d octets are kept", len(v))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The days are those of the account's zone.
func TestVacationDays(t *testing.T) {
	v := &Vacation{On: true, Text: "x", From: "2026-12-24", Until: "2026-12-26"}
	zone := time.FixedZone("", 10*3600)
	for text, want := range map[string]bool{
		"2026-12-23T13:59:00Z": false, "2026-12-23T14:00:00Z": true, "2026-12-26T13:59:59Z": true, "2026-12-26T14:00:00Z": false,
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Active(at.In(zone)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if v.On = false; v.Active(time.Date(2026, 12, 25, 0, 0, 0, 0, zone)) {
		t.Error("active though it is off")
	}
}

func TestVacationSetting(t *testing.T) {
	o := plainHouse(t, nil)
	zoe := o.account(t, "zoe").ID
	for _, v := range []Vacation{{}, {Text: " \n"}, {Text: strings.Repeat("x", MaxVacationText+1)}, {Text: "\xff"},
		{Text: "x", Subject: strings.Repeat("x", MaxVacationSubject+1)}, {Text: "x", From: "tomorrow"},
		{Text: "x", From: "2026-12-24", Until: "2026-12-23"}} {
		err := o.Store.Update(func(tx *store.Tx) error { return PutVacation(tx, zoe, &v) })
		if !errors.Is(err, ErrSetting) {
			t.Errorf("%+v: %v", v, err)
		}
	}
}
