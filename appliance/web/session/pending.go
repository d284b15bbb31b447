package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
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
	password  []byte // mark of the one that was typed
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

// Await begins to wait for the second factor of an account, as it was when its
// password was typed.
func (m *Manager) Await(w http.ResponseWriter, r *http.Request, a *store.Account, to string) {
	var number [32]byte
	rand.Read(number[:])
	p := &Pending{Account: a.ID, To: to, key: sha256.Sum256(number[:]), password: passwordMark(a), began: time.Now()}
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

// Arrive ends the wait and logs in. Errors: [ErrForged] if the password was
// changed meanwhile.
func (m *Manager) Arrive(w http.ResponseWriter, r *http.Request, p *Pending) error {
	m.waiting.mu.Lock()
	for i, other := range m.waiting.list {
		if other == p {
			m.waiting.list = append(m.waiting.list[:i], m.waiting.list[i+1:]...)
			break
		}
	}
	delete(m.waiting.pauses, p.Account) // also for one who came with a passkey
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
	if subtle.ConstantTimeCompare(p.password, passwordMark(a)) == 0 {
		return ErrForged
	}
	return m.Begin(w, r, a)
}

// TryCode takes a typed code as the second factor of an account. Errors:
// [ErrNoFactor], [*login.SlowError] after several wrong ones, or the store's.
func (m *Manager) TryCode(id store.AccountID, typed string) error {
	if wait := m.waiting.guess(id); wait > 0 {
		return &login.SlowError{RetryAfter: wait}
	}
	err := m.ChangeFactors(id, func(f *Factors) error { return f.Take(typed, time.Now()) })
	if err == nil {
		m.waiting.forgive(id)
	} else if err == ErrNoFactor {
		m.log().Warn("wrong second factor", "account", id)
	}
	return err
}

// forgive forgets an account's wrong codes.
func (w *waiting) forgive(id store.AccountID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pauses, id)
}

// guess is how long it is until the account's next code may be looked at. If
// that is now, the code counts as a wrong one already, lest many at a time be
// looked at before the first of them is found to be wrong.
func (w *waiting) guess(id store.AccountID) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.pauses[id]; p != nil {
		if time.Since(p.last) > forgetAfter {
			delete(w.pauses, id)
		} else if wait := time.Until(p.next); wait > 0 {
			return wait
		}
	}
	w.mistake(id)
	return 0
}

// mistake counts a wrong code. w.mu is held.
func (w *waiting) mistake(id store.AccountID) {
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
