package events

import (
	"testing"

	"posthorn/store"
)

func woken(w *Watcher) bool {
	select {
	case <-w.C():
		return true
	default:
		return false
	}
}

func TestWakesOnlyItsTopics(t *testing.T) {
	h := NewHub()
	one, any := h.Watch(Mailbox(1)), h.Watch(All)
	h.Announce(store.Commit{Mailboxes: []store.MailboxID{2}})
	if woken(one) {
		t.Error("watcher of mailbox 1 was woken by mailbox 2")
	}
	if !woken(any) {
		t.Error("watcher of everything was not woken")
	}
	h.Announce(store.Commit{Mailboxes: []store.MailboxID{1}, Accounts: []store.AccountID{1}})
	if !woken(one) {
		t.Error("watcher of mailbox 1 was not woken")
	}
}

func TestWakeUpsMerge(t *testing.T) {
	h := NewHub()
	w := h.Watch(Settings, Queue)
	for range 1000 {
		h.Announce(store.Commit{Settings: true, Queue: true})
	}
	if !woken(w) || woken(w) {
		t.Error("want exactly one wake-up for many changes")
	}
}

func TestSetAndClose(t *testing.T) {
	h := NewHub()
	w := h.Watch(Mailbox(1))
	w.Set(Account(7))
	h.Announce(store.Commit{Mailboxes: []store.MailboxID{1}})
	if woken(w) {
		t.Error("woken by a topic it no longer watches")
	}
	h.Announce(store.Commit{Accounts: []store.AccountID{7}})
	if !woken(w) {
		t.Error("not woken by its new topic")
	}
	w.Close()
	h.Announce(store.Commit{Accounts: []store.AccountID{7}})
	if woken(w) || len(h.watchers) != 0 {
		t.Error("closed watcher is still known to the hub")
	}
}

func TestAnEmptyCommitWakesNobody(t *testing.T) {
	h := NewHub()
	w := h.Watch(All)
	h.Announce(store.Commit{})
	if woken(w) {
		t.Error("woken though nothing changed")
	}
}
