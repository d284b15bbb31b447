package control

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"posthorn/store"
)

// Limits of invitations.
const (
	MaxInvitations = 32                 // open at once
	InvitationTime = 7 * 24 * time.Hour // until one is over
)

// ErrNoInvitation says that an invitation was used, taken back or is over.
var ErrNoInvitation = errors.New("there is no such invitation; it may have been used or be over")

// Invitation lets one person make an account of their own.
type Invitation struct {
	ID    string    `json:"id"`
	For   string    `json:"for"`             // what the owner calls the person; shown to owners only
	By    string    `json:"by"`              // name of the owner who made it, as people see it
	Quota int64     `json:"quota,omitempty"` // octets of the account; 0 = no limit
	Ends  time.Time `json:"ends"`

	Hash []byte `json:"hash,omitempty"` // SHA-256 of the secret; told to nobody
}

// invitationsName is the value of the store that keeps them.
const invitationsName = "invitations"

// Invite makes an invitation and returns the secret that goes into its link,
// which is kept nowhere. Errors: [ErrUsage] for a name that can't be shown, or
// with too many invitations open.
func (b *Box) Invite(by, who string, quota int64) (secret string, made Invitation, err error) {
	if !plainText(who, maxHousehold) || quota < 0 {
		return "", made, fmt.Errorf("%w: an invitation is for a name of at most %d characters, with a quota of 0 or more", ErrUsage, maxHousehold)
	}
	var number [24]byte
	rand.Read(number[:])
	hash := sha256.Sum256(number[:])
	made = Invitation{ID: hex.EncodeToString(hash[:6]), For: who, By: by, Quota: quota,
		Ends: time.Now().UTC().Add(InvitationTime).Truncate(time.Second), Hash: hash[:]}
	err = b.changeInvitations(func(list []Invitation) ([]Invitation, error) {
		if len(list) >= MaxInvitations {
			return nil, fmt.Errorf("%w: there are %d open invitations already; take one back first", ErrUsage, MaxInvitations)
		}
		return append(list, made), nil
	})
	if err != nil {
		return "", Invitation{}, err
	}
	b.log().Info("invitation made", "by", by, "for", who)
	return base64.RawURLEncoding.EncodeToString(number[:]), made, nil
}

// Invitations lists the open ones, oldest first.
func (b *Box) Invitations() (list []Invitation, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		list, err = invitations(tx)
		return err
	})
	for i := range list {
		list[i].Hash = nil
	}
	return list, err
}

// RevokeInvitation takes one back, by its ID. Errors: [ErrNoInvitation].
func (b *Box) RevokeInvitation(id string) error {
	return b.changeInvitations(func(list []Invitation) ([]Invitation, error) {
		left := slices.DeleteFunc(slices.Clone(list), func(i Invitation) bool { return i.ID == id })
		if len(left) == len(list) {
			return nil, ErrNoInvitation
		}
		return left, nil
	})
}

// Invitation finds the invitation of a secret. Errors: [ErrNoInvitation].
func (b *Box) Invitation(secret string) (found Invitation, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		list, err := invitations(tx)
		if err != nil {
			return err
		}
		at := invitationAt(list, secret)
		if at < 0 {
			return ErrNoInvitation
		}
		found = list[at]
		found.Hash = nil
		return nil
	})
	return found, err
}

// Join uses an invitation up and makes the account, with the invitation's
// quota. Errors: [ErrNoInvitation] and those of [Box.AddAccount]; the
// invitation is still open then.
func (b *Box) Join(secret string, n NewAccount) (*store.Account, error) {
	invited, err := b.Invitation(secret)
	if err != nil {
		return nil, err
	}
	n.Quota = invited.Quota
	return b.addAccount(n, func(tx *store.Tx) error {
		list, err := invitations(tx)
		if err != nil {
			return err
		}
		if invitationAt(list, secret) < 0 {
			return ErrNoInvitation
		}
		return nil
	}, func(tx *store.Tx) error {
		list, err := invitations(tx)
		if err != nil {
			return err
		}
		at := invitationAt(list, secret)
		return putInvitations(tx, slices.Delete(list, at, at+1))
	})
}

// invitationAt is the place of a secret's invitation; -1 if there is none.
func invitationAt(list []Invitation, secret string) int {
	number, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(secret) > 64 {
		return -1
	}
	hash := sha256.Sum256(number)
	return slices.IndexFunc(list, func(i Invitation) bool { return slices.Equal(i.Hash, hash[:]) })
}

// invitations reads those that are not over.
func invitations(tx *store.Tx) (list []Invitation, err error) {
	text, err := tx.Value(invitationsName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("invitations: %w", err)
	}
	now := time.Now()
	return slices.DeleteFunc(list, func(i Invitation) bool { return now.After(i.Ends) }), nil
}

func putInvitations(tx *store.Tx, list []Invitation) error {
	if len(list) == 0 {
		return tx.DeleteValue(invitationsName)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return tx.PutValue(invitationsName, text)
}

func (b *Box) changeInvitations(fn func([]Invitation) ([]Invitation, error)) error {
	return b.Store.Update(func(tx *store.Tx) error {
		list, err := invitations(tx)
		if err != nil {
			return err
		}
		if list, err = fn(list); err != nil {
			return err
		}
		return putInvitations(tx, list)
	})
}
