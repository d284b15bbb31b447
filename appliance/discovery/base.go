package discovery

import (
	"log/slog"
	"sync/atomic"

	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"
)

// base runs hashicorp/mdns on the one link in use, where it answers QU
// questions; see the package comment. A nil base answers nothing.
type base struct {
	log    *slog.Logger
	server *mdns.Server
	link   Link // that it runs on
	set    atomic.Pointer[recordSet]
	failed string // why the server did not start; logged once
}

// Records implements mdns.Zone. It is called from the server's goroutines.
func (b *base) Records(q dns.Question) []dns.RR {
	set := b.set.Load()
	if set == nil || q.Qclass&topBit == 0 {
		return nil
	}
	answers := set.answer(q)
	var out []dns.RR
	for _, r := range append(answers, set.additional(answers)...) {
		out = append(out, wire(r))
	}
	return out
}

// answers reports whether the server answers the QU questions of this query:
// it reads what is sent to the group, but no truncated queries. It knows
// nothing of known answers and repeats them, which costs a packet and harms
// nobody.
func (b *base) answers(l *link, p packet, m *dns.Msg) bool {
	return b != nil && b.server != nil && b.set.Load() == l.set && p.group && !m.Truncated &&
		b.link.has(familyOf(p.from.Addr()))
}

// show sets what is answered from; nil is nothing.
func (b *base) show(s *recordSet) {
	if b != nil {
		b.set.Store(s)
	}
}

// fits reports whether the server can stay as it is with these links. It is
// deaf once its interface was replaced, and for a family that had no address
// when it started.
func (b *base) fits(links []Link) bool {
	if len(links) != 1 {
		return b.server == nil
	}
	l := links[0]
	return b.server != nil && b.link.Index == l.Index && b.link.Name == l.Name &&
		b.link.has(ipv4) == l.has(ipv4) && b.link.has(ipv6) == l.has(ipv6)
}

// follow starts the server anew for these links.
func (b *base) follow(links []Link) {
	b.stop()
	if len(links) != 1 {
		return
	}
	l := links[0]
	ifi, err := l.netInterface()
	if err == nil {
		// It complains of each truncated query; those are answered elsewhere.
		logger := slog.NewLogLogger(b.log.Handler(), slog.LevelDebug)
		b.server, err = mdns.NewServer(&mdns.Config{Zone: b, Iface: ifi, Logger: logger})
	}
	if err != nil {
		b.server = nil
		if b.failed != err.Error() {
			b.failed = err.Error()
			b.log.Warn("mdns: hashicorp's server did not start; its questions are answered beside it", "interface", l.Name, "err", err)
		}
		return
	}
	b.link, b.failed = l, ""
}

func (b *base) stop() {
	b.set.Store(nil)
	if b.server == nil {
		return
	}
	if err := b.server.Shutdown(); err != nil {
		b.log.Debug("mdns: stop the unicast answerer", "err", err)
	}
	b.server = nil
}
