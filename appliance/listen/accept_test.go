package listen

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// troubled is a listener whose Accept fails so many times before each
// connection, as one does in a process without free file descriptors.
type troubled struct {
	failures, left int
	done           chan struct{}
}

func (l *troubled) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	if l.left > 0 {
		l.left--
		return nil, errors.New("too many open files")
	}
	l.left = l.failures
	_, server := net.Pipe()
	return server, nil
}

func (l *troubled) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *troubled) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }

// TestAcceptOutlivesTrouble: the pauses grow up to a second, begin anew after a
// connection, and the end of the context cuts one short.
func TestAcceptOutlivesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		served, begun := 0, time.Now()
		time.AfterFunc(11*time.Second, stop)
		err := Accept(ctx, &troubled{failures: 10, done: make(chan struct{})}, "smtp", slog.New(slog.NewTextHandler(&log, nil)), func(c net.Conn) {
			served++
			c.Close()
		})
		if err != nil {
			t.Errorf("ends with %v", err)
		}
		// 5 ms doubled eight times, and two seconds more: 3.275 s for each but the
		// first, which comes without trouble.
		if served != 4 {
			t.Errorf("%d connections were served", served)
		}
		if d := time.Since(begun); d != 11*time.Second {
			t.Errorf("it took %v to end", d)
		}
		if !strings.Contains(log.String(), `service=smtp error="too many open files" pause=1s`) {
			t.Errorf("log is\n%s", &log)
		}
	})
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = Accept(t.Context(), l, "imap", slog.New(slog.DiscardHandler), func(net.Conn) { t.Error("a connection came") })
	if !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "imap listener on 127.0.0.1:") {
		t.Errorf("ends with %v", err)
	}
}
