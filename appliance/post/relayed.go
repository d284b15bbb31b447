package post

import (
	"fmt"
	"net/netip"
	"slices"
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

// Device is one of store.Settings.RelayFrom: devices that may send to other
// systems without a login.
type Device struct {
	From    netip.Prefix // their network address
	Senders []string     // the addresses they write as; none: any of the box's domains
}

// String is the device as the settings keep it: the address or network, and
// the senders behind it.
func (d *Device) String() string {
	from := d.From.String()
	if d.From.IsSingleIP() {
		from = d.From.Addr().String()
	}
	return strings.Join(append([]string{from}, d.Senders...), " ")
}

// maxSenders bounds the addresses a device writes as.
const maxSenders = 20

// ParseDevice reads one of store.Settings.RelayFrom.
func ParseDevice(text string) (*Device, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, fmt.Errorf("no address of a device is named")
	}
	p, err := parseRelay(words[0])
	if err != nil {
		return nil, err
	}
	if len(words)-1 > maxSenders {
		return nil, fmt.Errorf("a device writes as %d addresses at most", maxSenders)
	}
	for _, address := range words[1:] {
		if _, _, err := Split(address); err != nil {
			return nil, fmt.Errorf("%q: %w", address, err)
		}
	}
	return &Device{From: p, Senders: words[1:]}, nil
}

func parseRelay(text string) (netip.Prefix, error) {
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
	device := deviceAt(d.settings, e.Remote)
	if device == nil {
		return false
	}
	if len(device.Senders) > 0 {
		return slices.ContainsFunc(device.Senders, func(s string) bool { return strings.EqualFold(s, e.From) })
	}
	at := strings.LastIndexByte(e.From, '@')
	return at >= 0 && d.isLocal(e.From[at+1:])
}

// deviceAt is the allowed device at an address; nil for none.
func deviceAt(set store.Settings, client netip.Addr) *Device {
	client = client.Unmap().WithZone("")
	for _, text := range set.RelayFrom {
		if d, err := ParseDevice(text); err == nil && client.IsValid() && d.From.Contains(client) {
			return d
		}
	}
	return nil
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
		if err != nil || deviceAt(d.settings, e.Remote) == nil {
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
