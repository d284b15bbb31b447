package control

import (
	"context"
	"net/http"
)

// Reboot has a running box stop and start anew: the program, not the board.
func (b *Box) Reboot() error {
	if b.Restart == nil {
		return errStopped
	}
	b.log().Info("asked to restart")
	b.Restart()
	return nil
}

// Off has a running box stop, so that it may be unplugged. On a card image the
// board shuts down; elsewhere the program ends.
func (b *Box) Off() error {
	if b.SwitchOff == nil {
		return errStopped
	}
	b.log().Info("asked to stop")
	b.SwitchOff()
	return nil
}

// powerRoutes are the routes of stopping.
func (b *Box) powerRoutes(route func(string, func(*http.Request) (any, error))) {
	route("POST /restart", func(*http.Request) (any, error) { return nil, b.Reboot() })
	route("POST /off", func(*http.Request) (any, error) { return nil, b.Off() })
}

// Reboot has a running box stop and start anew.
func (c *Client) Reboot(ctx context.Context) error { return c.call(ctx, "POST", "/restart", nil, nil) }

// Off has a running box stop, so that it may be unplugged.
func (c *Client) Off(ctx context.Context) error { return c.call(ctx, "POST", "/off", nil, nil) }
