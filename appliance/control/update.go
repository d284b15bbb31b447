package control

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"posthorn/appliance/update"
)

// updateLook is how often a client asks how far an update is.
const updateLook = time.Second

// Update tells which system runs and what came of the last update. The error
// is update.ErrNoCard where there is nothing to update.
func (b *Box) Update() (update.State, error) {
	if b.Updater == nil {
		return update.State{}, update.ErrNoCard
	}
	return b.Updater.State()
}

// InstallUpdate puts the update that bundle holds onto the card; Update tells
// meanwhile how far it is. It waits there for TryUpdate. A refusal's text is
// meant for the owner; bundle is read to its end, or for update.MaxSlot octets,
// also then, for many a client looks at the answer only when it has sent all.
func (b *Box) InstallUpdate(ctx context.Context, bundle io.Reader) (update.Manifest, error) {
	if b.Updater == nil {
		return update.Manifest{}, update.ErrNoCard
	}
	m, err := b.Updater.Install(ctx, bundle)
	if err != nil {
		b.log().Warn("update refused", "version", m.Version, "error", err)
		io.Copy(io.Discard, io.LimitReader(bundle, update.MaxSlot))
	} else {
		b.log().Info("update installed", "version", m.Version)
	}
	return m, err
}

// TryUpdate restarts the box into the update that was installed. It stays if
// it proves itself, else the box comes back to what runs now.
func (b *Box) TryUpdate(ctx context.Context) error {
	if b.Updater == nil {
		return update.ErrNoCard
	}
	b.log().Info("restarting for the trial of an update")
	return b.Updater.Try(ctx)
}

func (b *Box) updateRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /update", func(*http.Request) (any, error) { return b.Update() })
	route("POST /update", func(r *http.Request) (any, error) { return b.InstallUpdate(r.Context(), r.Body) })
	route("POST /update/trial", func(r *http.Request) (any, error) { return nil, b.TryUpdate(r.Context()) })
}

// OpenUpdater returns a client for the updates of the box that keeps its data
// in the directory data. It needs no store: a box whose mail can't be opened
// may be one that only an update helps.
func OpenUpdater(data string, log *slog.Logger) (*Client, error) {
	if c, err := openRunning(data); c != nil || err != nil {
		return c, err
	}
	box := &Box{Updater: &update.Updater{Root: "/", Data: data}, Log: log}
	mux := http.NewServeMux()
	box.updateRoutes(routeOn(mux))
	return openPipe(mux, log, func() error { return nil }), nil
}

// Update tells which system runs and what came of the last update.
func (c *Client) Update(ctx context.Context) (s update.State, err error) {
	return s, c.call(ctx, "GET", "/update", nil, &s)
}

// InstallUpdate puts an update onto the card and calls progress, unless it is
// nil, about once a second until that is done.
func (c *Client) InstallUpdate(ctx context.Context, bundle io.Reader, progress func(update.State)) (m update.Manifest, err error) {
	over, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		for progress != nil {
			select {
			case <-over:
				return
			case <-time.After(updateLook):
			}
			if s, err := c.Update(ctx); err == nil && s.Installing && s.Next != "" {
				progress(s)
			}
		}
	}()
	resp, err := c.do(ctx, "POST", "/update", "application/octet-stream", io.NopCloser(bundle))
	close(over)
	<-told
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	return m, decode(resp, &m)
}

// TryUpdate restarts the box into the update that was installed.
func (c *Client) TryUpdate(ctx context.Context) error {
	return c.call(ctx, "POST", "/update/trial", nil, nil)
}
