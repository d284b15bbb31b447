package queue

import (
	"errors"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"posthorn/appliance/post"
	"posthorn/appliance/relay"
	"posthorn/store"
)

func TestDelivery(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	b.run()
	b.submit("Bcc: secret@far.example\r\n", "x@far.example", "bob@mailbox.local", "y@other.example")
	eventually(t, "the message leaves", func() bool { return len(e.got()) == 1 && len(b.waiting()) == 0 })
	m := e.got()[0]
	if m.from != "alice@mailbox.local" || strings.Join(m.to, " ") != "x@far.example y@other.example" {
		t.Errorf("envelope is %+v", m)
	}
	if strings.Contains(m.text, "Return-Path") || strings.Contains(m.text, "secret") || !strings.Contains(m.text, "\r\n.dot\r\n") {
		t.Errorf("text is %q", m.text)
	}
	if n := len(b.mailbox("bob", "INBOX")); n != 1 {
		t.Errorf("bob has %d messages, want 1", n)
	}
	if n := len(b.mailbox("alice", "Outbox")); n != 0 {
		t.Errorf("Outbox still shows %d", n)
	}
}

func TestUndo(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, 2*time.Second)
	b.run()
	b.submit("", "withdrawn@far.example")
	b.submit("", "sent@far.example")
	if n := len(b.mailbox("alice", "Outbox")); n != 2 {
		t.Fatalf("Outbox shows %d, want 2", n)
	}
	first := b.waiting()[0]
	if err := b.Store.Update(func(tx *store.Tx) error { return tx.Expunge(first.Mailbox, first.UID) }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other leaves", func() bool { return len(b.waiting()) == 0 })
	if got := e.got(); len(got) != 1 || got[0].to[0] != "sent@far.example" {
		t.Errorf("server got %+v", got)
	}
}

// TestWithdrawnWhileSent withdraws while the text is on its way: the server
// never sees the end of it.
func TestWithdrawnWhileSent(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	e.set(func(string) error {
		m := b.waiting()[0]
		if err := b.Store.Update(func(tx *store.Tx) error { return tx.Expunge(m.Mailbox, m.UID) }); err != nil {
			t.Error(err)
		}
		return nil
	}, nil)
	b.run()
	b.submit("", "x@far.example")
	eventually(t, "it is gone", func() bool { return len(b.waiting()) == 0 })
	b.stop()
	if got := e.got(); len(got) != 0 {
		t.Errorf("server got %+v of a withdrawn message", got)
	}
}

func TestBounce(t *testing.T) {
	e := newElsewhere(t)
	e.set(func(to string) error {
		if strings.HasPrefix(to, "nobody") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "who is that?"}
		}
		return nil
	}, nil)
	b := newBox(t, e, -1)
	b.run()
	b.submit("", "nobody@far.example", "somebody@far.example")
	eventually(t, "the notice", func() bool { return len(b.mailbox("alice", "INBOX")) == 1 && len(b.waiting()) == 0 })
	notice := b.mailbox("alice", "INBOX")[0]
	m, err := mail.ReadMessage(strings.NewReader(notice))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Header.Get("Content-Type"), "report-type=delivery-status") || m.Header.Get("Return-Path") != "<>" {
		t.Errorf("header is %v", m.Header)
	}
	for _, want := range []string{"nobody@far.example\r\n  There is no mailbox with this address", "who is that?",
		"Final-Recipient: rfc822; nobody@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n", "Diagnostic-Code: smtp; 550 5.1.1 who is that?",
		"Subject: hello\r\n"} {
		if !strings.Contains(notice, want) {
			t.Errorf("notice lacks %q:\n%s", want, notice)
		}
	}
	if strings.Contains(notice, "somebody") {
		t.Error("notice speaks of a recipient who has the message")
	}
	if got := e.got(); len(got) != 1 || len(got[0].to) != 1 {
		t.Errorf("server got %+v", got)
	}
}

func TestRetry(t *testing.T) {
	e := newElsewhere(t)
	e.set(nil, func() error {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	})
	b := newBox(t, e, -1)
	b.run()
	b.submit("", "x@far.example")
	eventually(t, "an attempt", func() bool { w := b.waiting(); return len(w) == 1 && w[0].Recipients[0].Attempts == 1 })
	r := b.waiting()[0].Recipients[0]
	if r.State != store.QueuedWaiting || r.Answer != "451 4.7.1 greylisted" {
		t.Errorf("recipient is %+v", r)
	}
	if wait := r.Next.Sub(r.Last); wait < 40*time.Second || wait > 80*time.Second {
		t.Errorf("next attempt in %v, want about a minute", wait)
	}
	e.set(nil, nil)
	if err := b.retryAll(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next attempt", func() bool { return len(e.got()) == 1 && len(b.waiting()) == 0 })
}

func TestRestart(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	b.submit("", "x@far.example")
	if err := b.mark(b.waiting()[0].ID, []string{"x@far.example"}); err != nil {
		t.Fatal(err)
	}
	m := b.waiting()[0]
	err := b.Store.Update(func(tx *store.Tx) error { return tx.Expunge(m.Mailbox, m.UID) })
	if !errors.Is(err, store.ErrSending) {
		t.Errorf("withdraw while it is handed over: %v, want ErrSending", err)
	}
	b.run()
	eventually(t, "the message leaves after the restart", func() bool { return len(e.got()) == 1 && len(b.waiting()) == 0 })
}

func TestUnreachable(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	b.useSmarthost(port)
	b.run()
	for range 5 {
		b.submit("", "x@far.example")
	}
	eventually(t, "all are put off", func() bool {
		w := b.waiting()
		for _, m := range w {
			if !strings.Contains(m.Recipients[0].Answer, "can't connect") {
				return false
			}
		}
		return len(w) == 5
	})
	b.useSmarthost(e.addr.Port) // the owner puts it right: nobody waits for the gap
	eventually(t, "all leave", func() bool { return len(e.got()) == 5 && len(b.waiting()) == 0 })
	if e.conns > 2*LaneWorkers {
		t.Errorf("%d connections for 5 messages", e.conns)
	}
}

// TestScheduledHere schedules a message for people on the box: they get it at
// its time and not before, and a name that is gone by then comes back.
func TestScheduledHere(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	b.run()
	at := time.Now().Add(3 * time.Second)
	b.submit("X-Send-At: "+at.UTC().Format(time.RFC3339)+"\r\n", "bob@mailbox.local", "bob+gone@mailbox.local", "x@far.example")
	b.submit("X-Send-At: "+at.Add(time.Hour).UTC().Format(time.RFC3339)+"\r\n", "bob@mailbox.local")
	if n := len(b.waiting()); n != 2 {
		t.Fatalf("%d messages wait, want 2", n)
	}
	eventually(t, "it is delivered", func() bool { return len(b.mailbox("bob", "INBOX")) == 1 && len(e.got()) == 1 })
	if early := time.Until(at.Truncate(time.Second)); early > 0 {
		t.Errorf("it came %v early", early)
	}
	if text := b.mailbox("bob", "INBOX")[0]; strings.Contains(text, "X-Send-At") {
		t.Errorf("bob is told when it was sent:\n%s", text)
	}
	eventually(t, "only the other waits", func() bool { return len(b.waiting()) == 1 })
}

func TestScheduledForNobody(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	at := time.Now().Add(2 * time.Second)
	b.submit("X-Send-At: "+at.UTC().Format(time.RFC3339)+"\r\n", "bob@mailbox.local")
	err := b.Store.Update(func(tx *store.Tx) error {
		a, err := tx.AccountByName("bob")
		if err != nil {
			return err
		}
		return tx.RemoveAccount(a.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.run()
	eventually(t, "the sender is told", func() bool { return len(b.mailbox("alice", "INBOX")) == 1 && len(b.waiting()) == 0 })
	if notice := b.mailbox("alice", "INBOX")[0]; !strings.Contains(notice, "Status: 5.1.1") || strings.Contains(notice, "Remote-MTA") {
		t.Errorf("notice is:\n%s", notice)
	}
}

// TestNoticesEnd: what can't be delivered and has no sender goes to the owner,
// once.
func TestNoticesEnd(t *testing.T) {
	e := newElsewhere(t)
	e.set(func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no"}
	}, nil)
	b := newBox(t, e, -1)
	b.run()
	env := &post.Envelope{Own: true, Protocol: "local", Recipients: []post.Recipient{{Address: "x@far.example"}}}
	if _, err := b.Office.Accept(t.Context(), env, strings.NewReader("Subject: a notice\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owner is told", func() bool { return len(b.mailbox("alice", "INBOX")) == 1 && len(b.waiting()) == 0 })
	b.stop()
	if n := len(b.mailbox("alice", "INBOX")); n != 1 {
		t.Errorf("owner has %d notices", n)
	}
}

// TestSigned sends a message of a domain that has a key.
func TestSigned(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	key, err := relay.NewKey("mailbox.local")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Update(key.Put); err != nil {
		t.Fatal(err)
	}
	_, record, err := key.Record()
	if err != nil {
		t.Fatal(err)
	}
	b.run()
	b.submit("", "x@far.example")
	eventually(t, "it arrives", func() bool { return len(e.got()) == 1 })
	found, err := dkim.VerifyWithOptions(strings.NewReader(e.got()[0].text), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{record}, nil }})
	if err != nil || len(found) != 1 || found[0].Err != nil {
		t.Errorf("signature of what arrived: %v, %+v", err, found)
	}
}
