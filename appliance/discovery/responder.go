// Package discovery makes the box found on the home network: a multicast DNS
// responder (RFC 6762) that publishes its host name and services (DNS-SD, RFC
// 6763).
//
// # Two responders on one port
//
// github.com/hashicorp/mdns is the base. Its Server answers by unicast only,
// which is what a question with the QU bit asks for (RFC 6762 section 5.4),
// and it asks a Zone for the records. Everything else the two RFCs want is
// done beside it on a second socket of this process: multicast answers,
// legacy answers, probing, conflicts, announcements, goodbyes. The Zone gives
// out records for QU questions alone, so the two never answer the same one. A
// Zone is not told on which interface a question came in; so with more than
// one interface in use it gives out nothing, and the second socket answers QU
// questions too.
//
// # How it is cut
//
// engine holds all state and decides. It is told of packets, of the network
// interfaces and of the time, and hands out packets; it owns no socket and
// reads no clock, so each rule of the RFC is tested with raw packets.
// Responder feeds it from the sockets and from the kernel's notices about
// interfaces, in one goroutine.
//
//	names.go      labels, and the next name after a conflict
//	record.go     which records a link has; lookup, NSEC, additional records
//	query.go      questions: who is answered, where and when
//	pending.go    multicast answers that wait: gathering and rate limit
//	truncated.go  queries whose known answers come in several packets
//	legacy.go     answers to ordinary DNS clients
//	probe.go      claiming names; tie-break between two that probe at once
//	conflict.go   others' responses: conflict, duplicate answers, rescue
//	announce.go   announcements and goodbyes
//	packet.go     packing within the MTU
//	base.go       hashicorp/mdns and its Zone
//	socket.go     the second socket
//	link.go       network interfaces; netlink_linux.go tells of their changes
//
// # Names
//
// The host name is claimed together with autoconfig.<name>, the instance name
// for all services at once. Each is probed on every link before it is used
// there. Whoever loses a name takes the next (mailbox-2, "Mail (2)") on all
// links, and tells the owner of this Responder by OnChange, who remembers it
// for the next start and has certificates and pages follow.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Service is one service to advertise.
type Service struct {
	// Type is the registered name with its transport, such as "_imaps._tcp".
	Type string
	// Port is the TCP port it is served on.
	Port uint16
	// Text are the TXT strings, each at most 255 bytes; none is sent as one
	// empty string (RFC 6763 section 6.1).
	Text []string
}

// Responder announces the box until its Run ends. Its fields are set before
// Run and not changed after.
type Responder struct {
	// Host is the wanted name without ".local": letters, digits and hyphens,
	// at most 63 bytes.
	Host string
	// Instance is the wanted name of the services as people see it, any UTF-8;
	// it is cut at 63 bytes. See SetInstance for a change at run time.
	Instance string
	// WonHost and WonInstance are the names of the last run, from
	// State.Host and State.Instance: they are tried first if they are the
	// wanted ones with a number. Empty at the first start.
	WonHost, WonInstance string
	// Services are advertised under Instance; at most MaxServices.
	Services []Service
	// OnChange is called from Run's goroutine whenever State changes; it must
	// not block. May be nil.
	OnChange func(State)
	// Log gets a line per claim, conflict and change of network; nil discards.
	Log *slog.Logger

	mu       sync.Mutex
	state    State
	instance chan string // SetInstance to Run
}

const (
	// MaxServices is how many services a Responder takes: their probes and
	// announcements stay within a few packets.
	MaxServices = 16

	// retrySockets is the pause before sockets that could not be opened are
	// tried again.
	retrySockets = 5 * time.Second
)

// Run announces the box until ctx ends, says goodbye and returns nil. It
// returns an error at once if the fields cannot be used. A network that is
// absent, comes later or changes is no error: State tells.
func (r *Responder) Run(ctx context.Context) error {
	log := r.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e, err := newEngine(r, log)
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.instance == nil {
		r.instance = make(chan string, 1)
	}
	r.mu.Unlock()
	io := &sockets{log: log, packets: make(chan packet, 64)}
	e.send = io.send
	defer io.close()
	base := &base{log: log}
	e.base = base
	defer base.stop()

	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	changes := watchLinks(watchCtx, log)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var retry time.Time
	look := func(now time.Time) {
		links, local, err := listLinks()
		if err == nil {
			err = r.follow(e, io, base, links)
		}
		retry = time.Time{}
		if err != nil {
			retry = now.Add(retrySockets)
		}
		e.setTrouble(err)
		e.setLinks(now, slices.DeleteFunc(links, func(l Link) bool { return !io.serves(&l) }), local)
	}
	look(time.Now())
	for {
		now := time.Now()
		e.tick(now)
		r.publish(e.state())
		next := e.next()
		if next.IsZero() || (!retry.IsZero() && retry.Before(next)) {
			next = retry
		}
		if next.IsZero() {
			next = now.Add(time.Hour)
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			base.stop() // first, or it re-adds what the goodbye removes
			e.goodbye(time.Now())
			return nil
		case p := <-io.packets:
			e.packet(time.Now(), p)
		case name := <-r.instance:
			e.setInstance(time.Now(), name)
		case <-changes:
			look(time.Now())
		case <-timer.C:
			if t := time.Now(); !retry.IsZero() && !t.Before(retry) {
				look(t)
			}
		}
	}
}

// follow makes sockets and base fit the links. The second socket is opened
// after the base, because a unicast packet to the port reaches only the
// socket bound last.
func (r *Responder) follow(e *engine, io *sockets, base *base, links []Link) error {
	if !base.fits(links) {
		io.close()
		base.follow(links)
	}
	if len(links) == 0 {
		return nil
	}
	if err := io.follow(links); err != nil {
		return fmt.Errorf("listen for multicast DNS: %w", err)
	}
	return nil
}

// SetInstance changes the wanted instance name while Run runs.
func (r *Responder) SetInstance(name string) {
	r.mu.Lock()
	if r.instance == nil {
		r.instance = make(chan string, 1)
	}
	ch := r.instance
	r.mu.Unlock()
	for {
		select {
		case ch <- name:
			return
		default:
		}
		select { // the newest counts
		case <-ch:
		default:
		}
	}
}

// State returns what is announced at this moment.
func (r *Responder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.clone()
}

func (r *Responder) publish(s State) {
	r.mu.Lock()
	same := r.state.equal(s)
	r.state = s
	r.mu.Unlock()
	if !same && r.OnChange != nil {
		r.OnChange(s.clone())
	}
}

// newEngine checks the fields of r.
func newEngine(r *Responder, log *slog.Logger) (*engine, error) {
	if !hostLabel(r.Host) {
		return nil, fmt.Errorf("%q cannot be a host name: use letters, digits and hyphens, at most 63", r.Host)
	}
	if r.Instance == "" {
		return nil, errors.New("the services have no instance name: give the household one")
	}
	if len(r.Services) > MaxServices {
		return nil, fmt.Errorf("%d services to advertise, at most %d can be", len(r.Services), MaxServices)
	}
	for _, s := range r.Services {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	return &engine{
		log:      log,
		host:     resumeName(r.Host, r.WonHost, hostStyle),
		instance: resumeName(r.Instance, r.WonInstance, instanceStyle),
		services: r.Services,
		links:    map[int]*link{},
		heard:    map[uint64]time.Time{},
		random:   rand.Int64N,
	}, nil
}

func (s *Service) check() error {
	name, err := parseServiceType(s.Type)
	if err != nil {
		return err
	}
	if s.Port == 0 {
		return fmt.Errorf("service %s has no port", name)
	}
	for _, text := range s.Text {
		if len(text) > 255 {
			return fmt.Errorf("a TXT string of service %s is longer than 255 bytes", name)
		}
	}
	return nil
}
