package control

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"posthorn/store"
)

// newHome is a box with alice, who is the owner, and bob.
func newHome(t *testing.T) *Box {
	b := newBox(t)
	if err := b.AddAccount(NewAccount{Name: "bob", Password: "battery staple"}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChangeAccount(t *testing.T) {
	b := newHome(t)
	yes, no, name := true, false, "Bob Lee"
	for _, c := range []struct {
		who    string
		change AccountChange
		want   error
	}{
		{"alice", AccountChange{Owner: &no}, ErrLastOwner},
		{"alice", AccountChange{Disabled: &yes}, ErrLastOwner},
		{"carol", AccountChange{Owner: &yes}, store.ErrNotFound},
		{"bob", AccountChange{DisplayName: new(string)}, nil},
		{"bob", AccountChange{DisplayName: &name, Owner: &yes}, nil},
		{"alice", AccountChange{Disabled: &yes}, nil},
		{"bob", AccountChange{Owner: &no}, ErrLastOwner}, // alice is one, but can't log in
		{"alice", AccountChange{Disabled: &no}, nil},
		{"bob", AccountChange{Owner: &no}, nil},
	} {
		if err := b.ChangeAccount(c.who, c.change); !errors.Is(err, c.want) {
			t.Errorf("%s %+v: %v, want %v", c.who, c.change, err, c.want)
		}
	}
	bad := "a\r\nb"
	if err := b.ChangeAccount("bob", AccountChange{DisplayName: &bad}); !errors.Is(err, store.ErrInvalidName) {
		t.Errorf("a name in two lines: %v", err)
	}
	list, err := b.Accounts()
	if err != nil || list[1].DisplayName != name || list[1].Owner || list[0].Disabled {
		t.Errorf("in the end: %+v, %v", list, err)
	}
}

func TestRemoveAccount(t *testing.T) {
	b := newHome(t)
	ctx := t.Context()
	for _, c := range []struct {
		name, heir string
		want       error
	}{
		{"alice", "", ErrLastOwner}, {"alice", "bob", ErrLastOwner}, {"carol", "", store.ErrNotFound},
		{"bob", "carol", store.ErrNotFound}, {"bob", "bob", ErrUsage}, {"bob", "", nil}, {"alice", "", nil},
	} {
		if err := b.RemoveAccount(ctx, c.name, c.heir); !errors.Is(err, c.want) {
			t.Errorf("remove %s, heir %q: %v, want %v", c.name, c.heir, err, c.want)
		}
	}
}

// The heir has the mail, the address and what came to nobody.
func TestHandOver(t *testing.T) {
	b := newHome(t)
	yes := true
	if err := b.ChangeAccount("bob", AccountChange{Owner: &yes}); err != nil {
		t.Fatal(err)
	}
	if err := b.SetChoices(map[string]string{"catch-all": "alice"}); err != nil {
		t.Fatal(err)
	}
	var messages []string
	for i := range handOverBatch + 5 { // more than one update copies
		messages = append(messages, fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
	}
	for some := range slices.Chunk(messages, 32) {
		if _, err := batch(t, b, some...); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SetQuota("bob", 1000); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(t.Context(), "alice", "bob"); !errors.Is(err, store.ErrQuota) {
		t.Fatalf("into a mailbox too small: %v", err)
	}
	if n, err := b.Messages("alice", ""); err != nil || n != len(messages) {
		t.Fatalf("after a handover that failed alice has %d messages, %v", n, err)
	}
	if err := b.SetQuota("bob", 0); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(t.Context(), "alice", "bob"); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Messages("bob", "alice/Inbox"); err != nil || n != len(messages) {
		t.Errorf("bob has %d messages of alice, %v; want %d", n, err, len(messages))
	}
	aliases, err := b.Aliases()
	if err != nil || len(aliases) != 1 || aliases[0].Address != "alice" || aliases[0].Targets[0] != "bob" {
		t.Errorf("aliases: %v, %v", aliases, err)
	}
	if got := values(t, b)["catch-all"]; got != "bob" {
		t.Errorf("mail for nobody goes to %q", got)
	}
}
