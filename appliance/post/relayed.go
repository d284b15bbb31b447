package post

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"posthorn/store"
)

// MaxRelayed is how many messages an hour a device may send that is allowed by
// its address: enough for any alarm, too few for a device that was taken over
// to be of use.
const MaxRelayed = 60

// maxMetered bounds the devices that are counted at a time.
const maxMetered = 4096

// meter counts what devices have sent within the present hour.
type meter struct {
	mu    sync.Mutex
	since time.Time
	count map[netip.Addr]int
}

// take counts one message and says whether it is one too many.
func (m *meter) take(from netip.Addr, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := now.Sub(m.since); m.count == nil || age >= time.Hour || age < 0 {
		m.since, m.count = now, make(map[netip.Addr]int)
	}
	if m.count[from] >= MaxRelayed || len(m.count) >= maxMetered {
		return false
	}
	m.count[from]++
	return true
}

// ParseRelay reads an address or network of store.Settings.RelayFrom.
func ParseRelay(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return p, fmt.Errorf("%q is no address like 192.168.1.20 and no network like 192.168.1.0/28", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Bits() == 0 {
		return p, fmt.Errorf("%q is everybody in the world", text)
	}
	return p.Masked(), nil
}

// mayRelay tells whether a client that is not logged in may send to other
// systems: a device the owner has allowed, writing as one of our domains.
func (d *directory) mayRelay(e *Envelope) bool {
	if !allowed(d.settings, e.Remote) {
		return false
	}
	at := strings.LastIndexByte(e.From, '@')
	return at >= 0 && d.isLocal(e.From[at+1:])
}

func allowed(set store.Settings, client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	for _, text := range set.RelayFrom {
		if p, err := ParseRelay(text); err == nil && client.IsValid() && p.Contains(client) {
			return true
		}
	}
	return false
}

// count counts a message of such a device that leaves the box. It returns
// ErrRelayed when it is one too many.
func (o *Office) count(e *Envelope, now time.Time) error {
	if e.Submitter != nil || e.Own {
		return nil
	}
	leaves := false
	err := o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil || len(d.settings.RelayFrom) == 0 {
			return err
		}
		for _, to := range e.Recipients {
			if r, err := d.expand(to.Address); err == nil && len(r.remote) > 0 {
				leaves = true
			}
		}
		return nil
	})
	if err == nil && leaves && !o.relayed.take(e.Remote, now) {
		return fmt.Errorf("%v: %w", e.Remote, ErrRelayed)
	}
	return err
}
