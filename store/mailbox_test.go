package store

import (
	"errors"
	"strings"
	"testing"
)

func TestMailboxNames(t *testing.T) {
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "a%b", "*", ".", "a/..", "a\x00b", "a\nb", " a", "a/ b", "\xff",
		strings.Repeat("x", MaxNameLength+1), strings.Repeat("a/", 1000) + "a"} {
		if _, err := CleanName(bad); !errors.Is(err, ErrInvalidName) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	for in, want := range map[string]string{"inbox": "INBOX", "InBox/Bank": "INBOX/Bank", "inboxes": "inboxes",
		"Cafe\u0301": "Caf\u00e9", `a"b\c`: `a"b\c`, "&AOk-": "&AOk-", "日本/語": "日本/語"} {
		if got, err := CleanName(in); got != want || err != nil {
			t.Errorf("%q became %q, %v", in, got, err)
		}
	}
}

func TestRenameAndDelete(t *testing.T) {
	s := openTest(t, Options{})
	acct, inbox := newAccount(t, s, "alice")
	var old *Mailbox
	update(t, s, func(tx *Tx) (err error) {
		if _, err = tx.CreateMailbox(acct, "a/b/c", ""); err != nil {
			return err
		}
		if err = tx.Subscribe(acct, "a/b", true); err != nil {
			return err
		}
		old, err = tx.MailboxByName(acct, "a/b")
		return err
	})
	deliver(t, s, old.ID, []byte("in b"))
	deliver(t, s, inbox, []byte("in inbox"))
	names := func() string {
		var out []string
		s.View(func(tx *Tx) error {
			all, _ := tx.Mailboxes(acct)
			for _, m := range all {
				if m.Role == "" {
					out = append(out, m.Name)
				}
			}
			return nil
		})
		return strings.Join(out, " ")
	}
	update(t, s, func(tx *Tx) error { return tx.RenameMailbox(acct, "a", "x/y") })
	if names() != "x x/y x/y/b x/y/b/c" {
		t.Errorf("after rename: %s", names())
	}
	s.View(func(tx *Tx) error {
		m, err := tx.MailboxByName(acct, "x/y/b")
		if err != nil || m.ID != old.ID || m.UIDValidity != old.UIDValidity || m.Messages != 1 || !m.Subscribed {
			t.Errorf("renamed mailbox is %+v, %v", m, err)
		}
		return nil
	})
	if err := s.Update(func(tx *Tx) error { return tx.RenameMailbox(acct, "x", "x/z") }); !errors.Is(err, ErrInvalidName) {
		t.Errorf("into itself: %v", err)
	}
	if err := s.Update(func(tx *Tx) error { return tx.RenameMailbox(acct, "x", "Trash") }); !errors.Is(err, ErrExists) {
		t.Errorf("onto another: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.RenameMailbox(acct, "INBOX", "old mail") })
	update(t, s, func(tx *Tx) error { return tx.DeleteMailbox(acct, "x/y/b") })
	if names() != "old mail x x/y x/y/b/c" {
		t.Errorf("after delete: %s", names())
	}
	if err := s.Update(func(tx *Tx) error { return tx.DeleteMailbox(acct, "INBOX") }); !errors.Is(err, ErrReserved) {
		t.Errorf("delete INBOX: %v", err)
	}
	settle(t, s)
	if r := verify(t, s); r.Messages != 1 {
		t.Errorf("%d messages left, want 1", r.Messages)
	}
	update(t, s, func(tx *Tx) error { return tx.RemoveAccount(acct) })
	settle(t, s)
	for _, kind := range []byte{keyMailbox, keyName, keySub, keyEntry, keyBits, keyHistory, keyMessage, keyRefs, keyChunk, keyUsage, keyLogin} {
		if n := count(t, s, kind); n != 0 {
			t.Errorf("removing the account left %d records of kind %c", n, kind)
		}
	}
}
