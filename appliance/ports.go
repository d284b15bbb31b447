package appliance

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"context"

	"golang.org/x/sys/unix"
)

// Ports are the TCP ports of a box.
type Ports struct {
	SMTP, Submission, Submissions int
	IMAP, IMAPS                   int
	POP3, POP3S                   int
	HTTP, HTTPS                   int
}

// StandardPorts are the registered port numbers, each moved up by offset.
func StandardPorts(offset int) Ports {
	return Ports{
		SMTP: 25 + offset, Submission: 587 + offset, Submissions: 465 + offset,
		IMAP: 143 + offset, IMAPS: 993 + offset,
		POP3: 110 + offset, POP3S: 995 + offset,
		HTTP: 80 + offset, HTTPS: 443 + offset,
	}
}

// service is one port and what serves it.
type service struct {
	name     string
	port     int
	listener net.Listener
	serve    func(context.Context, net.Listener) error

	open  atomic.Int64 // connections now
	total atomic.Int64 // since the start
}

// Addr is where the service listens.
func (s *service) Addr() net.Addr { return s.listener.Addr() }

// bind binds all ports. Its error names every one that can't be had.
func (b *Box) bind() error {
	p := b.config.Ports
	var errs []error
	for _, s := range []*service{
		{name: "smtp", port: p.SMTP}, {name: "submissions", port: p.Submissions}, {name: "submission", port: p.Submission},
		{name: "imap", port: p.IMAP}, {name: "imaps", port: p.IMAPS},
		{name: "pop3", port: p.POP3}, {name: "pop3s", port: p.POP3S},
		{name: "http", port: p.HTTP}, {name: "https", port: p.HTTPS},
	} {
		l, err := net.Listen("tcp", net.JoinHostPort(b.config.Bind, strconv.Itoa(s.port)))
		if err != nil {
			errs = append(errs, s.explain(err))
			continue
		}
		s.listener = &countingListener{l, s}
		b.services = append(b.services, s)
	}
	return errors.Join(errs...)
}

// explain says what to do about a port that can't be bound.
func (s *service) explain(err error) error {
	var advice string
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "is taken by another program: stop that program, or move all ports with --port-offset"
	case errors.Is(err, syscall.EACCES):
		advice = "may only be opened by root: run as root, or move all ports with --port-offset 2000"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "can't be opened: no network interface has the address given with --bind"
	default:
		advice = "can't be opened"
	}
	return fmt.Errorf("port %d (%s) %s: %w", s.port, s.name, advice, err)
}

// service finds a service by name; asking for one there is none of is a
// mistake in this package.
func (b *Box) service(name string) *service {
	for _, s := range b.services {
		if s.name == name {
			return s
		}
	}
	panic("no service " + name)
}

// Addr is where the service of that name listens: smtp, submission,
// submissions, imap, imaps, pop3, pop3s, http or https.
func (b *Box) Addr(name string) net.Addr { return b.service(name).Addr() }

// countingListener counts a service's connections.
type countingListener struct {
	net.Listener
	s *service
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.s.total.Add(1)
	l.s.open.Add(1)
	return &countedConn{Conn: c, done: sync.OnceFunc(func() { l.s.open.Add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	done func()
}

func (c *countedConn) Close() error {
	c.done()
	return c.Conn.Close()
}

// listenControl binds the control socket, for this user alone. One that lies
// there is left over from a box that was killed: the store's lock, which we
// hold, says that none runs.
func listenControl(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	// The socket is made with the umask's mode; a mode set afterwards would
	// leave a moment in which others could connect.
	old := unix.Umask(0o077)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("control socket: the path %s is too long for one (107 octets); give a shorter --data", path)
	}
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}
