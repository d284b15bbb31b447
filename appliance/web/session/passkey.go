package session

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"posthorn/store"
)

// ErrNoPasskeys says that passkeys can't be used here: a browser has them only
// over TLS, and only for a name, not for an address.
var ErrNoPasskeys = errors.New("passkeys need TLS and a host name")

// PasskeysWork tells whether a browser would use passkeys at this request's
// address.
func PasskeysWork(r *http.Request) bool {
	_, err := netip.ParseAddr(strings.Trim(hostName(r), "[]"))
	return r.TLS != nil && err != nil
}

func hostName(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return strings.ToLower(host)
	}
	return strings.ToLower(r.Host)
}

// party is the box as passkeys know it: under the name the browser used, which
// the guards found to be one of the box's own.
func party(r *http.Request) (*webauthn.WebAuthn, error) {
	if !PasskeysWork(r) {
		return nil, ErrNoPasskeys
	}
	return webauthn.New(&webauthn.Config{RPID: hostName(r), RPDisplayName: hostName(r), RPOrigins: []string{"https://" + strings.ToLower(r.Host)}})
}

// holder is an account as the library asks for it: with the passkeys made
// under one name.
type holder struct {
	name    string
	factors *Factors
	host    string
}

func (h *holder) WebAuthnID() []byte          { return h.factors.Handle }
func (h *holder) WebAuthnName() string        { return h.name }
func (h *holder) WebAuthnDisplayName() string { return h.name }

func (h *holder) WebAuthnCredentials() []webauthn.Credential {
	var list []webauthn.Credential
	for _, p := range h.factors.Passkeys {
		if p.Host == h.host {
			list = append(list, p.Credential)
		}
	}
	return list
}

// BeginPasskey begins to make a passkey for the person of the request, and
// returns what the browser is to be given. Errors: [ErrNoPasskeys],
// [ErrTooManyPasskeys].
func (m *Manager) BeginPasskey(r *http.Request) (*protocol.CredentialCreation, error) {
	rp, err := party(r)
	if err != nil {
		return nil, err
	}
	p := From(r.Context())
	f, err := m.Factors(p.Account)
	if err != nil {
		return nil, err
	}
	if len(f.Passkeys) >= MaxPasskeys {
		return nil, ErrTooManyPasskeys
	}
	if f.Handle == nil {
		f.Handle = make([]byte, 32)
		rand.Read(f.Handle)
	}
	h := &holder{p.Name, f, hostName(r)}
	var have []protocol.CredentialDescriptor
	for _, c := range h.WebAuthnCredentials() {
		have = append(have, c.Descriptor())
	}
	options, challenge, err := rp.BeginRegistration(h, webauthn.WithExclusions(have))
	if err != nil {
		return nil, fmt.Errorf("begin a passkey: %w", err)
	}
	challenge.Expires = time.Now().Add(pendingTime)
	m.making.put(p.Account, challenge)
	return options, nil
}

// FinishPasskey takes what the browser answered as a passkey of that name.
// Errors: [ErrNoFactor] with the reason, [ErrNoPasskeys], [ErrTooManyPasskeys].
func (m *Manager) FinishPasskey(r *http.Request, label string) error {
	rp, err := party(r)
	if err != nil {
		return err
	}
	p := From(r.Context())
	challenge := m.making.take(p.Account)
	if challenge == nil {
		return fmt.Errorf("%w: it was not asked for, or too long ago", ErrNoFactor)
	}
	h := &holder{p.Name, &Factors{Handle: challenge.UserID}, hostName(r)}
	credential, err := rp.FinishRegistration(h, *challenge, r)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrNoFactor, err)
	}
	// What proves the make of the device is of no use here, and large.
	credential.Attestation = webauthn.CredentialAttestation{}
	return m.ChangeFactors(p.Account, func(f *Factors) error {
		if len(f.Passkeys) >= MaxPasskeys {
			return ErrTooManyPasskeys
		}
		f.Handle = challenge.UserID
		now := time.Now().UTC().Truncate(time.Second)
		f.Passkeys = append(f.Passkeys, Passkey{Label: plainLabel(label), Made: now, Host: hostName(r), Credential: *credential})
		return nil
	})
}

// plainLabel is what a passkey is called: one line, not too long.
func plainLabel(label string) string {
	label = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, strings.TrimSpace(label))
	if runes := []rune(label); len(runes) > maxLabel {
		label = string(runes[:maxLabel])
	}
	return label
}

// AskPasskey begins to ask the browser for a passkey of a login that waits.
// Errors: [ErrNoPasskeys], [ErrNoFactor] if none was made under this name.
func (m *Manager) AskPasskey(r *http.Request, pending *Pending) (*protocol.CredentialAssertion, error) {
	rp, err := party(r)
	if err != nil {
		return nil, err
	}
	f, err := m.Factors(pending.Account)
	if err != nil {
		return nil, err
	}
	h := &holder{"", f, hostName(r)}
	if len(h.WebAuthnCredentials()) == 0 {
		return nil, ErrNoFactor
	}
	options, challenge, err := rp.BeginLogin(h)
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	challenge.Expires = time.Now().Add(pendingTime)
	m.waiting.mu.Lock()
	pending.challenge = challenge
	m.waiting.mu.Unlock()
	return options, nil
}

// TryPasskey takes what the browser answered as the second factor. Errors:
// [ErrNoFactor] with the reason.
func (m *Manager) TryPasskey(r *http.Request, pending *Pending) error {
	rp, err := party(r)
	if err != nil {
		return err
	}
	m.waiting.mu.Lock()
	challenge := pending.challenge
	pending.challenge = nil // works once
	m.waiting.mu.Unlock()
	if challenge == nil {
		return fmt.Errorf("%w: it was not asked for", ErrNoFactor)
	}
	f, err := m.Factors(pending.Account)
	if err != nil {
		return err
	}
	used, err := rp.FinishLogin(&holder{"", f, hostName(r)}, *challenge, r)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrNoFactor, err)
	}
	if used.Authenticator.CloneWarning {
		return fmt.Errorf("%w: the device's counter went back, so there may be a copy of it", ErrNoFactor)
	}
	return m.ChangeFactors(pending.Account, func(f *Factors) error {
		for i := range f.Passkeys {
			if bytes.Equal(f.Passkeys[i].Credential.ID, used.ID) {
				used.Attestation = webauthn.CredentialAttestation{}
				f.Passkeys[i].Credential = *used
				f.Passkeys[i].Used = time.Now().UTC().Truncate(time.Second)
				return nil
			}
		}
		return ErrNoFactor // removed meanwhile
	})
}

// RemovePasskey removes the passkey at a place of the list, if it still has
// that name.
func (m *Manager) RemovePasskey(id store.AccountID, at int, label string) error {
	return m.ChangeFactors(id, func(f *Factors) error {
		if at < 0 || at >= len(f.Passkeys) || f.Passkeys[at].Label != label {
			return store.ErrNotFound
		}
		f.Passkeys = append(f.Passkeys[:at], f.Passkeys[at+1:]...)
		return nil
	})
}
