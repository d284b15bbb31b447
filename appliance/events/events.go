// Package events wakes those who wait for something in the store to change. It
// carries no data: a waiter is told that its topic changed and reads the store.
//
// Wake-ups are level-triggered. However many changes happen before a waiter
// looks, it finds one wake-up, so nothing piles up behind a slow one and
// nothing is lost. The discipline is: watch first, then read, then wait.
package events

import (
	"sync"

	"posthorn/store"
)

// Topic is something that can change.
type Topic struct {
	kind kind
	id   uint64
}

type kind uint8

const (
	all kind = iota
	mailbox
	account
	queue
	settings
	health
)

// Topics that exist once.
var (
	All      = Topic{kind: all}      // anything at all
	Queue    = Topic{kind: queue}    // mail that waits to leave
	Settings = Topic{kind: settings} // the owner's choices and aliases
	Health   = Topic{kind: health}   // disk, clock, network: announced by [Hub.Wake]
)

// Mailbox is the messages and flags of one mailbox.
func Mailbox(id store.MailboxID) Topic { return Topic{mailbox, uint64(id)} }

// Account is an account's record, its list of mailboxes, and its subscriptions.
func Account(id store.AccountID) Topic { return Topic{account, uint64(id)} }

// Hub passes wake-ups on. The zero value is not usable; see [NewHub].
type Hub struct {
	mu       sync.Mutex
	watchers map[Topic]map[*Watcher]struct{}
}

// NewHub returns a hub nobody watches yet.
func NewHub() *Hub {
	return &Hub{watchers: make(map[Topic]map[*Watcher]struct{})}
}

// Announce wakes the watchers of everything a commit changed. It never blocks;
// give it to store.Options.OnCommit.
func (h *Hub) Announce(c store.Commit) {
	topics := make([]Topic, 0, len(c.Mailboxes)+len(c.Accounts)+2)
	for _, id := range c.Mailboxes {
		topics = append(topics, Mailbox(id))
	}
	for _, id := range c.Accounts {
		topics = append(topics, Account(id))
	}
	if c.Settings {
		topics = append(topics, Settings)
	}
	if c.Queue {
		topics = append(topics, Queue)
	}
	if len(topics) > 0 {
		h.Wake(topics...)
	}
}

// Wake wakes the watchers of the topics, and those of All.
func (h *Hub) Wake(topics ...Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range append(topics, All) {
		for w := range h.watchers[t] {
			select {
			case w.c <- struct{}{}:
			default: // it has a wake-up it did not take yet
			}
		}
	}
}

// Watcher is woken when one of its topics changes.
type Watcher struct {
	hub    *Hub
	c      chan struct{}
	topics []Topic
}

// Watch returns a watcher of the topics. Close it.
func (h *Hub) Watch(topics ...Topic) *Watcher {
	w := &Watcher{hub: h, c: make(chan struct{}, 1)}
	w.Set(topics...)
	return w
}

// C delivers one value when a topic changed since the last one was taken.
func (w *Watcher) C() <-chan struct{} { return w.c }

// Set changes what is watched. A wake-up that came before stays.
func (w *Watcher) Set(topics ...Topic) {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range w.topics {
		delete(h.watchers[t], w)
		if len(h.watchers[t]) == 0 {
			delete(h.watchers, t)
		}
	}
	w.topics = append(w.topics[:0:0], topics...)
	for _, t := range topics {
		if h.watchers[t] == nil {
			h.watchers[t] = make(map[*Watcher]struct{})
		}
		h.watchers[t][w] = struct{}{}
	}
}

// Close ends the watch.
func (w *Watcher) Close() { w.Set() }
