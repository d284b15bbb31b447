package session

import (
	"context"
	"time"

	"posthorn/store"
)

// Person is who is logged in.
type Person struct {
	Account  store.AccountID
	Name     string // login name
	Display  string // what people call them; the login name if they set none
	Owner    bool
	Language string         // BCP 47 tag; "" = what the browser asks for
	TimeZone *time.Location // never nil
}

// visit is what is known of a request.
type visit struct {
	person *Person // nil: nobody is logged in
	secret []byte  // of the tokens; nil until one is needed
	record record  // of the session
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// From returns who is logged in; nil is nobody, which behind a route for
// persons can't be. The context is that of a request which went through
// [Manager.Attach].
func From(ctx context.Context) *Person {
	if v := visitOf(ctx); v != nil {
		return v.person
	}
	return nil
}

func (m *Manager) personOf(a *store.Account, set store.Settings) *Person {
	p := &Person{Account: a.ID, Name: a.Name, Display: a.DisplayName, Owner: a.Owner, Language: a.Language, TimeZone: time.UTC}
	if p.Display == "" {
		p.Display = a.Name
	}
	if p.Language == "" {
		p.Language = set.Language
	}
	for _, name := range []string{a.TimeZone, set.TimeZone} {
		if name == "" {
			continue
		}
		if zone := m.zone(name); zone != nil {
			p.TimeZone = zone
			break
		}
	}
	return p
}

// zone is the time zone of a name, nil for none. They are kept, for every
// request asks and the library looks in several places for each; what is kept
// are names there are, so they are few.
func (m *Manager) zone(name string) *time.Location {
	if zone, ok := m.zones.Load(name); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	m.zones.Store(name, zone)
	return zone
}
