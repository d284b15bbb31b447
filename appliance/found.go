package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/discovery"
	"posthorn/appliance/documents"
	"posthorn/appliance/events"
	"posthorn/appliance/web"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// wonNames is the value of the store that keeps the names won on the network,
// so that a box that once was mailbox-2 stays so.
const wonNames = "discovery/names"

// won are those names.
type won struct{ Host, Instance string }

// newResponder makes what announces the box: it starts with the names of last
// time.
func (b *Box) newResponder() *discovery.Responder {
	last := b.lastNames()
	if last.Host != b.config.Hostname && !strings.HasPrefix(last.Host, b.config.Hostname+"-") {
		last.Host = "" // the board was given another name since
	}
	b.announced.Store(&last.Host)
	return &discovery.Responder{
		Host: b.config.Hostname, Instance: b.instance(), WonHost: last.Host, WonInstance: last.Instance,
		Services: b.advertised(), Log: b.log,
		OnChange: func(discovery.State) { notify(b.renamed) },
	}
}

func notify(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default: // one waits already, and says the same
	}
}

// lastNames reads the names won last time; without them there are none.
func (b *Box) lastNames() (last won) {
	err := b.store.View(func(tx *store.Tx) error {
		text, err := tx.Value(wonNames)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &last)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		b.log.Warn("names of the last run can't be read", "error", err)
	}
	return last
}

// mute tells whether the box is not to be announced: it was told so, or nobody
// could reach it.
func (b *Box) mute() bool {
	addr, err := netip.ParseAddr(b.config.Bind)
	return b.config.NoMDNS || err == nil && addr.IsLoopback()
}

// announce runs the responder and follows what becomes of its names.
func (b *Box) announce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.responder.Run(ctx) }()
	watcher := b.hub.Watch(events.Settings)
	defer watcher.Close()
	for {
		select {
		case err := <-ended:
			return err
		case <-watcher.C():
			b.responder.SetInstance(b.instance())
		case <-b.renamed:
			if err := b.keepWon(b.responder.State()); err != nil {
				b.log.Error("names on the network not kept", "error", err)
			}
			notify(b.moved)
		}
	}
}

// keepWon remembers names that were won. A name that is only tried is not.
func (b *Box) keepWon(s discovery.State) error {
	if !s.Claimed {
		return nil
	}
	now := won{s.Host, s.Instance}
	if b.lastNames() == now {
		return nil
	}
	b.announced.Store(&now.Host)
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return b.store.Update(func(tx *store.Tx) error { return tx.PutValue(wonNames, text) })
}

// hostname is the name of the box on the network without ".local": the one
// that was won, or the wanted one if the box is not announced.
func (b *Box) hostname() string {
	if name := b.announced.Load(); name != nil && *name != "" && !b.mute() {
		return *name
	}
	return b.config.Hostname
}

// household is the name of the household, or "".
func (b *Box) household() string {
	var set store.Settings
	err := b.store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	if err != nil {
		b.log.Error("settings can't be read", "error", err)
	}
	return set.Household
}

// instance is what the services are called in lists of what a network offers.
func (b *Box) instance() string {
	if h := b.household(); h != "" {
		return "Mail for " + h
	}
	return "Mail at home"
}

// port is the port a service listens on.
func (b *Box) port(service string) int {
	if a, ok := b.Addr(service).(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// advertised are the services as DNS-SD tells of them (RFC 6763, RFC 6186, RFC
// 8314).
func (b *Box) advertised() []discovery.Service {
	var list []discovery.Service
	for _, s := range []struct{ kind, service, text string }{
		{"_imaps._tcp", "imaps", "tls=implicit"},
		{"_submissions._tcp", "submissions", "tls=implicit"},
		{"_pop3s._tcp", "pop3s", "tls=implicit"},
		{"_imap._tcp", "imap", "tls=starttls"},
		{"_submission._tcp", "submission", "tls=starttls"},
		{"_http._tcp", "http", "path=/"},
	} {
		list = append(list, discovery.Service{Type: s.kind, Port: uint16(b.port(s.service)), Text: []string{"txtvers=1", s.text}})
	}
	return list
}

// nameHeld is the wanted name if another device holds it.
func (b *Box) nameHeld() string {
	if b.hostname() != b.config.Hostname {
		return b.config.Hostname
	}
	return ""
}

// formerly are the names the box has addresses under besides its present one.
func (b *Box) formerly() []string {
	if held := b.nameHeld(); held != "" {
		return []string{held}
	}
	return nil
}

// serveSetup puts the documents that mail programs look for in front of the
// pages, and the pages behind everything else.
func (b *Box) serveSetup(mux *http.ServeMux) (http.Handler, error) {
	ports := documents.Ports{IMAP: b.port("imap"), IMAPS: b.port("imaps"), POP3: b.port("pop3"), POP3S: b.port("pop3s"),
		Submission: b.port("submission"), Submissions: b.port("submissions"), HTTP: b.port("http"), HTTPS: b.port("https")}
	host := func() string { return b.hostname() + ".local" }
	facts := page.Facts{Host: host, Domain: b.domain, Household: b.household, Addresses: b.reachable,
		Fingerprint: b.certs.Fingerprint, NameHeld: b.nameHeld, Ports: ports}
	site := &web.Server{Facts: facts, Store: b.store, Keeper: b.keeper, Control: b.control, Hub: b.hub, Code: b.code, Names: b.names, ClockSet: b.clock.Set, Log: b.log}
	pages, err := site.Handler()
	if err != nil {
		return nil, err
	}
	mux.Handle("/", pages)
	docs := &documents.Server{Host: host, Domains: b.mailDomains, Household: b.household,
		CADER: b.certs.CADER, CAPEM: b.certs.CAPEM, Ports: ports}
	// The documents are asked for under names that are not the box's; what else
	// mux has is not for other sites either.
	return docs.Handler(site.OwnNames(mux)), nil
}

// mailDomains are the domains of addresses, the main one first.
func (b *Box) mailDomains() []string {
	main := b.domain()
	list := []string{main}
	for _, d := range b.domains() {
		if !strings.EqualFold(d, main) {
			list = append(list, d)
		}
	}
	return list
}

// reachable are the addresses a neighbour can type.
func (b *Box) reachable() []netip.Addr {
	var list []netip.Addr
	for _, a := range localAddresses() {
		if !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			list = append(list, a)
		}
	}
	return list
}

// describeNetwork tells how the box is found.
func (b *Box) describeNetwork(st *control.Status) {
	if b.mute() {
		return
	}
	s := b.responder.State()
	a := &control.Announced{Name: b.hostname() + ".local", Claimed: s.Claimed, Services: s.Instance}
	for _, l := range s.Links {
		for _, ip := range l.Addresses {
			a.Addresses = append(a.Addresses, ip.String()+" ("+l.Name+")")
		}
	}
	for _, svc := range s.Services {
		a.Types = append(a.Types, fmt.Sprintf("%s:%d", svc.Type, svc.Port))
	}
	st.Announced = a
	if held := b.nameHeld(); held != "" {
		by := "another device held"
		if c := s.Conflict; c != nil && c.Name == held {
			by = "the device at " + c.Holder.String() + " holds"
		}
		st.Trouble("name", fmt.Sprintf("%s the name %s.local; this box is %s", by, held, a.Name), held+".local", a.Name)
	}
	if s.Trouble != "" {
		st.Trouble("announcement", "the box is not announced: "+s.Trouble, s.Trouble)
	}
}
