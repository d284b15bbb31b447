package write

import (
	"sync"

	"posthorn/store"
)

// Limits of the forms that come in at a time: each holds up to 350 KiB of
// memory, and the card writes one after the other anyway.
const (
	maxUploads    = 6
	maxOwnUploads = 3 // of one person: whose connection is slow leaves room for others
)

// places counts the forms that come in. The zero value is ready.
type places struct {
	mu    sync.Mutex
	all   int
	taken map[store.AccountID]int
}

// take takes a place for a person's form, if there is one.
func (p *places) take(id store.AccountID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= maxUploads || p.taken[id] >= maxOwnUploads {
		return false
	}
	if p.taken == nil {
		p.taken = make(map[store.AccountID]int)
	}
	p.all++
	p.taken[id]++
	return true
}

// leave gives it back.
func (p *places) leave(id store.AccountID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.taken[id]--; p.taken[id] == 0 {
		delete(p.taken, id)
	}
}
