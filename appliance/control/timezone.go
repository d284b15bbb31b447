package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"posthorn/store"
)

// TimeZone tells the household's time zone, by its IANA name: "Tomorrow 08:00"
// is meant in it.
func (b *Box) TimeZone() (name string, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		name = set.TimeZone
		return err
	})
	return zoneName(name), err
}

// zoneName is the name of the zone that a setting stands for.
func zoneName(set string) string { return cmp.Or(set, "UTC") }

// isZone tells whether there is a time zone of that name.
func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}

// SetTimeZone sets it.
func (b *Box) SetTimeZone(name string) error {
	if !isZone(name) {
		return fmt.Errorf("%w: there is no time zone %q; Europe/Berlin is one", ErrUsage, name)
	}
	return b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.TimeZone = name
		return tx.PutSettings(set)
	})
}

func (b *Box) timeZoneRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /timezone", func(*http.Request) (any, error) { return b.TimeZone() })
	route("PUT /timezone", func(r *http.Request) (any, error) {
		name, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetTimeZone(name)
	})
}

// TimeZone tells the household's time zone.
func (c *Client) TimeZone(ctx context.Context) (name string, err error) {
	return name, c.call(ctx, "GET", "/timezone", nil, &name)
}

// SetTimeZone sets the household's time zone by its IANA name.
func (c *Client) SetTimeZone(ctx context.Context, name string) error {
	return c.call(ctx, "PUT", "/timezone", name, nil)
}
