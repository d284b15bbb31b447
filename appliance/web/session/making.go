package session

import (
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"posthorn/store"
)

// making is the passkeys that are being made: one of an account at a time.
type making struct {
	mu  sync.Mutex
	now map[store.AccountID]*webauthn.SessionData
}

func (m *making) put(id store.AccountID, s *webauthn.SessionData) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		m.now = make(map[store.AccountID]*webauthn.SessionData)
	}
	for other, old := range m.now {
		if time.Now().After(old.Expires) {
			delete(m.now, other)
		}
	}
	m.now[id] = s
}

// take returns what was put, once; nil if there is none or it is over.
func (m *making) take(id store.AccountID) *webauthn.SessionData {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.now[id]
	delete(m.now, id)
	if s == nil || time.Now().After(s.Expires) {
		return nil
	}
	return s
}
