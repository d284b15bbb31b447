package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// MaxDeleted is how many messages that can be brought back are listed, and
// brought back at once: the newest. They are looked for among the last
// trashDepth that came into Trash, so that a full one costs no more.
const (
	MaxDeleted = 500
	trashDepth = 5000
)

// Deleted is a message that a POP3 program deleted and that lies in Trash until
// its time is over.
type Deleted struct {
	UID     uint32    `json:"uid"` // in Trash
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"` // when it arrived
	Size    int64     `json:"size"`
	Until   time.Time `json:"until"` // when it goes for good
}

// Deleted lists the messages of an account that a POP3 program deleted and that
// can be brought back, newest first.
func (b *Box) Deleted(name string) ([]Deleted, error) {
	a, err := b.account(name)
	if err != nil {
		return nil, err
	}
	list := []Deleted{}
	err = b.Store.View(func(tx *store.Tx) error {
		list = list[:0]
		entries, _, err := expiring(tx, a.ID)
		if err != nil {
			return err
		}
		for _, e := range entries {
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			d := Deleted{UID: e.UID, Date: e.Received, Size: e.Size, Until: e.Expires}
			if info, err := message.Unmarshal(m.Meta); err == nil { // else date and size must do
				d.Subject = info.Envelope.Subject
				if from := info.Envelope.From; len(from) > 0 {
					d.From = from[0].Name
					if d.From == "" {
						d.From = from[0].Mailbox + "@" + from[0].Host
					}
				}
			}
			list = append(list, d)
		}
		return nil
	})
	return list, err
}

// CountDeleted is how many messages [Box.Deleted] lists.
func CountDeleted(tx *store.Tx, account store.AccountID) (int, error) {
	list, _, err := expiring(tx, account)
	return len(list), err
}

// expiring are the entries of an account's Trash that leave it by themselves,
// newest first, and that mailbox.
func expiring(tx *store.Tx, account store.AccountID) (list []store.Entry, trash store.MailboxID, err error) {
	mb, err := tx.MailboxByRole(account, store.RoleTrash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil || mb.Messages == 0 {
		return nil, 0, err
	}
	for e, err := range tx.Entries(mb.ID, max(mb.UIDNext, trashDepth+1)-trashDepth, 0) {
		if err != nil {
			return nil, 0, err
		}
		if !e.Expires.IsZero() {
			list = append(list, e)
		}
	}
	slices.Reverse(list)
	return list[:min(len(list), MaxDeleted)], mb.ID, nil
}

// Rescue moves messages that Deleted lists back into the account's INBOX, all
// of them or none, where they stay. It returns how many; what is gone by now is
// passed over.
func (b *Box) Rescue(name string, uids []uint32) (moved int, err error) {
	if len(uids) > MaxDeleted {
		return 0, fmt.Errorf("%w: at most %d messages are brought back at once", ErrUsage, MaxDeleted)
	}
	a, err := b.account(name)
	if err != nil {
		return 0, err
	}
	err = b.Store.Update(func(tx *store.Tx) error {
		moved = 0
		entries, trash, err := expiring(tx, a.ID)
		if err != nil {
			return err
		}
		inbox, err := tx.MailboxByRole(a.ID, store.RoleInbox)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !slices.Contains(uids, e.UID) {
				continue
			}
			if _, err := tx.Move(trash, e.UID, inbox.ID); err != nil {
				return err
			}
			moved++
		}
		return nil
	})
	if err == nil && moved > 0 {
		b.log().Info("deleted messages brought back", "account", a.Name, "count", moved)
	}
	return moved, err
}

// rescueRoutes are the routes of messages that POP3 programs deleted.
func (b *Box) rescueRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /accounts/{name}/deleted", func(r *http.Request) (any, error) { return b.Deleted(r.PathValue("name")) })
	route("POST /accounts/{name}/rescue", func(r *http.Request) (any, error) {
		uids, err := read[[]uint32](r)
		if err != nil {
			return nil, err
		}
		return b.Rescue(r.PathValue("name"), uids)
	})
}

// Deleted lists the messages that a POP3 program deleted and that can be
// brought back.
func (c *Client) Deleted(ctx context.Context, name string) (list []Deleted, err error) {
	return list, c.call(ctx, "GET", account(name, "deleted"), nil, &list)
}

// Rescue moves them back into the INBOX and tells how many.
func (c *Client) Rescue(ctx context.Context, name string, uids []uint32) (moved int, err error) {
	return moved, c.call(ctx, "POST", account(name, "rescue"), uids, &moved)
}
