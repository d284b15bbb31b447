package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// The pause after a failed Accept doubles from the first to the last.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// Accept calls serve with each connection of l, one after the other, and
// closes l when ctx ends or it returns. It returns nil when ctx has ended, and
// the error of a listener that somebody else has closed. Other errors pass:
// the process is out of file descriptors or memory, and will have some again
// when connections end. They are logged, with service's name.
func Accept(ctx context.Context, l net.Listener, service string, log *slog.Logger, serve func(net.Conn)) error {
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			serve(c)
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("%s listener on %v: %w", service, l.Addr(), err)
		}
		pause = min(max(2*pause, firstPause), lastPause)
		log.Warn("cannot take a connection, trying again", "service", service, "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// Address returns the IP address of a connection's end, invalid if it has none.
func Address(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
