package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"posthorn/appliance/login"
	"posthorn/store"
)

// Limits of logins that wait for their second factor. They are in memory: after
// a restart the password is typed again.
const (
	pendingTime = 10 * time.Minute
	maxPending  = 64 // at once; one more ends the oldest
	maxPauses   = 256

	freeFactors = 5                // wrong codes of an account without a pause
	firstPause  = 15 * time.Second // after the next; doubles with each
	longPause   = 30 * time.Minute // at most: a hundred codes of a million in two days
	forgetAfter = 24 * time.Hour   // without a wrong code all is forgiven
)

const pendingCookie = "login"

// Pending is a login whose password was right and whose second factor is asked
// for.
type Pending struct {
	Account store.AccountID
	To      string // path to go on at

	key       [sha256.Size]byte
	began     time.Time
	challenge *webauthn.SessionData // of the passkey asked for
}

// waiting is all logins that wait, and who typed wrong codes.
type waiting struct {
	mu     sync.Mutex
	list   []*Pending // oldest first
	pauses map[store.AccountID]*pause
}

// pause is how an account's wrong codes slow the next.
type pause struct {
	wrong int
	last  time.Time
	next  time.Time
}

// Await begins to wait for the second factor of an account.
func (m *Manager) Await(w http.ResponseWriter, r *http.Request, id store.AccountID, to string) {
	var number [32]byte
	rand.Read(number[:])
	p := &Pending{Account: id, To: to, key: sha256.Sum256(number[:]), began: time.Now()}
	m.waiting.mu.Lock()
	defer m.waiting.mu.Unlock()
	m.waiting.list = append(m.waiting.list, p)
	if len(m.waiting.list) > maxPending {
		m.waiting.list = m.waiting.list[1:]
	}
	setCookie(w, r, pendingCookie, base64.RawURLEncoding.EncodeToString(number[:]), 0)
}

// Awaited returns the login that the request goes on with; nil if there is
// none, or its time is over.
func (m *Manager) Awaited(r *http.Request) *Pending {
	c, err := r.Cookie(CookieName(r, pendingCookie))
	if err != nil || len(c.Value) > maxCookie {
		return nil
	}
	number, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	key := sha256.Sum256(number)
	m.waiting.mu.Lock()
	defer m.waiting.mu.Unlock()
	for _, p := range m.waiting.list {
		if p.key == key && time.Since(p.began) < pendingTime {
			return p
		}
	}
	return nil
}

// Arrive ends the wait and logs in.
func (m *Manager) Arrive(w http.ResponseWriter, r *http.Request, p *Pending) error {
	m.waiting.mu.Lock()
	for i, other := range m.waiting.list {
		if other == p {
			m.waiting.list = append(m.waiting.list[:i], m.waiting.list[i+1:]...)
			break
		}
	}
	delete(m.waiting.pauses, p.Account)
	m.waiting.mu.Unlock()
	dropCookie(w, r, pendingCookie)
	var a *store.Account
	err := m.Store.View(func(tx *store.Tx) (err error) {
		a, err = tx.Account(p.Account)
		return err
	})
	if err != nil {
		return err
	}
	return m.Begin(w, r, a)
}

// TryCode takes a typed code as the second factor of an account. Errors:
// [ErrNoFactor], [*login.SlowError] after several wrong ones, or the store's.
func (m *Manager) TryCode(id store.AccountID, typed string) error {
	if wait := m.waiting.wait(id); wait > 0 {
		return &login.SlowError{RetryAfter: wait}
	}
	err := m.ChangeFactors(id, func(f *Factors) error { return f.Take(typed, time.Now()) })
	if err == ErrNoFactor {
		m.waiting.mistake(id)
		m.log().Warn("wrong second factor", "account", id)
	}
	return err
}

// wait is how long it is until the account's next code is looked at.
func (w *waiting) wait(id store.AccountID) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pauses[id]
	if p == nil {
		return 0
	}
	if time.Since(p.last) > forgetAfter {
		delete(w.pauses, id)
		return 0
	}
	return max(time.Until(p.next), 0)
}

func (w *waiting) mistake(id store.AccountID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pauses == nil {
		w.pauses = make(map[store.AccountID]*pause)
	}
	p := w.pauses[id]
	if p == nil {
		if len(w.pauses) >= maxPauses { // more accounts than a household has: forget one
			for other := range w.pauses {
				delete(w.pauses, other)
				break
			}
		}
		p = new(pause)
		w.pauses[id] = p
	}
	p.wrong++
	p.last = time.Now()
	if over := p.wrong - freeFactors; over > 0 {
		p.next = p.last.Add(min(firstPause<<min(over-1, 20), longPause))
	}
}
