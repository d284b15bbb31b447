package store

import (
	"errors"
	"testing"
)

func TestRoles(t *testing.T) {
	s := openTest(t, Options{})
	acct, _ := newAccount(t, s, "alice")
	byRole := func(role Role) string {
		name := ""
		if err := s.View(func(tx *Tx) error {
			m, err := tx.MailboxByRole(acct, role)
			if err == nil {
				name = m.Name
			}
			return err
		}); err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		return name
	}
	for role, want := range map[Role]string{RoleInbox: "INBOX", RoleTrash: "Trash", RoleOutbox: ""} {
		if got := byRole(role); got != want {
			t.Errorf("%s is %q, want %q", role, got, want)
		}
	}
	// A role is one mailbox's, whatever that is called.
	update(t, s, func(tx *Tx) error { return tx.RenameMailbox(acct, "Sent", "Gone out") })
	update(t, s, func(tx *Tx) error { _, err := tx.CreateMailbox(acct, "Sent", ""); return err })
	if got := byRole(RoleSent); got != "Gone out" {
		t.Errorf("sent mail is in %q", got)
	}
	err := s.Update(func(tx *Tx) error { _, err := tx.CreateMailbox(acct, "Sent again", RoleSent); return err })
	if !errors.Is(err, ErrExists) {
		t.Errorf("a second mailbox for sent mail: %v", err)
	}
	set := func(name string, role Role) error {
		return s.Update(func(tx *Tx) error {
			m, err := tx.MailboxByName(acct, name)
			if err != nil {
				return err
			}
			return tx.SetRole(m.ID, role)
		})
	}
	if err := set("Sent", RoleSent); !errors.Is(err, ErrExists) {
		t.Errorf("a role that is taken: %v", err)
	}
	for _, step := range []struct {
		name string
		role Role
	}{{"Gone out", RoleSent}, {"Gone out", ""}, {"Sent", RoleSent}} {
		if err := set(step.name, step.role); err != nil {
			t.Errorf("%s for %q: %v", step.name, step.role, err)
		}
	}
	if got := byRole(RoleSent); got != "Sent" {
		t.Errorf("sent mail is in %q", got)
	}
}
