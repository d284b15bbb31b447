package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/store"
)

// Sent is a message that an account sent within store.SentAge.
type Sent struct {
	MessageID string    `json:"message_id"`
	At        time.Time `json:"at"`
	Subject   string    `json:"subject,omitempty"` // while anybody on the box has it
	Here      int       `json:"here"`              // mailboxes of the household that it went to
	Elsewhere bool      `json:"elsewhere"`         // it went, or is to go, to other systems too
}

// Sent lists the latest of what an account sent, newest first, at most 100.
func (b *Box) Sent(name string) ([]Sent, error) {
	a, err := b.account(name)
	if err != nil {
		return nil, err
	}
	list := []Sent{}
	err = b.Store.View(func(tx *store.Tx) error {
		all, err := tx.SentBy(a.ID)
		if err != nil {
			return err
		}
		for _, s := range all {
			out := Sent{MessageID: s.MessageID, At: s.At, Here: len(s.Places), Elsewhere: s.Elsewhere}
			if m, err := tx.Message(s.Message); err == nil {
				info, err := message.Unmarshal(m.Meta)
				if err != nil {
					return err
				}
				out.Subject = info.Envelope.Subject
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			list = append(list, out)
		}
		return nil
	})
	return list, err
}

// Withdraw takes back what an account sent under a Message-ID, from those who
// have not seen it. With tell set the account is told by mail, too. Errors:
// [post.ErrNotSent], [post.ErrMoving].
func (b *Box) Withdraw(ctx context.Context, name, messageID string, tell bool) (*post.Withdrawal, error) {
	a, err := b.account(name)
	if err != nil {
		return nil, err
	}
	messageID = strings.Trim(strings.TrimSpace(messageID), "<>")
	subject := ""
	sent, err := b.Sent(name)
	for _, s := range sent {
		if s.MessageID == messageID {
			subject = s.Subject
		}
	}
	if err != nil {
		return nil, err
	}
	w, err := b.office().Withdraw(ctx, a.ID, messageID)
	if err == nil && tell {
		err = b.office().TellWithdrawn(ctx, a.ID, subject, w)
	}
	return w, err
}

// office is the running box's, or one for the store alone.
func (b *Box) office() *post.Office {
	if b.Office != nil {
		return b.Office
	}
	return &post.Office{Store: b.Store, Log: b.Log, Hostname: func() string { return "mailbox" }}
}

// sentRoutes are the routes of what was sent.
func (b *Box) sentRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /accounts/{name}/sent", func(r *http.Request) (any, error) { return b.Sent(r.PathValue("name")) })
	route("POST /accounts/{name}/sent/withdraw", func(r *http.Request) (any, error) {
		id, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return b.Withdraw(r.Context(), r.PathValue("name"), id, true)
	})
}

// Sent lists the latest of what an account sent, newest first.
func (c *Client) Sent(ctx context.Context, name string) (list []Sent, err error) {
	return list, c.call(ctx, "GET", account(name, "sent"), nil, &list)
}

// Withdraw takes back what an account sent, from those who have not seen it,
// and tells it by mail.
func (c *Client) Withdraw(ctx context.Context, name, messageID string) (*post.Withdrawal, error) {
	w := new(post.Withdrawal)
	if err := c.call(ctx, "POST", account(name, "sent", "withdraw"), messageID, w); err != nil {
		return nil, fmt.Errorf("not withdrawn: %w", err)
	}
	return w, nil
}
