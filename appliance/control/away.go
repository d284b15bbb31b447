package control

import (
	"context"
	"net/http"

	"posthorn/appliance/post"
	"posthorn/store"
)

// Vacation tells an account's automatic answer; one that was never set is off
// and empty.
func (b *Box) Vacation(name string) (v post.Vacation, err error) {
	a, err := b.account(name)
	if err != nil {
		return v, err
	}
	err = b.Store.View(func(tx *store.Tx) error {
		set, err := post.VacationOf(tx, a.ID)
		if set != nil {
			v = *set
		}
		return err
	})
	return v, err
}

// SetVacation sets an account's automatic answer. Errors: [store.ErrNotFound],
// [post.ErrSetting].
func (b *Box) SetVacation(name string, v post.Vacation) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	err = b.Store.Update(func(tx *store.Tx) error { return post.PutVacation(tx, a.ID, &v) })
	if err == nil {
		b.log().Info("automatic answer set", "account", a.Name, "on", v.On, "from", v.From, "until", v.Until)
	}
	return err
}

// VacationOff switches an account's automatic answer off; its text stays.
func (b *Box) VacationOff(name string) error {
	v, err := b.Vacation(name)
	if err != nil || !v.On {
		return err
	}
	v.On = false
	return b.SetVacation(name, v)
}

// Forward tells where an account's mail is forwarded; no addresses: nowhere.
func (b *Box) Forward(name string) (f post.Forward, err error) {
	a, err := b.account(name)
	if err != nil {
		return f, err
	}
	f = post.Forward{To: []string{}, Keep: true}
	err = b.Store.View(func(tx *store.Tx) error {
		set, err := post.ForwardOf(tx, a.ID)
		if set != nil {
			f = *set
		}
		return err
	})
	return f, err
}

// SetForward sets where an account's mail is forwarded; no addresses: nowhere.
// Errors: [store.ErrNotFound], [post.ErrSetting].
func (b *Box) SetForward(name string, f post.Forward) error {
	a, err := b.account(name)
	if err != nil {
		return err
	}
	set := &f
	if len(f.To) == 0 {
		set = nil
	}
	err = b.Store.Update(func(tx *store.Tx) error { return b.office().PutForward(tx, a.ID, set) })
	if err == nil {
		b.log().Info("forwarding set", "account", a.Name, "to", f.To, "keep", f.Keep)
	}
	return err
}

// awayRoutes are the routes of what happens to an account's mail by itself.
func (b *Box) awayRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /accounts/{name}/vacation", func(r *http.Request) (any, error) { return b.Vacation(r.PathValue("name")) })
	route("PUT /accounts/{name}/vacation", func(r *http.Request) (any, error) {
		v, err := read[post.Vacation](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetVacation(r.PathValue("name"), v)
	})
	route("DELETE /accounts/{name}/vacation", func(r *http.Request) (any, error) {
		return nil, b.VacationOff(r.PathValue("name"))
	})
	route("GET /accounts/{name}/forward", func(r *http.Request) (any, error) { return b.Forward(r.PathValue("name")) })
	route("PUT /accounts/{name}/forward", func(r *http.Request) (any, error) {
		f, err := read[post.Forward](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetForward(r.PathValue("name"), f)
	})
}

// Vacation tells an account's automatic answer.
func (c *Client) Vacation(ctx context.Context, name string) (v post.Vacation, err error) {
	return v, c.call(ctx, "GET", account(name, "vacation"), nil, &v)
}

// SetVacation sets an account's automatic answer.
func (c *Client) SetVacation(ctx context.Context, name string, v post.Vacation) error {
	return c.call(ctx, "PUT", account(name, "vacation"), v, nil)
}

// VacationOff switches an account's automatic answer off.
func (c *Client) VacationOff(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", account(name, "vacation"), nil, nil)
}

// Forward tells where an account's mail is forwarded.
func (c *Client) Forward(ctx context.Context, name string) (f post.Forward, err error) {
	return f, c.call(ctx, "GET", account(name, "forward"), nil, &f)
}

// SetForward sets where an account's mail is forwarded.
func (c *Client) SetForward(ctx context.Context, name string, f post.Forward) error {
	return c.call(ctx, "PUT", account(name, "forward"), f, nil)
}
