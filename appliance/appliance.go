// Package appliance is the box: it opens the store, binds every port, wires
// the servers together, runs them, and stops them in reverse order.
//
// # Start
//
// [New] first binds every port, so that one that is taken is known and named
// before anything else happens; then it opens the store and the certificates
// and makes the servers. [Box.Run] serves until its context ends.
//
// # Parts
//
// The parts stand in stages, started in this order and stopped in reverse:
//
//	stage     parts                                      if one fails
//	upkeep    certificates, names, clock, expiry         tried again
//	          announcement (mDNS)                        tried again
//	control   the command line's socket                  the box stops
//	queue     mail that waits to leave                   the box stops
//	web       http, https                                the box stops
//	mail      smtp, submission, submissions, imap,       the box stops
//	          imaps, pop3, pop3s
//
// A box without one of its vital parts would look alive and be none; so the
// process ends with the error and what started it (init, a service manager)
// starts it again. Other parts are retried with growing pauses and never hurt
// mail.
//
// To stop, each stage is told, sessions finish their command and say goodbye,
// and what has not ended [StopTime] later is left behind. The store is closed
// last.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"posthorn/appliance/certs"
	"posthorn/appliance/control"
	"posthorn/appliance/diary"
	"posthorn/appliance/discovery"
	"posthorn/appliance/events"
	"posthorn/appliance/imapd"
	"posthorn/appliance/listen"
	"posthorn/appliance/login"
	"posthorn/appliance/origin"
	"posthorn/appliance/panel"
	"posthorn/appliance/pop3d"
	"posthorn/appliance/post"
	"posthorn/appliance/queue"
	"posthorn/appliance/relay"
	"posthorn/appliance/smtpd"
	"posthorn/appliance/update"
	"posthorn/appliance/web/setup"
	"posthorn/hw/detect"
	"posthorn/hw/softpanel"
	"posthorn/store"
)

// What a box and its command line take when they are not told.
const (
	DefaultHostname = "mailbox"
	DefaultData     = "data" // directory
)

// Config is what a box is told at its start: facts of the board. The owner's
// choices are in the store.
type Config struct {
	// Data is the directory that holds everything the box keeps; it is made
	// if absent.
	Data string
	// Bind is the address to listen on; "" is all of them.
	Bind string
	// Ports are the port numbers; 0 takes any free one.
	Ports Ports
	// Hostname is the name that is announced as NAME.local, and the default
	// mail domain; "" is DefaultHostname.
	Hostname string
	// Memory is the board's memory in octets; 0 asks the kernel.
	Memory int64
	// Version is told to those who ask.
	Version string
	// NoMDNS keeps the box from announcing itself on the network.
	NoMDNS bool
	// Hardware is what hangs on the board.
	Hardware Hardware
	// Log gets what happens; nil discards.
	Log *slog.Logger
	// Lines holds the last lines of the log for those who ask; may be nil.
	Lines *Lines
}

// Box is one running mail box.
type Box struct {
	config   Config
	log      *slog.Logger
	started  time.Time
	services []*service
	socket   net.Listener

	clock   *clock
	store   *store.Store
	hub     *events.Hub
	keeper  *login.Keeper
	certs   *certs.Authority
	office  *post.Office
	queue   *queue.Queue
	control *control.Box
	code    *setup.Code // that the first set-up asks for
	health  health
	metrics *metrics
	panel   *panel.Runner
	diary   *diary.Diary

	responder *discovery.Responder
	announced atomic.Pointer[string] // the host name last won; "" for none
	renamed   chan struct{}          // the responder's state changed
	moved     chan struct{}          // names or addresses may have changed
	orders    chan error             // of the owner: restart, stop
	glass     func() softpanel.Glass // of a display made of software; nil without
}

// New binds the ports, opens the store and makes the servers. The error names
// what is in the way and what to do about it. After New the box must be Run,
// which closes it, or closed.
func New(c Config) (_ *Box, err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Hostname == "" {
		c.Hostname = DefaultHostname
	}
	b := &Box{config: c, log: c.Log, started: time.Now(), renamed: make(chan struct{}, 1), moved: make(chan struct{}, 1), orders: make(chan error, 1)}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if err := b.bind(); err != nil {
		return nil, err
	}
	b.clock = openClock(c.Data, c.Log)
	if err := control.SwapStore(c.Data, c.Log); err != nil {
		return nil, err
	}
	b.hub = events.NewHub()
	b.metrics = newMetrics(b)
	b.store, err = openStore(store.Options{Dir: control.StoreDir(c.Data), Memory: BoardMemory(c.Memory),
		Log: c.Log, OnCommit: b.committed})
	if err != nil {
		return nil, err
	}
	if err := recallIdentity(c.Data, b.store); err != nil {
		return nil, err
	}
	b.certs, err = certs.Open(c.Data, certs.Options{Log: c.Log, ClockSet: b.clock.Set})
	if err != nil {
		return nil, fmt.Errorf("open certificates: %w", err)
	}
	if err := keepIdentity(c.Data, b.store); err != nil {
		b.log.Warn("the certificate authority is not in backups", "error", err)
	}
	b.responder = b.newResponder()
	b.code = &setup.Code{Changed: b.tellCode}
	if err := b.wire(); err != nil {
		return nil, err
	}
	b.panel = b.newPanel(detect.Host())
	b.socket, err = listenControl(filepath.Join(c.Data, control.SocketName))
	return b, err
}

// storePatience is how long a starting box waits for a command that has the
// store open: most are over in a moment.
const storePatience = 10 * time.Second

// openStore opens the store, which a command that was asked for before the box
// ran may have open just now.
func openStore(o store.Options) (*store.Store, error) {
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		s, err := store.Open(o)
		if !errors.Is(err, store.ErrInUse) || time.Since(start) > storePatience {
			return s, err
		}
	}
}

// wire makes the servers and gives each port the one that serves it.
func (b *Box) wire() error {
	// Each server has a TLS configuration of its own: net/http adds HTTP/2 to
	// what it is given, and mail programs are no HTTP/2 clients.
	tls := b.certs.Config
	b.office = &post.Office{Store: b.store, Log: b.log, Hostname: b.hostname, Formerly: b.formerly, ClockSet: b.clock.Set,
		Origin: new(origin.Checker)}
	b.queue = &queue.Queue{Store: b.store, Office: b.office, Hub: b.hub, ClockSet: b.clock.Set, Log: b.log,
		Relay: &relay.Relay{Hostname: b.office.Name, Store: b.store, Log: b.log}}
	b.keeper = &login.Keeper{Store: b.store, Log: b.log, Domain: b.domains}
	b.diary = &diary.Diary{Store: b.store, Counters: b.counters, ClockSet: b.clock.Set, Log: b.log}
	b.control = &control.Box{Data: b.config.Data, Certs: b.certs, Restart: b.restart, SwitchOff: b.switchOff,
		Store: b.store, Keeper: b.keeper, Log: b.log, Describe: b.describe, Lines: b.config.Lines.Last, Screen: b.Screen,
		RetryQueue: b.queue.Retry, Office: b.office, Relay: b.queue.Relay,
		Updater: &update.Updater{Root: "/", Data: b.config.Data, Report: func(version string, percent int) { b.panel.Update(version, percent) }}}
	smtp := &smtpd.Server{Office: b.office, Keeper: b.keeper, TLS: tls(), Log: b.log}
	imap := &imapd.Server{Store: b.store, Hub: b.hub, Keeper: b.keeper, Office: b.office, TLS: tls(), Version: b.config.Version, Log: b.log}
	pop3 := &pop3d.Server{Store: b.store, Keeper: b.keeper, TLS: tls(), Version: b.config.Version, Log: b.log,
		Hostname: b.office.Name}
	pages, err := b.pages()
	if err != nil {
		return err
	}
	web := &webServer{handler: pages, tls: tls(), log: b.log,
		limiter: listen.Limiter{Total: maxWebConns, PerAddress: maxWebPerAddr}}
	for name, serve := range map[string]func(context.Context, net.Listener) error{
		"smtp":        smtp.Serve,
		"submission":  smtp.ServeSubmission,
		"submissions": smtp.ServeSubmissions,
		"imap":        imap.Serve,
		"imaps":       imap.ServeTLS,
		"pop3":        pop3.Serve,
		"pop3s":       pop3.ServeTLS,
		"http":        web.serve,
		"https":       web.serveTLS,
	} {
		b.service(name).serve = serve
	}
	return nil
}

// committed is told of each commit of the store.
func (b *Box) committed(c store.Commit) {
	b.metrics.commits.Inc()
	b.hub.Announce(c)
}

// domains are the mail domains of the box.
func (b *Box) domains() []string {
	own := []string{b.config.Hostname + ".local"}
	if name := b.hostname(); name != b.config.Hostname {
		own = append(own, name+".local")
	}
	var set store.Settings
	err := b.store.View(func(tx *store.Tx) (err error) {
		set, err = tx.Settings()
		return err
	})
	if err != nil {
		b.log.Error("settings can't be read", "error", err)
		return own
	}
	return append(own, set.Domains...)
}

// Close closes what New opened. Run does it too.
func (b *Box) Close() error {
	var errs []error
	closeIf := func(c io.Closer) {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, s := range b.services {
		closeIf(s.listener)
	}
	if b.socket != nil {
		closeIf(b.socket)
	}
	if b.control != nil {
		b.control.StopStick() // it reads the store
	}
	if b.store != nil {
		closeIf(b.store)
	}
	if b.clock != nil {
		errs = append(errs, b.clock.save())
	}
	return errors.Join(errs...)
}

// pages is everything the HTTP ports serve. Each further page or document is
// mounted here.
func (b *Box) pages() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", b.serveHealth)
	mux.Handle("GET /screen.png", homeOnly(http.HandlerFunc(b.serveScreen)))
	mux.Handle("GET /metrics", homeOnly(b.metrics.handler()))
	return b.serveSetup(mux)
}
