package discovery

import (
	"net/netip"
	"slices"
	"time"
)

// State is what the box announces, for the status page and the screen.
type State struct {
	// Host is the host name in use or being claimed, without ".local".
	Host string
	// Wanted is the host name that was asked for; it differs from Host after
	// a conflict.
	Wanted string
	// Instance is the services' name in use or being claimed.
	Instance string
	// Claimed is true once Host is announced on at least one link.
	Claimed bool
	// Links are the networks the box is announced on, by index.
	Links []LinkState
	// Services are what is advertised.
	Services []Service
	// Conflict tells of the last host that held the wanted host name; nil if
	// none was met in this run.
	Conflict *Conflict
	// Trouble says why the box cannot be announced, in one sentence; empty if
	// it can.
	Trouble string
}

// LinkState is one network interface.
type LinkState struct {
	// Name is the interface's, such as "eth0".
	Name string
	// Addresses are those published there.
	Addresses []netip.Addr
	// Claimed is true once the name is announced there.
	Claimed bool
}

// Conflict is another host that holds a host name.
type Conflict struct {
	// Name is the host name without ".local".
	Name string
	// Holder is the address that answered for it.
	Holder netip.Addr
	// At is when it was met.
	At time.Time
}

func (s State) clone() State {
	s.Links = slices.Clone(s.Links)
	for i := range s.Links {
		s.Links[i].Addresses = slices.Clone(s.Links[i].Addresses)
	}
	s.Services = slices.Clone(s.Services)
	if s.Conflict != nil {
		c := *s.Conflict
		s.Conflict = &c
	}
	return s
}

// equal compares all that can change during a run.
func (s State) equal(o State) bool {
	conflicts := s.Conflict == o.Conflict || s.Conflict != nil && o.Conflict != nil && *s.Conflict == *o.Conflict
	return conflicts && s.Host == o.Host && s.Wanted == o.Wanted && s.Instance == o.Instance &&
		s.Claimed == o.Claimed && s.Trouble == o.Trouble &&
		slices.EqualFunc(s.Links, o.Links, func(a, b LinkState) bool {
			return a.Name == b.Name && a.Claimed == b.Claimed && slices.Equal(a.Addresses, b.Addresses)
		})
}

// state describes the engine.
func (e *engine) state() State {
	s := State{Host: e.host.String(), Wanted: e.host.base, Instance: e.instance.String(),
		Services: slices.Clone(e.services), Conflict: e.lastConflict, Trouble: e.trouble}
	for _, l := range e.sorted() {
		s.Links = append(s.Links, LinkState{Name: l.Name, Addresses: l.published(), Claimed: l.claimed})
		s.Claimed = s.Claimed || l.claimed
	}
	if len(s.Links) == 0 && s.Trouble == "" {
		s.Trouble = "no network: plug in the cable or join a Wi-Fi"
	}
	return s
}
