package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"posthorn/store"
)

// Limits of app passwords.
const (
	MaxAppPasswords = 64 // of one account
	MaxLabel        = 64 // characters of a label
)

// appAlphabet leaves out i, l and o, which look like digits on a label, and
// makes 16 letters worth 72 bits.
const (
	appAlphabet = "abcdefghjkmnpqrstuvwxyz"
	appLetters  = 16
	appPrefix   = "$sha256$"
)

// recordEvery is how often the time of last use is written: each write wears
// the card, and a day is all that a person asks about.
const recordEvery = 24 * time.Hour

// SetPassword gives the account a new password. Cached logins with the old
// one end at once; app passwords stay. Errors: [*PasswordError],
// [store.ErrNotFound], ctx's error while waiting for a turn.
func (k *Keeper) SetPassword(ctx context.Context, id store.AccountID, password string) error {
	k.start.Do(k.init)
	prepared, err := CheckPassword(password)
	if err != nil {
		return err
	}
	leave, err := k.hashes.enter(ctx, true)
	if err != nil {
		return err
	}
	fresh := newHash(prepared).String()
	leave()
	var name string
	err = k.update(id, func(acct *store.Account) error {
		acct.Password, name = fresh, acct.Name
		return nil
	})
	if err == nil {
		k.guard.distrust(name)
	}
	return err
}

// AddAppPassword makes a password for one device or program, named by label.
// The secret it returns, four groups of four letters, is kept nowhere and
// cannot be shown again. Errors: [ErrTooManyAppPasswords], [*PasswordError]
// for a label that is empty, has control characters or more than 64
// characters, [store.ErrExists] for a label already used,
// [store.ErrNotFound].
func (k *Keeper) AddAppPassword(id store.AccountID, label string) (secret string, added store.AppPassword, err error) {
	label = strings.TrimSpace(label)
	if label == "" || !utf8.ValidString(label) || utf8.RuneCountInString(label) > MaxLabel ||
		strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", store.AppPassword{}, &PasswordError{fmt.Sprintf("its label must have 1 to %d characters", MaxLabel)}
	}
	letters := newAppSecret()
	var number [6]byte
	rand.Read(number[:])
	added = store.AppPassword{
		ID:      hex.EncodeToString(number[:]),
		Label:   label,
		Hash:    hashApp(letters),
		Created: time.Now().UTC().Truncate(time.Second),
	}
	err = k.update(id, func(acct *store.Account) error {
		if len(acct.AppPasswords) >= MaxAppPasswords {
			return ErrTooManyAppPasswords
		}
		for _, p := range acct.AppPasswords {
			if strings.EqualFold(p.Label, label) {
				return fmt.Errorf("app password %q: %w; revoke it first or choose another label", label, store.ErrExists)
			}
		}
		acct.AppPasswords = append(acct.AppPasswords, added)
		return nil
	})
	if err != nil {
		return "", store.AppPassword{}, err
	}
	return grouped(letters), added, nil
}

// RevokeAppPassword removes the app password with that ID or label; the next
// login with it is refused. Errors: [ErrNoAppPassword], [store.ErrNotFound].
func (k *Keeper) RevokeAppPassword(id store.AccountID, which string) error {
	return k.update(id, func(acct *store.Account) error {
		i := slices.IndexFunc(acct.AppPasswords, func(p store.AppPassword) bool {
			return p.ID == which || strings.EqualFold(p.Label, which)
		})
		if i < 0 {
			return fmt.Errorf("%q: %w", which, ErrNoAppPassword)
		}
		acct.AppPasswords = slices.Delete(acct.AppPasswords, i, i+1)
		return nil
	})
}

// update changes one account record.
func (k *Keeper) update(id store.AccountID, change func(*store.Account) error) error {
	return k.Store.Update(func(tx *store.Tx) error {
		acct, err := tx.Account(id)
		if err != nil {
			return err
		}
		if err := change(acct); err != nil {
			return err
		}
		return tx.PutAccount(acct)
	})
}

// recordUse notes that the app password was used, at most once a day. A
// clock that was never set gives no date worth writing.
func (k *Keeper) recordUse(id store.AccountID, used *store.AppPassword, now time.Time) {
	if now.Sub(used.LastUsed) < recordEvery || now.Before(used.Created) {
		return
	}
	err := k.update(id, func(acct *store.Account) error {
		for i := range acct.AppPasswords {
			if acct.AppPasswords[i].ID == used.ID {
				acct.AppPasswords[i].LastUsed = now.UTC().Truncate(time.Second)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		k.Log.Warn("time of last use not recorded", "app_password", used.ID, "error", err)
	}
}

// newAppSecret draws the letters of an app password.
func newAppSecret() string {
	letters := make([]byte, 0, appLetters)
	for len(letters) < appLetters {
		var b [1]byte
		rand.Read(b[:])
		if n := int(b[0]); n < 256/len(appAlphabet)*len(appAlphabet) { // no letter more likely than another
			letters = append(letters, appAlphabet[n%len(appAlphabet)])
		}
	}
	return string(letters)
}

// grouped writes the letters as they are shown.
func grouped(letters string) string {
	return strings.Join([]string{letters[0:4], letters[4:8], letters[8:12], letters[12:16]}, "-")
}

// hashApp returns the stored form: $sha256$SALT$SHA-256(salt, letters).
func hashApp(letters string) string {
	var salt [saltSize]byte
	rand.Read(salt[:])
	sum := sha256.Sum256(append(salt[:], letters...))
	b64 := base64.RawStdEncoding.EncodeToString
	return appPrefix + b64(salt[:]) + "$" + b64(sum[:])
}

// matchApp returns the app password of acct that was typed, nil if none. It
// is forgiving about capitals, spaces and hyphens.
func matchApp(acct *store.Account, password string) *store.AppPassword {
	letters := strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(password))
	if len(letters) != appLetters {
		return nil
	}
	for i := range acct.AppPasswords {
		if appMatches(acct.AppPasswords[i].Hash, letters) {
			return &acct.AppPasswords[i]
		}
	}
	return nil
}

func appMatches(stored, letters string) bool {
	rest, ok := strings.CutPrefix(stored, appPrefix)
	if !ok {
		return false
	}
	saltText, sumText, ok := strings.Cut(rest, "$")
	if !ok {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(saltText)
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(sumText)
	if err != nil {
		return false
	}
	got := sha256.Sum256(append(salt, letters...))
	return subtle.ConstantTimeCompare(got[:], want) == 1
}
