package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"posthorn/store"
)

// maxOutbox is how many waiting messages are listed.
const maxOutbox = 1000

// Waiting is a message that waits to leave.
type Waiting struct {
	Number     uint64             `json:"number"`
	QueueID    string             `json:"queue_id"` // as the log names it
	Account    string             `json:"account,omitempty"`
	From       string             `json:"from"` // "" is the null sender of notices
	Size       int64              `json:"size"`
	Accepted   time.Time          `json:"accepted,omitzero"`
	NotBefore  time.Time          `json:"not_before,omitzero"`
	Scheduled  bool               `json:"scheduled,omitempty"`
	Due        time.Time          `json:"due,omitzero"`
	Recipients []WaitingRecipient `json:"recipients"`
}

// WaitingRecipient is how far a waiting message has come for one recipient.
type WaitingRecipient struct {
	Address  string    `json:"address"`
	State    string    `json:"state"` // waiting, trying, delivered, failed
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Host     string    `json:"host,omitempty"`
	Answer   string    `json:"answer,omitempty"`
}

// Outbox lists the mail that waits to leave, oldest first, at most maxOutbox.
func (b *Box) Outbox() ([]Waiting, error) {
	list := []Waiting{}
	err := b.Store.View(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, maxOutbox)
		if err != nil {
			return err
		}
		for _, q := range all {
			w := Waiting{Number: uint64(q.ID), QueueID: q.Name, From: q.From, Size: q.Size, Accepted: q.Accepted,
				NotBefore: q.NotBefore, Scheduled: q.Scheduled, Due: q.Due()}
			if q.Account != 0 {
				a, err := tx.Account(q.Account)
				if err != nil {
					return err
				}
				w.Account = a.Name
			}
			for _, r := range q.Recipients {
				w.Recipients = append(w.Recipients, WaitingRecipient{Address: r.Address, State: r.State.String(),
					Attempts: r.Attempts, Next: r.Next, Last: r.Last, Host: r.Host, Answer: r.Answer})
			}
			list = append(list, w)
		}
		return nil
	})
	return list, err
}

// Cancel withdraws a waiting message from those who do not have it yet.
// Errors: [store.ErrNotFound], [store.ErrSending].
func (b *Box) Cancel(number uint64) error {
	err := b.Store.Update(func(tx *store.Tx) error {
		q, err := tx.Queued(store.QueuedID(number))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("message %d: %w; it was withdrawn, or has left already", number, store.ErrNotFound)
		case err != nil:
			return err
		case q.Trying():
			return fmt.Errorf("message %d: %w", number, store.ErrSending)
		}
		return tx.Dequeue(q.ID, 0)
	})
	if err == nil {
		b.log().Info("waiting message withdrawn", "number", number)
	}
	return err
}

// Retry has a waiting message tried at once, or all of them if number is 0.
// One in its undo time, or scheduled, still waits for that.
func (b *Box) Retry(number uint64) error {
	var ids []store.QueuedID
	err := b.Store.View(func(tx *store.Tx) error {
		ids = nil
		if number != 0 {
			ids = []store.QueuedID{store.QueuedID(number)}
			_, err := tx.Queued(ids[0])
			return err
		}
		all, err := tx.AllQueued(0, maxOutbox)
		for _, q := range all {
			ids = append(ids, q.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := b.Store.Update(func(tx *store.Tx) error {
			q, err := tx.Queued(id)
			if err != nil {
				return err
			}
			for i := range q.Recipients {
				q.Recipients[i].Next = time.Time{}
			}
			return tx.PutQueued(q)
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if b.RetryQueue != nil {
		b.RetryQueue()
	}
	return nil
}

// outboxRoutes are the routes of waiting mail.
func (b *Box) outboxRoutes(route func(string, func(*http.Request) (any, error))) {
	numbered := func(do func(uint64) error) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) {
			n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %q is no number of a message", ErrUsage, r.PathValue("number"))
			}
			return nil, do(n)
		}
	}
	route("GET /outbox", func(*http.Request) (any, error) { return b.Outbox() })
	route("DELETE /outbox/{number}", numbered(b.Cancel))
	route("POST /outbox/{number}/retry", numbered(b.Retry))
}

// Outbox lists the mail that waits to leave.
func (c *Client) Outbox(ctx context.Context) (list []Waiting, err error) {
	return list, c.call(ctx, "GET", "/outbox", nil, &list)
}

// Cancel withdraws a waiting message.
func (c *Client) Cancel(ctx context.Context, number uint64) error {
	return c.call(ctx, "DELETE", "/outbox/"+strconv.FormatUint(number, 10), nil, nil)
}

// Retry has a waiting message tried at once, or all of them if number is 0.
func (c *Client) Retry(ctx context.Context, number uint64) error {
	return c.call(ctx, "POST", "/outbox/"+strconv.FormatUint(number, 10)+"/retry", nil, nil)
}

// Smarthosts lists the household's smarthosts, without their passwords.
func (c *Client) Smarthosts(ctx context.Context) (list []Smarthost, err error) {
	return list, c.call(ctx, "GET", "/smarthosts", nil, &list)
}

// PutSmarthost sets a smarthost, and has mail leave through smarthosts.
func (c *Client) PutSmarthost(ctx context.Context, s Smarthost) error {
	return c.call(ctx, "PUT", "/smarthosts", s, nil)
}

// RemoveSmarthost removes the smarthosts of that name.
func (c *Client) RemoveSmarthost(ctx context.Context, host string) error {
	return c.call(ctx, "DELETE", "/smarthosts/"+url.PathEscape(host), nil, nil)
}

// TestSmarthosts connects to the smarthosts and logs in; nothing is sent.
func (c *Client) TestSmarthosts(ctx context.Context) (list []SmarthostTest, err error) {
	return list, c.call(ctx, "POST", "/smarthosts/test", nil, &list)
}

// Sending tells how mail leaves the box.
func (c *Client) Sending(ctx context.Context) (way string, err error) {
	return way, c.call(ctx, "GET", "/sending", nil, &way)
}

// SetSending sets how mail leaves the box: smarthost, direct or none.
func (c *Client) SetSending(ctx context.Context, way string) error {
	return c.call(ctx, "PUT", "/sending", way, nil)
}
