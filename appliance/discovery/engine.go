package discovery

import (
	"hash/maphash"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// ownMemory is how long a packet of ours is recognized when it comes back
	// by loopback, by a second interface on the same network, or by a Wi-Fi
	// repeater.
	ownMemory = 5 * time.Second
	// maxOwn is how many packets are remembered for that.
	maxOwn = 256
)

// packet is what came in on a socket.
type packet struct {
	data  []byte
	from  netip.AddrPort
	index int  // of the interface
	group bool // it was sent to the multicast address
}

// datagram is what goes out. A zero to is the multicast address, in each
// family the link has.
type datagram struct {
	link *Link
	to   netip.AddrPort
	data []byte
}

// engine is the responder without sockets and clock; see the package comment.
// It is used by one goroutine.
type engine struct {
	log      *slog.Logger
	host     name
	instance name
	services []Service

	links map[int]*link
	local map[netip.Addr]bool // all addresses of the machine
	send  func(datagram)
	base  *base // nil: QU questions are all answered here

	// company is true once a second responder was heard on this machine. It
	// names the machine's addresses (reverse PTR records) after itself, and
	// two names for one would have the other rename itself; so we leave that.
	company bool

	seed  maphash.Seed
	heard map[uint64]time.Time // packets sent, see ownMemory

	random       func(n int64) int64 // uniform in [0,n)
	conflicts    []time.Time         // renames of the last conflictWindow
	challenges   []time.Time         // conflicts while holding the name
	lastConflict *Conflict
	trouble      string
	unicasts     budget
}

// link is a network interface in use.
type link struct {
	Link
	set     *recordSet
	claimed bool // the names are ours here and may be answered for

	probes    int       // sent so far
	probeAt   time.Time // next one, or the claim; zero when claimed
	announced int
	announce  time.Time // next announcement; zero when done

	pending map[*record]*pending
	sent    map[string]time.Time // record key: last multicast
	held    []*heldQuery
}

// packet handles one datagram from the network; whatever is wrong with it, it
// is ignored silently, as RFC 6762 section 18 asks.
func (e *engine) packet(now time.Time, p packet) {
	l := e.links[p.index]
	if l == nil || e.isOwn(now, p.data) {
		return
	}
	// A packet not sent to the group must come from this link (section 11).
	if !p.group && !l.onLink(p.from.Addr()) {
		return
	}
	var m dns.Msg
	if m.Unpack(p.data) != nil || m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return
	}
	if !e.company && e.local[p.from.Addr()] && p.from.Port() == mdnsPort && (m.Response || len(m.Ns) > 0) {
		e.log.Info("mdns: another responder runs on this machine and names its addresses", "interface", l.Name)
		e.company = true
		e.renew(now)
	}
	if m.Response {
		e.response(now, l, p, &m)
		return
	}
	e.query(now, l, p, &m)
}

// tick does what has become due.
func (e *engine) tick(now time.Time) {
	for _, l := range e.sorted() {
		e.tickProbe(now, l)
		e.tickAnnounce(now, l)
		e.tickHeld(now, l)
		e.tickPending(now, l)
	}
	e.base.show(e.shown())
}

// next returns when tick has something to do, zero if nothing is planned.
func (e *engine) next() time.Time {
	var next time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, l := range e.links {
		soonest(l.probeAt)
		soonest(l.announce)
		for _, h := range l.held {
			soonest(h.due)
		}
		for _, p := range l.pending {
			soonest(p.due)
		}
	}
	return next
}

// shown is the set QU questions are answered from by the base: that of the
// one link, once its names are claimed.
func (e *engine) shown() *recordSet {
	if len(e.links) != 1 {
		return nil
	}
	for _, l := range e.links {
		if l.claimed {
			return l.set
		}
	}
	return nil
}

// setLinks says which links there are from now on, and all addresses of the
// machine. A new link is probed; one whose addresses changed is announced.
func (e *engine) setLinks(now time.Time, links []Link, local []netip.Addr) {
	e.local = map[netip.Addr]bool{}
	for _, ip := range local {
		e.local[ip] = true
	}
	gone := map[int]bool{}
	for index := range e.links {
		gone[index] = true
	}
	for _, l := range links {
		delete(gone, l.Index)
		old := e.links[l.Index]
		switch {
		case old == nil:
			e.log.Info("mdns: network in use", "interface", l.Name, "addresses", l.published())
			e.addLink(now, l)
		case !old.same(l):
			e.log.Info("mdns: network changed", "interface", l.Name, "addresses", l.published())
			e.changeLink(now, old, l)
		}
	}
	for index := range gone {
		e.log.Info("mdns: network gone", "interface", e.links[index].Name)
		delete(e.links, index)
	}
}

func (e *engine) addLink(now time.Time, l Link) {
	n := &link{Link: l, sent: map[string]time.Time{}}
	e.links[l.Index] = n
	e.rebuild(n)
	// The random wait keeps boxes that got power together apart (section 8.1).
	e.startProbe(n, now.Add(e.between(0, 250*time.Millisecond)))
}

func (e *engine) changeLink(now time.Time, l *link, to Link) {
	old := l.set
	l.Link = to
	e.rebuild(l)
	if !l.claimed {
		return // the next probe shows the new records
	}
	// No new probe: the names are ours already (section 8.4).
	e.retract(now, l, old)
	e.startAnnounce(l, now)
}

// rebuild makes the link's records anew; nothing that waits refers to the old.
func (e *engine) rebuild(l *link) {
	named := l.published()
	if e.company {
		named = nil
	}
	l.set = buildRecords(e.host.String(), e.instance.String(), e.services, l.published(), named)
	l.pending, l.held = map[*record]*pending{}, nil
	keep := map[string]time.Time{}
	for _, r := range l.set.all {
		if t, ok := l.sent[r.key]; ok {
			keep[r.key] = t
		}
	}
	l.sent = keep
}

// renew makes all links' records anew and takes back what they lack now.
func (e *engine) renew(now time.Time) {
	for _, l := range e.sorted() {
		old := l.set
		e.rebuild(l)
		if l.claimed {
			e.retract(now, l, old)
		}
	}
}

// setInstance takes another wanted name for the services.
func (e *engine) setInstance(now time.Time, wanted string) {
	if wanted == "" || wanted == e.instance.base {
		return
	}
	e.instance = name{base: wanted, number: 1, style: instanceStyle}
	e.restart(now, 0)
}

// restart takes back what was announced under names that are given up, and
// probes the present ones on every link after a pause.
func (e *engine) restart(now time.Time, pause time.Duration) {
	for _, l := range e.sorted() {
		old, held := l.set, l.claimed
		e.rebuild(l)
		if held {
			e.retract(now, l, old)
		}
		e.startProbe(l, now.Add(pause))
	}
}

// setTrouble notes why the network cannot be used, or with nil that it can.
// The same trouble is logged once, however often it is met.
func (e *engine) setTrouble(err error) {
	was := e.trouble
	e.trouble = ""
	if err != nil {
		e.trouble = err.Error()
	}
	switch {
	case e.trouble == was:
	case err != nil:
		e.log.Warn("mdns: the box cannot be announced", "err", err)
	default:
		e.log.Info("mdns: the box can be announced again")
	}
}

// between draws a time in [low,high].
func (e *engine) between(low, high time.Duration) time.Duration {
	return low + time.Duration(e.random(int64(high-low)+1))
}

// sorted returns the links by index, so that what is done for all has an order.
func (e *engine) sorted() []*link {
	var out []*link
	for _, l := range e.links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *link) int { return a.Index - b.Index })
	return out
}

// out sends a packet and remembers it as ours if it goes to the group.
func (e *engine) out(now time.Time, d datagram) {
	if !d.to.IsValid() {
		if len(e.heard) >= maxOwn {
			e.forget(now)
		}
		e.heard[e.hash(d.data)] = now
	}
	e.send(d)
}

func (e *engine) isOwn(now time.Time, data []byte) bool {
	t, ok := e.heard[e.hash(data)]
	return ok && now.Sub(t) < ownMemory
}

// forget drops what is old, or everything if nothing is.
func (e *engine) forget(now time.Time) {
	for h, t := range e.heard {
		if now.Sub(t) >= ownMemory {
			delete(e.heard, h)
		}
	}
	if len(e.heard) >= maxOwn {
		clear(e.heard)
	}
}

func (e *engine) hash(data []byte) uint64 {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(e.seed, data)
}
