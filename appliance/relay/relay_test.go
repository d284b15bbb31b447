package relay

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestSend(t *testing.T) {
	o := newOther(t, "PIPELINING", "SIZE 1000", "8BITMIME", "DSN")
	o.answer("RCPT TO:<c@far.example>", "550-5.1.1 there is\r\n550 5.1.1 nobody")
	c, err := newRelay().Open(t.Context(), o.smarthost(Clear), false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var final []string
	m := &Message{From: "alice@example.org", Size: 30, Body: "8BITMIME", Return: "HDRS", Envid: "a+b=c",
		Recipients: []Recipient{{Address: "b@far.example", Notify: []string{"SUCCESS", "FAILURE"}, Original: "rfc822;o@x"},
			{Address: "c@far.example"}, {Address: `d e@far.example`}},
		Text:  strings.NewReader(".one\n..two\r\nthree\rfour\r\n\r\n.\r\nlast"),
		Final: func(accepted []string) error { final = accepted; return nil }}
	results, err := c.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Failure != nil || !results[0].Informs || results[0].Answer != "250 2.0.0 taken as 1" || results[2].Failure != nil {
		t.Errorf("results are %+v", results)
	}
	if f := results[1].Failure; f == nil || !f.Permanent || f.Error() != "127.0.0.1: 550 5.1.1 there is nobody" {
		t.Errorf("refused recipient: %v", f)
	}
	if !slices.Equal(final, []string{"b@far.example", "d e@far.example"}) {
		t.Errorf("Final was told %q", final)
	}
	if got, want := o.got(), "..one\r\n...two\r\nthree\r\nfour\r\n\r\n..\r\nlast\r\n"; len(got) != 1 || got[0] != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	// A second message takes the same connection.
	if _, err := c.Send(t.Context(), &Message{Recipients: []Recipient{{Address: "x@far.example"}}, Text: strings.NewReader("")}); err != nil {
		t.Error(err)
	}
	want := []string{"EHLO mailbox.local",
		"MAIL FROM:<alice@example.org> SIZE=30 BODY=8BITMIME RET=HDRS ENVID=a+2Bb+3Dc",
		"RCPT TO:<b@far.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@x", "RCPT TO:<c@far.example>", `RCPT TO:<"d e"@far.example>`,
		"DATA", "MAIL FROM:<> SIZE=0", "RCPT TO:<x@far.example>", "DATA"}
	if got := o.heard(); !slices.Equal(got, want) {
		t.Errorf("dialog is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRefusals has a server refuse at each step.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		verb, answer, status, words string
		permanent, connection       bool
	}{
		{"EHLO", "421 4.3.2 busy", "4.3.2", "busy", false, true},
		{"MAIL", "550 5.7.1 not you", "5.7.1", "not you", true, false},
		{"MAIL", "450 4.7.1 later", "4.7.1", "later", false, false},
		{"DATA", "554 5.5.1 no", "5.5.1", "no", true, false},
		{"MAIL", "", "4.4.2", "the server closed the connection", false, true},
		{"RCPT", "", "4.4.2", "broke at RCPT", false, true},
		{"DATA", "", "4.4.2", "broke at DATA", false, true},
		{"MAIL", "hello", "4.4.2", "does not speak SMTP", false, true},
	} {
		o := newOther(t, "PIPELINING")
		o.answer(test.verb, test.answer)
		_, err := send(t, newRelay(), o.smarthost(Clear), &Message{}, "x@far.example")
		if f := wants(t, err, test.status, test.words, test.permanent); f.Connection != test.connection || f.Uncertain {
			t.Errorf("%s answered with %q: %+v", test.verb, test.answer, f)
		}
		if n := len(o.got()); n != 0 {
			t.Errorf("%s answered with %q: %d messages arrived", test.verb, test.answer, n)
		}
	}
}

func TestGreetings(t *testing.T) {
	o := newOther(t)
	o.answer("", "554 5.7.1 no strangers")
	_, err := send(t, newRelay(), o.smarthost(Clear), &Message{}, "x@far.example")
	wants(t, err, "4.7.1", "no strangers", false)
	o.answer("", "220 mailbox.local ESMTP")
	_, err = send(t, newRelay(), o.smarthost(Clear), &Message{}, "x@far.example")
	wants(t, err, "4.4.6", "this box itself", false)
}

// TestUncertain breaks the connection between the final dot and its answer.
func TestUncertain(t *testing.T) {
	o := newOther(t)
	o.answer(".", "")
	_, err := send(t, newRelay(), o.smarthost(Clear), &Message{}, "x@far.example")
	if f := wants(t, err, "4.4.2", "before the server said that it has it", false); !f.Uncertain {
		t.Errorf("failure is %+v, want it uncertain", f)
	}
}

// TestNotSent breaks off before the final dot: the message must not arrive.
func TestNotSent(t *testing.T) {
	mine := errors.New("mine")
	for name, m := range map[string]*Message{
		"final": {Final: func([]string) error { return mine }},
		"read":  {Text: iotest.TimeoutReader(iotest.ErrReader(mine))},
	} {
		o := newOther(t)
		if _, err := send(t, newRelay(), o.smarthost(Clear), m, "x@far.example"); !errors.Is(err, mine) {
			t.Errorf("%s: error is %v", name, err)
		}
		time.Sleep(20 * time.Millisecond)
		if n := len(o.got()); n != 0 {
			t.Errorf("%s: %d messages arrived", name, n)
		}
	}
}

// TestFits checks what a server's extensions rule out.
func TestFits(t *testing.T) {
	for _, test := range []struct {
		m         Message
		extension string
		status    string
	}{
		{Message{Size: 1001}, "SIZE 1000", "5.3.4"},
		{Message{UTF8: true}, "8BITMIME", "5.6.7"},
		{Message{Body: "8BITMIME"}, "SIZE", "5.6.3"},
		{Message{Body: "BINARYMIME"}, "8BITMIME", "5.6.1"},
	} {
		o := newOther(t, test.extension)
		_, err := send(t, newRelay(), o.smarthost(Clear), &test.m, "x@far.example")
		wants(t, err, test.status, "", true)
	}
}

func TestSmarthostTLS(t *testing.T) {
	for name, test := range map[string]struct {
		certificate string
		status      string // "" succeeds
	}{"right": {"127.0.0.1", ""}, "wrong": {"elsewhere.example", "4.7.5"}} {
		o := newOther(t, "STARTTLS", "AUTH PLAIN LOGIN")
		r := newRelay()
		r.Roots = o.certify(test.certificate)
		o.answer("AUTH", "235 2.7.0 welcome")
		route := o.smarthost(STARTTLS)
		route.Smarthost.User, route.Smarthost.Password = "me", "secret"
		_, err := send(t, r, route, &Message{}, "x@far.example")
		heard := strings.Join(o.heard(), "\n")
		switch {
		case test.status == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.status == "" && !strings.Contains(heard, "EHLO mailbox.local\nSTARTTLS\nEHLO mailbox.local\nAUTH PLAIN AG1lAHNlY3JldA==\nMAIL"):
			t.Errorf("%s: dialog is\n%s", name, heard)
		case test.status != "":
			wants(t, err, test.status, "can't be trusted", false)
			if strings.Contains(heard, "AUTH") {
				t.Errorf("%s: the password was sent to a stranger", name)
			}
		}
	}
}

func TestNoTLS(t *testing.T) {
	o := newOther(t)
	_, err := send(t, newRelay(), o.smarthost(STARTTLS), &Message{}, "x@far.example")
	wants(t, err, "4.7.10", "offers no encryption", false)
}

func TestLogins(t *testing.T) {
	for _, test := range []struct {
		mechanism string
		answers   map[string]string
		said      string
	}{
		{"LOGIN", map[string]string{"AUTH": "334 VXNlcm5hbWU6", "bWU=": "334 UGFzc3dvcmQ6", "c2VjcmV0": "235 2.7.0 ok"}, "AUTH LOGIN\nbWU=\nc2VjcmV0"},
		// The example of RFC 2195.
		{"CRAM-MD5", map[string]string{"AUTH": "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw": "235 2.7.0 ok"}, "AUTH CRAM-MD5\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"},
		{"XOAUTH2", map[string]string{"AUTH": "235 2.7.0 ok"}, "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBzZWNyZXQBAQ=="},
	} {
		o := newOther(t, "STARTTLS", "AUTH "+test.mechanism)
		r := newRelay()
		r.Roots = o.certify("127.0.0.1")
		for k, v := range test.answers {
			o.answer(k, v)
		}
		route := o.smarthost(STARTTLS)
		s := route.Smarthost
		s.User, s.Password, s.Mechanism = "me", "secret", test.mechanism
		if test.mechanism == "CRAM-MD5" {
			s.User, s.Password = "tim", "tanstaaftanstaaf"
		}
		if _, err := r.Probe(t.Context(), route); err != nil {
			t.Errorf("%s: %v", test.mechanism, err)
		}
		if heard := strings.Join(o.heard(), "\n"); !strings.Contains(heard, test.said) {
			t.Errorf("%s: dialog is\n%s", test.mechanism, heard)
		}
		o.answer("AUTH", "535 5.7.8 wrong password")
		_, err := r.Probe(t.Context(), route)
		wants(t, err, "4.7.8", "refuses the login of "+s.User, false)
	}
}
