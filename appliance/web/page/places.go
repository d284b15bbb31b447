package page

import (
	"sync"

	"posthorn/store"
)

// Places limits what goes on at once: nobody can take it all from the others.
// The counts are of this run of the program.
type Places struct {
	Most int // of everybody together; 0 is as many as their own places allow
	Own  int // of one person

	mu    sync.Mutex
	all   int
	taken map[store.AccountID]int
}

// Take takes a place for a person, if there is one. Who got it must [Places.Leave].
func (p *Places) Take(id store.AccountID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Most > 0 && p.all >= p.Most || p.taken[id] >= p.Own {
		return false
	}
	if p.taken == nil {
		p.taken = make(map[store.AccountID]int)
	}
	p.all++
	p.taken[id]++
	return true
}

// Leave gives a person's place back.
func (p *Places) Leave(id store.AccountID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.taken[id]--; p.taken[id] == 0 {
		delete(p.taken, id)
	}
}
