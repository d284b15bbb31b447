package control

import (
	"context"
	"fmt"
	"net/http"

	"posthorn/appliance/post"
	"posthorn/store"
)

// maxDevices is how many addresses and networks of devices are kept.
const maxDevices = 200

// Devices lists the addresses and networks whose devices may send to other
// systems without a login, each perhaps followed by the addresses they write as.
func (b *Box) Devices() ([]string, error) {
	list := []string{}
	err := b.Store.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		list = append(list, set.RelayFrom...)
		return err
	})
	return list, err
}

// PutDevices replaces that list.
func (b *Box) PutDevices(list []string) error {
	if len(list) > maxDevices {
		return fmt.Errorf("%w: at most %d addresses and networks are kept", ErrUsage, maxDevices)
	}
	clean := make([]string, len(list))
	for i, text := range list {
		d, err := post.ParseDevice(text)
		if err != nil {
			return fmt.Errorf("%w: %v", ErrUsage, err)
		}
		clean[i] = d.String()
	}
	err := b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.RelayFrom = clean
		return tx.PutSettings(set)
	})
	if err == nil {
		b.log().Info("devices that may send without a login", "from", clean)
	}
	return err
}

// deviceRoutes are the routes of devices that send without a login.
func (b *Box) deviceRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /devices", func(*http.Request) (any, error) { return b.Devices() })
	route("PUT /devices", func(r *http.Request) (any, error) {
		list, err := read[[]string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.PutDevices(list)
	})
}

// Devices lists the addresses and networks whose devices may send to other
// systems without a login.
func (c *Client) Devices(ctx context.Context) (list []string, err error) {
	return list, c.call(ctx, "GET", "/devices", nil, &list)
}

// PutDevices replaces that list.
func (c *Client) PutDevices(ctx context.Context, list []string) error {
	return c.call(ctx, "PUT", "/devices", list, nil)
}
