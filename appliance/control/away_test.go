package control

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"posthorn/appliance/post"
	"posthorn/store"
)

// What alice sent to bob is listed and withdrawn, and she is told by mail.
func TestWithdraw(t *testing.T) {
	b := newBox(t)
	if err := b.AddAccount(NewAccount{Name: "bob", Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	e := &post.Envelope{From: "alice@mailbox.local", Recipients: []post.Recipient{{Address: "bob@mailbox.local"}}}
	err := b.Store.View(func(tx *store.Tx) (err error) {
		e.Submitter, err = tx.AccountByName("alice")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := "From: alice@mailbox.local\r\nMessage-ID: <one@test>\r\nSubject: oops\r\n\r\nx\r\n"
	if _, err := b.office().Accept(context.Background(), e, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	list, err := b.Sent("alice")
	if err != nil || len(list) != 1 || list[0].Subject != "oops" || list[0].Here != 1 || list[0].MessageID != "one@test" {
		t.Fatalf("sent: %+v, %v", list, err)
	}
	if _, err := b.Withdraw(context.Background(), "bob", "one@test", true); !errors.Is(err, post.ErrNotSent) {
		t.Errorf("bob withdraws it: %v", err)
	}
	r := httptest.NewRequest("POST", "/accounts/alice/sent/withdraw", strings.NewReader(`"<one@test>"`))
	answer := httptest.NewRecorder()
	b.Handler().ServeHTTP(answer, r)
	if got := strings.TrimSpace(answer.Body.String()); got != `{"message_id":"one@test","fates":[{"who":"bob","fate":"withdrawn"}]}` {
		t.Errorf("the answer is %s", got)
	}
	if n, err := b.Messages("bob", ""); n != 0 || err != nil {
		t.Errorf("bob has %d messages, %v", n, err)
	}
	if n, err := b.Messages("alice", ""); n != 1 || err != nil {
		t.Errorf("alice is told by %d messages, %v", n, err)
	}
}

func TestDevices(t *testing.T) {
	b := newBox(t)
	if err := b.PutDevices([]string{" 192.168.1.20/32  alerts@example.org", "fd00::1:0/112"}); err != nil {
		t.Fatal(err)
	}
	list, err := b.Devices()
	if got := strings.Join(list, "|"); err != nil || got != "192.168.1.20 alerts@example.org|fd00::1:0/112" {
		t.Errorf("devices: %s, %v", got, err)
	}
	for _, bad := range []string{"", "camera", "0.0.0.0/0", "192.168.1.20 alerts"} {
		if err := b.PutDevices([]string{bad}); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
