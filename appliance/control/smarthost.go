package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/relay"
	"posthorn/store"
)

// Smarthost is a provider's mail server. Its password is told to nobody.
type Smarthost struct {
	relay.Smarthost
	HasPassword bool `json:"has_password"`
}

// SmarthostTest is what came of connecting to a smarthost.
type SmarthostTest struct {
	Server string `json:"server"`          // host:port
	Works  string `json:"works,omitempty"` // what was agreed on
	Fails  string `json:"fails,omitempty"` // what went wrong, in words
}

// testTime bounds the test of one smarthost.
const testTime = time.Minute

// Smarthosts lists the household's smarthosts.
func (b *Box) Smarthosts() ([]Smarthost, error) {
	list := []Smarthost{}
	err := b.Store.View(func(tx *store.Tx) error {
		all, err := relay.Smarthosts(tx)
		for _, s := range all {
			told := Smarthost{s, s.Password != ""}
			told.Password = ""
			if s.OAuth != nil {
				o := *s.OAuth
				o.ClientSecret = ""
				told.OAuth = &o
			}
			list = append(list, told)
		}
		return err
	})
	return list, err
}

// PutSmarthost sets a smarthost, in the place of the one with the same name
// and the same senders, and has mail leave through smarthosts.
func (b *Box) PutSmarthost(s relay.Smarthost) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w: %v", ErrUsage, err)
	}
	slices.Sort(s.Senders)
	err := b.Store.Update(func(tx *store.Tx) error {
		all, err := relay.Smarthosts(tx)
		if err != nil {
			return err
		}
		// One without senders takes the place of the one that had everybody.
		all = slices.DeleteFunc(all, func(old relay.Smarthost) bool { return slices.Equal(old.Senders, s.Senders) })
		if err := relay.PutSmarthosts(tx, append(all, s)); err != nil {
			return err
		}
		return setSending(tx, store.SendSmarthost)
	})
	if err == nil {
		b.log().Info("smarthost set", "server", s.Address(), "security", s.Security, "user", s.User)
	}
	return err
}

// RemoveSmarthost removes the smarthosts of that name. With the last of them
// mail does not leave any more. Errors: [store.ErrNotFound].
func (b *Box) RemoveSmarthost(host string) error {
	return b.Store.Update(func(tx *store.Tx) error {
		all, err := relay.Smarthosts(tx)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(all), func(s relay.Smarthost) bool { return strings.EqualFold(s.Host, host) })
		if len(left) == len(all) {
			return fmt.Errorf("smarthost %q: %w; posthorn smarthost show tells those there are", host, store.ErrNotFound)
		}
		if err := relay.PutSmarthosts(tx, left); err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil || len(left) > 0 || set.Sending != store.SendSmarthost {
			return err
		}
		return setSending(tx, store.SendNone)
	})
}

// TestSmarthosts connects to each smarthost as a delivery would, without
// sending anything.
func (b *Box) TestSmarthosts(ctx context.Context) ([]SmarthostTest, error) {
	var all []relay.Smarthost
	err := b.Store.View(func(tx *store.Tx) (err error) {
		all, err = relay.Smarthosts(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := []SmarthostTest{}
	for _, s := range all {
		list = append(list, b.TestSmarthost(ctx, s))
	}
	return list, nil
}

// TestSmarthost connects to a smarthost, which need not be one of the box's, as
// a delivery would, without sending anything.
func (b *Box) TestSmarthost(ctx context.Context, s relay.Smarthost) SmarthostTest {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	r := b.Relay
	if r == nil {
		r = &relay.Relay{Hostname: func() string { return "mailbox.local" }}
	}
	t := SmarthostTest{Server: s.Address()}
	var err error
	if t.Works, err = r.Probe(ctx, relay.Route{Smarthost: &s}); err != nil {
		t.Fails = err.Error()
	}
	return t
}

// Sending tells how mail leaves the box.
func (b *Box) Sending() (way string, err error) {
	err = b.Store.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		way = string(set.Sending)
		return err
	})
	if way == "" {
		way = "none"
	}
	return way, err
}

// SetSending sets how mail leaves the box: smarthost, direct or none.
func (b *Box) SetSending(way string) error {
	to := store.Sending(way)
	switch to {
	case "none":
		to = store.SendNone
	case store.SendSmarthost, store.SendDirect:
	default:
		return fmt.Errorf("%w: mail leaves by smarthost, direct or none, not %q", ErrUsage, way)
	}
	return b.Store.Update(func(tx *store.Tx) error {
		hosts, err := relay.Smarthosts(tx)
		if err != nil {
			return err
		}
		if to == store.SendSmarthost && len(hosts) == 0 {
			return fmt.Errorf("%w: there is no smarthost yet; posthorn smarthost set names one", ErrUsage)
		}
		return setSending(tx, to)
	})
}

func setSending(tx *store.Tx, to store.Sending) error {
	set, err := tx.Settings()
	if err != nil {
		return err
	}
	set.Sending = to
	return tx.PutSettings(set)
}

// sendingRoutes are the routes of ways out.
func (b *Box) sendingRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /smarthosts", func(*http.Request) (any, error) { return b.Smarthosts() })
	route("PUT /smarthosts", func(r *http.Request) (any, error) {
		s, err := read[Smarthost](r)
		if err != nil {
			return nil, err
		}
		return nil, b.PutSmarthost(s.Smarthost)
	})
	route("DELETE /smarthosts/{host}", func(r *http.Request) (any, error) {
		return nil, b.RemoveSmarthost(r.PathValue("host"))
	})
	route("POST /smarthosts/test", func(r *http.Request) (any, error) { return b.TestSmarthosts(r.Context()) })
	route("GET /sending", func(*http.Request) (any, error) { return b.Sending() })
	route("PUT /sending", func(r *http.Request) (any, error) {
		way, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetSending(way)
	})
}
