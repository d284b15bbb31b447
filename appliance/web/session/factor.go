package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"posthorn/appliance/login"
	"posthorn/store"
)

// Limits of second factors.
const (
	RecoveryCodes = 10 // made at once
	MaxPasskeys   = 16 // of one account
	maxLabel      = 60 // characters of a passkey's name
)

// ErrNoFactor says that what was offered as a second factor is not one of the
// account's, or was used already.
var ErrNoFactor = errors.New("this is not the second factor of the account")

// ErrTooManyPasskeys says that the account has [MaxPasskeys] already.
var ErrTooManyPasskeys = fmt.Errorf("there are %d passkeys already; remove one first", MaxPasskeys)

// Factors are what an account asks for besides the password. The zero value
// asks for nothing. TOTP's secret has to be kept as it is (RFC 6238 section
// 5.1); recovery codes are kept as hashes.
type Factors struct {
	TOTP     []byte    `json:"totp,omitempty"`     // secret; nil: none
	Step     int64     `json:"step,omitempty"`     // of the last TOTP code taken: none works twice
	Recovery [][]byte  `json:"recovery,omitempty"` // SHA-256 of each code left
	Passkeys []Passkey `json:"passkeys,omitempty"` // by age
	Handle   []byte    `json:"handle,omitempty"`   // of the account, as passkeys know it
}

// Passkey is a key on a device (WebAuthn).
type Passkey struct {
	Label      string              `json:"label"`
	Made       time.Time           `json:"made"`
	Used       time.Time           `json:"used,omitzero"`
	Host       string              `json:"host"` // name of the box it was made under, and works under
	Credential webauthn.Credential `json:"credential"`
}

// Asked tells whether there is a second factor.
func (f *Factors) Asked() bool { return f.TOTP != nil || len(f.Passkeys) > 0 }

func factorsName(id store.AccountID) string { return store.AccountValue(id, login.FactorsValue) }

// ReadFactors returns the factors of an account.
func ReadFactors(tx *store.Tx, id store.AccountID) (*Factors, error) {
	f := new(Factors)
	text, err := tx.Value(factorsName(id))
	if errors.Is(err, store.ErrNotFound) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err != nil {
		return nil, fmt.Errorf("second factors of account %d: %w", id, err)
	}
	return f, nil
}

// Factors returns the factors of an account.
func (m *Manager) Factors(id store.AccountID) (f *Factors, err error) {
	err = m.Store.View(func(tx *store.Tx) error {
		f, err = ReadFactors(tx, id)
		return err
	})
	return f, err
}

// ChangeFactors changes the factors of an account in one update. What fn does
// may be done twice.
func (m *Manager) ChangeFactors(id store.AccountID, fn func(*Factors) error) error {
	return m.Store.Update(func(tx *store.Tx) error {
		f, err := ReadFactors(tx, id)
		if err != nil {
			return err
		}
		if err := fn(f); err != nil {
			return err
		}
		if !f.Asked() { // what is left alone is of no use
			return tx.DeleteValue(factorsName(id))
		}
		text, err := json.Marshal(f)
		if err != nil {
			return err
		}
		return tx.PutValue(factorsName(id), text)
	})
}

// NewRecovery draws recovery codes, which take the place of those there were.
// They are shown once: what is kept are their hashes.
func (f *Factors) NewRecovery() []string {
	f.Recovery = nil
	var codes []string
	for range RecoveryCodes {
		var b [10]byte
		rand.Read(b[:])
		text := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
		codes = append(codes, text[0:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:16])
		f.Recovery = append(f.Recovery, recoveryHash(text))
	}
	return codes
}

func recoveryHash(code string) []byte {
	sum := sha256.Sum256([]byte("recovery code " + code))
	return sum[:]
}

// Take uses up a code that was typed: of TOTP, or one for recovery, in any
// case and grouping. Errors: [ErrNoFactor].
func (f *Factors) Take(typed string, now time.Time) error {
	typed = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(typed))
	if len(typed) == totpDigits && f.TOTP != nil {
		step, ok := totpStep(f.TOTP, typed, now)
		if !ok || step <= f.Step {
			return ErrNoFactor
		}
		f.Step = step
		return nil
	}
	hash := recoveryHash(typed)
	if i := slices.IndexFunc(f.Recovery, func(h []byte) bool { return slices.Equal(h, hash) }); i >= 0 {
		f.Recovery = slices.Delete(f.Recovery, i, i+1)
		return nil
	}
	return ErrNoFactor
}
