// Package sntp sets the clock of a board that has no battery from a time
// server (RFC 4330; RFC 5905 section 14).
//
// The network is not trusted further than that: time goes forward only, since
// what has happened has happened, and never past Latest. A clock that is ahead
// is slowed down. The kernel is told that its clock is kept, which is how the
// mail box knows (adjtimex(2), STA_UNSYNC); it forgets after some nine hours,
// so it is to be asked again within those.
package sntp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"
)

const (
	// timeout is how long one server may take to answer.
	timeout = 5 * time.Second
	// MaxServers is how many servers are asked at most, one after the other.
	MaxServers = 8
	// stepFrom is the error from which on the clock is set and not slowed down
	// or sped up: at 500 parts in a million half a second takes 17 minutes.
	stepFrom = 500 * time.Millisecond
	// maxError is what the kernel is told of how far off the clock may be.
	maxError = 100 * time.Millisecond
)

// Latest is a time that no board that runs this will see: a server that tells
// a later one is wrong, and believing it could not be undone.
var Latest = time.Date(2060, time.January, 1, 0, 0, 0, 0, time.UTC)

// ErrBehind says that the clock is ahead of the time server's by more than is
// slowed down. It stays as it is.
var ErrBehind = errors.New("the time server is behind this clock, which never goes back")

// Answer is what a server said.
type Answer struct {
	Server string
	Offset time.Duration // what this clock lacks
}

// Query asks the servers in turn, by name or address, and returns the first
// answer that is of use. The error joins what each was found wanting in.
func Query(ctx context.Context, servers []string) (Answer, error) {
	if len(servers) == 0 {
		return Answer{}, errors.New("no time server is known")
	}
	var errs []error
	for _, server := range servers[:min(len(servers), MaxServers)] {
		if ctx.Err() != nil {
			break
		}
		r, err := ntp.QueryWithOptions(hostPort(server), ntp.QueryOptions{Timeout: timeout})
		if err == nil {
			err = r.Validate()
		}
		if err == nil && r.Time.After(Latest) {
			err = fmt.Errorf("it says %s", r.Time.UTC().Format(time.DateTime))
		}
		if err == nil {
			return Answer{server, r.ClockOffset}, nil
		}
		errs = append(errs, fmt.Errorf("time server %s: %w", server, err))
	}
	return Answer{}, errors.Join(append(errs, ctx.Err())...)
}

// hostPort encloses an IPv6 address, whose colons are no port, in brackets.
func hostPort(server string) string {
	if a, err := netip.ParseAddr(server); err == nil && a.Is6() {
		return net.JoinHostPort(server, "123")
	}
	return server
}

// Adjust sets the clock by an answer. It needs the right to (root).
func Adjust(offset time.Duration) error {
	t, err := adjustment(offset)
	if err != nil {
		return err
	}
	if _, err := unix.Adjtimex(&t); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	kept := unix.Timex{Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR, Status: unix.STA_PLL}
	setMicroseconds(&kept.Maxerror, maxError)
	setMicroseconds(&kept.Esterror, maxError)
	if _, err := unix.Adjtimex(&kept); err != nil {
		return fmt.Errorf("tell the kernel that its clock is kept: %w", err)
	}
	return nil
}

// adjustment is what the kernel is asked to do about an offset.
func adjustment(offset time.Duration) (t unix.Timex, err error) {
	switch {
	case offset < -stepFrom:
		return t, fmt.Errorf("%w (by %s)", ErrBehind, -offset)
	case offset > stepFrom:
		t.Modes = unix.ADJ_SETOFFSET
		t.Time = unix.NsecToTimeval(offset.Nanoseconds())
	default:
		t.Modes = unix.ADJ_OFFSET_SINGLESHOT
		setMicroseconds(&t.Offset, offset)
	}
	return t, nil
}

func setMicroseconds[T ~int32 | ~int64](to *T, d time.Duration) { *to = T(d.Microseconds()) }
