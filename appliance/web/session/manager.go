package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"posthorn/store"
)

// Manager begins, finds and ends sessions. Store must be set; the fields must
// not change after first use. Its methods are for any number of goroutines.
type Manager struct {
	Store *store.Store
	// ClockSet tells whether the time can be believed; nil is always.
	ClockSet func() bool
	// Log is told of sessions that begin and end; nil discards.
	Log *slog.Logger

	waiting waiting
	making  making
	zones   sync.Map // of *time.Location by name
}

// record is one session as it is stored.
type record struct {
	Hash     []byte    `json:"hash"`     // SHA-256 of the number in the cookie
	Password []byte    `json:"password"` // SHA-256 of the password's hash it began with
	Made     time.Time `json:"made,omitzero"`
	Seen     time.Time `json:"seen,omitzero"`   // to seenEvery
	Proved   time.Time `json:"proved,omitzero"` // when the password was last typed
	Address  string    `json:"address"`         // of the browser when it began
	Agent    string    `json:"agent"`           // what the browser calls itself
	Clear    bool      `json:"clear,omitempty"` // began without TLS
}

// Info is what is told of a session.
type Info struct {
	ID            string // to end it by
	Made, Seen    time.Time
	Address       string
	Agent         string
	Present, Safe bool // the one of this request; with TLS
}

func valueName(id store.AccountID) string { return store.AccountValue(id, "sessions") }

func (m *Manager) log() *slog.Logger {
	if m.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.Log
}

func (m *Manager) clockSet() bool { return m.ClockSet == nil || m.ClockSet() }

// now is the time to write down; zero while it can't be believed.
func (m *Manager) now() time.Time {
	if !m.clockSet() {
		return time.Time{}
	}
	return time.Now().UTC().Truncate(time.Second)
}

// Begin logs the account in: it ends the session the request came with, makes
// a new one and sets its cookie. The caller has checked the password, and the
// second factor if there is one.
func (m *Manager) Begin(w http.ResponseWriter, r *http.Request, a *store.Account) error {
	var number [32]byte
	rand.Read(number[:])
	hash, password := sha256.Sum256(number[:]), passwordMark(a)
	now := m.now()
	fresh := record{Hash: hash[:], Password: password, Made: now, Seen: now, Proved: now,
		Address: remote(r), Agent: agent(r), Clear: r.TLS == nil}
	old, _, _ := readCookie(r)
	err := m.change(a.ID, func(list []record) []record {
		list = slices.DeleteFunc(list, func(s record) bool {
			return subtle.ConstantTimeCompare(s.Password, password) == 0 || m.over(s) || old == a.ID && m.isOf(r, s)
		})
		return append(list, fresh)
	})
	if err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	if old != 0 && old != a.ID {
		if err := m.end(r); err != nil {
			return err
		}
	}
	setCookie(w, r, sessionCookie, strconv.FormatUint(uint64(a.ID), 10)+"."+base64.RawURLEncoding.EncodeToString(number[:]), MaxAge)
	dropCookie(w, r, visitCookie)
	m.log().Info("logged in", "service", "web", "user", a.Name, "from", fresh.Address)
	return nil
}

// Attach finds out whose the request is and returns it with that in its
// context, for [From] and the other functions.
func (m *Manager) Attach(r *http.Request) (*http.Request, error) {
	v := &visit{}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	id, number, ok := readCookie(r)
	if !ok {
		return r, nil
	}
	hash := sha256.Sum256(number)
	var account *store.Account
	var set store.Settings
	err := m.Store.View(func(tx *store.Tx) (err error) {
		if v.record, account, err = m.find(tx, id, hash[:]); err != nil {
			return err
		}
		if v.record.Clear != (r.TLS == nil) {
			return store.ErrNotFound
		}
		set, err = tx.Settings()
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("find session: %w", err)
	}
	v.person, v.secret = m.personOf(account, set), number
	m.noteUse(id, v.record)
	return r, nil
}

// find returns the session of an account with a hash, as long as both are good.
// Errors: [store.ErrNotFound], and the store's.
func (m *Manager) find(tx *store.Tx, id store.AccountID, hash []byte) (s record, a *store.Account, err error) {
	list, err := readSessions(tx, id)
	if err != nil {
		return s, nil, err
	}
	i := slices.IndexFunc(list, func(s record) bool { return subtle.ConstantTimeCompare(s.Hash, hash) == 1 })
	if i < 0 || m.over(list[i]) {
		return s, nil, store.ErrNotFound
	}
	if a, err = tx.Account(id); err != nil {
		return s, nil, err
	}
	if a.Disabled || subtle.ConstantTimeCompare(list[i].Password, passwordMark(a)) == 0 {
		return s, nil, store.ErrNotFound
	}
	return list[i], a, nil
}

// Ended tells whether the session of a request has ended since the request
// came: to be asked by answers that go on for long.
func (m *Manager) Ended(r *http.Request) bool {
	v := visitOf(r.Context())
	err := m.Store.View(func(tx *store.Tx) error {
		_, _, err := m.find(tx, v.person.Account, v.record.Hash)
		return err
	})
	return errors.Is(err, store.ErrNotFound)
}

// noteUse writes when the session was used, now and then. A full disk or a
// failing card is no reason to show nothing.
func (m *Manager) noteUse(id store.AccountID, s record) {
	now := m.now()
	if now.IsZero() || !s.Seen.IsZero() && now.Sub(s.Seen).Abs() < seenEvery {
		return
	}
	err := m.change(id, func(list []record) []record {
		for i := range list {
			if slices.Equal(list[i].Hash, s.Hash) {
				list[i].Seen = now
				if list[i].Made.IsZero() {
					list[i].Made = now // began before the time was known
				}
			}
		}
		return list
	})
	if err != nil {
		m.log().Warn("use of a session not recorded", "error", err)
	}
}

// over tells whether a session's time has run out.
func (m *Manager) over(s record) bool {
	if !m.clockSet() || s.Seen.IsZero() {
		return false
	}
	now := time.Now()
	return now.Sub(s.Seen) > IdleTime || !s.Made.IsZero() && now.Sub(s.Made) > MaxAge
}

// End logs the request's session out.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	dropCookie(w, r, sessionCookie)
	if p := From(r.Context()); p != nil {
		m.log().Info("logged out", "service", "web", "user", p.Name, "from", remote(r))
	}
	return m.end(r)
}

func (m *Manager) end(r *http.Request) error {
	id, _, ok := readCookie(r)
	if !ok {
		return nil
	}
	return m.change(id, func(list []record) []record {
		return slices.DeleteFunc(list, func(s record) bool { return m.isOf(r, s) })
	})
}

func (m *Manager) isOf(r *http.Request, s record) bool {
	_, number, ok := readCookie(r)
	hash := sha256.Sum256(number)
	return ok && subtle.ConstantTimeCompare(s.Hash, hash[:]) == 1
}

// List tells of the sessions of the person of the request, newest first.
func (m *Manager) List(r *http.Request) ([]Info, error) {
	var list []record
	err := m.Store.View(func(tx *store.Tx) (err error) {
		list, err = readSessions(tx, From(r.Context()).Account)
		return err
	})
	var out []Info
	for _, s := range slices.Backward(list) {
		if m.over(s) {
			continue
		}
		out = append(out, Info{ID: idOf(s), Made: s.Made, Seen: s.Seen, Address: s.Address, Agent: s.Agent,
			Present: m.isOf(r, s), Safe: !s.Clear})
	}
	return out, err
}

// EndOne ends one session of the person of the request, by its ID; one that is
// gone already is no error.
func (m *Manager) EndOne(r *http.Request, id string) error {
	return m.change(From(r.Context()).Account, func(list []record) []record {
		return slices.DeleteFunc(list, func(s record) bool { return idOf(s) == id })
	})
}

// EndOthers ends all sessions of the person but that of the request.
func (m *Manager) EndOthers(r *http.Request) error {
	return m.change(From(r.Context()).Account, func(list []record) []record {
		return slices.DeleteFunc(list, func(s record) bool { return !m.isOf(r, s) })
	})
}

// Proved tells whether the person of the request typed the password within
// [ProvedTime]: to be asked before what a thief at an open browser would do.
func (m *Manager) Proved(r *http.Request) bool {
	v := visitOf(r.Context())
	if v == nil || v.person == nil || v.record.Proved.IsZero() {
		return false
	}
	return time.Since(v.record.Proved).Abs() < ProvedTime
}

// Prove notes that the person of the request has just typed the password.
func (m *Manager) Prove(r *http.Request) error {
	now := time.Now().UTC().Truncate(time.Second)
	return m.change(From(r.Context()).Account, func(list []record) []record {
		for i := range list {
			if m.isOf(r, list[i]) {
				list[i].Proved = now
			}
		}
		return list
	})
}

// change rewrites an account's sessions; the least recently used beyond
// MaxSessions go.
func (m *Manager) change(id store.AccountID, fn func([]record) []record) error {
	return m.Store.Update(func(tx *store.Tx) error {
		list, err := readSessions(tx, id)
		if err != nil {
			return err
		}
		list = fn(list)
		for len(list) > MaxSessions {
			oldest := 0
			for i := range list[:len(list)-1] { // never the newest
				if list[i].Seen.Before(list[oldest].Seen) {
					oldest = i
				}
			}
			list = slices.Delete(list, oldest, oldest+1)
		}
		if len(list) == 0 {
			return tx.DeleteValue(valueName(id))
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return tx.PutValue(valueName(id), text)
	})
}

// readSessions reads an account's sessions; without any there are none.
func readSessions(tx *store.Tx, id store.AccountID) (list []record, err error) {
	text, err := tx.Value(valueName(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("sessions of account %d: %w", id, err)
	}
	return list, nil
}

// passwordMark stands for the password an account has.
func passwordMark(a *store.Account) []byte {
	sum := sha256.Sum256([]byte(a.Password))
	return sum[:]
}

// idOf is a session's name in forms: enough of its hash to find it, of no use
// as a cookie.
func idOf(s record) string { return hex.EncodeToString(s.Hash[:min(8, len(s.Hash))]) }

func agent(r *http.Request) string {
	text := strings.ToValidUTF8(r.UserAgent(), "")
	return strings.ToValidUTF8(text[:min(len(text), maxAgent)], "")
}
