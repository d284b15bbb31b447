package control

import (
	"errors"
	"strings"
	"testing"

	"posthorn/store"
)

// An invitation makes one account, and no second one.
func TestInvitationWorksOnce(t *testing.T) {
	b := newBox(t)
	secret, made, err := b.Invite("Alice", "Bob", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := b.Invitations(); err != nil || len(list) != 1 || list[0].ID != made.ID || list[0].Hash != nil {
		t.Fatalf("open: %v, %v", list, err)
	}
	if _, err := b.Join(secret[:len(secret)-1]+"x", NewAccount{Name: "eve", Password: "long enough"}); !errors.Is(err, ErrNoInvitation) {
		t.Errorf("another secret: %v", err)
	}
	if _, err := b.Join(secret, NewAccount{Name: "alice", Password: "long enough"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	for _, display := range []string{"Bob\r\nBcc: eve@example.org", strings.Repeat("x", 61)} {
		if _, err := b.Join(secret, NewAccount{Name: "bob2", DisplayName: display, Password: "long enough"}); !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("a name to show like %q: %v", display, err)
		}
	}
	a, err := b.Join(secret, NewAccount{Name: "bob2", Password: "long enough", Quota: 5})
	if err != nil || a.Owner || a.Quota != 1<<30 {
		t.Fatalf("joined as %+v, %v", a, err)
	}
	if _, err := b.Join(secret, NewAccount{Name: "eve", Password: "long enough"}); !errors.Is(err, ErrNoInvitation) {
		t.Errorf("used twice: %v", err)
	}
}

func TestInvitationsAreBounded(t *testing.T) {
	b := newBox(t)
	for range MaxInvitations {
		if _, _, err := b.Invite("Alice", "", 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Invite("Alice", "", 0); !errors.Is(err, ErrUsage) {
		t.Errorf("one too many: %v", err)
	}
	list, err := b.Invitations()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.RevokeInvitation(list[3].ID); err != nil {
		t.Error(err)
	}
	if err := b.RevokeInvitation(list[3].ID); !errors.Is(err, ErrNoInvitation) {
		t.Errorf("taken back twice: %v", err)
	}
	if _, _, err := b.Invite("Alice", strings.Repeat("x", 100), 0); !errors.Is(err, ErrUsage) {
		t.Errorf("a name that is too long: %v", err)
	}
}
