package smtpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"posthorn/appliance/listen"
)

// wire is the connection as go-smtp sees it. It stands above TLS and hands
// over one command line at a time, the octets of a body, and nothing that is
// neither; see the package comment for why. Read and Write are called by one
// goroutine, stop and kill by any.
type wire struct {
	raw    net.Conn
	conn   net.Conn // raw, or TLS over it
	in     *bufio.Reader
	out    []byte // answers not yet sent
	limits Limits
	log    *slog.Logger
	name   string      // the box's, for addresses without a domain
	size   int64       // octets a message may have
	offer  *tls.Config // for STARTTLS; nil when not offered or already done

	mode    mode
	pending []byte // taken from in, on its way to go-smtp
	body    body
	err     error // final: what every later Read returns
	upgrade bool  // STARTTLS was done: go-smtp has to begin anew
	mute    bool  // go-smtp's second greeting is not for the client
	cut     bool  // we hang up, the client may still be sending

	verb  string // of the command being answered
	esmtp bool   // the client said EHLO

	outside   bool      // the client is not on a local network
	future    bool      // FUTURERELEASE is offered
	announced bool      // and was, in the present answer to EHLO
	hold      time.Time // what MAIL said by it

	failures map[string]int
	commands int // since the last accepted message

	mu       sync.Mutex
	waiting  bool // for a command
	stopping bool
}

// mode is what the client is to send next.
type mode uint8

const (
	commandMode mode = iota
	answerMode       // the answer to a challenge of AUTH
	dataMode         // a text that ends with a dot
	chunkMode        // a BDAT chunk
)

// errHungUp and errUpgraded end go-smtp's loop without a further answer, as
// net.ErrClosed does.
var (
	errHungUp   = fmt.Errorf("session ended by the server: %w", net.ErrClosed)
	errUpgraded = fmt.Errorf("session goes on with TLS: %w", net.ErrClosed)
)

func newWire(c net.Conn, limits Limits, log *slog.Logger) *wire {
	return &wire{
		raw: c, conn: c, in: bufio.NewReaderSize(c, inputBuffer),
		limits: limits, log: log, failures: map[string]int{},
	}
}

// Read gives go-smtp the next line or a piece of the body.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.pending) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		inBody := w.mode == dataMode || w.mode == chunkMode
		if err := w.next(); err != nil {
			w.err = err
			if inBody { // go-smtp, or Data, answers with this error
				w.cut, w.err = true, errHungUp
			}
			return 0, err
		}
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

func (w *wire) next() error {
	switch w.mode {
	case dataMode:
		return w.readData()
	case chunkMode:
		return w.readChunk()
	}
	return w.readLine()
}

// Write gathers an answer line of go-smtp. It is sent when the client has to
// answer in turn, so that pipelined commands (RFC 2920) are answered together.
func (w *wire) Write(p []byte) (int, error) {
	if w.mute {
		w.mute = false
		return len(p), nil
	}
	w.out = append(w.out, p...)
	w.announce(p)
	w.observe(p)
	if len(w.out) >= outputBuffer {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// say adds an answer of our own.
func (w *wire) say(line string) { w.Write([]byte(line + "\r\n")) }

// hangUp says a last line; Read returns nothing any more.
func (w *wire) hangUp(line string) error {
	w.cut, w.err = true, errHungUp
	w.say(line)
	return errHungUp
}

func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.raw.SetWriteDeadline(time.Now().Add(w.limits.WriteTimeout))
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

// fill waits for input until the deadline. At least one octet is buffered when
// it returns nil.
func (w *wire) fill(deadline time.Time) error {
	if w.in.Buffered() > 0 {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.raw.SetReadDeadline(deadline)
	_, err := w.in.Peek(1)
	return err
}

// startTLS answers STARTTLS and changes over. What the client sent along with
// the command was sent in the clear, perhaps by somebody in between, and must
// not be taken for part of the protected session (RFC 3207 section 6).
func (w *wire) startTLS() error {
	if w.in.Buffered() > 0 {
		return w.hangUp("554 5.5.1 commands sent along with STARTTLS; wait for its answer")
	}
	w.say("220 2.0.0 ready for TLS")
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.handshake(w.offer); err != nil {
		return errHungUp
	}
	w.upgrade, w.mute = true, true
	return errUpgraded
}

// upgraded tells whether the last conversation ended because TLS began, and
// makes the wire ready for the next one.
func (w *wire) upgraded() bool {
	if !w.upgrade {
		return false
	}
	w.upgrade, w.err = false, nil
	return true
}

func (w *wire) handshake(config *tls.Config) error {
	w.raw.SetDeadline(time.Now().Add(w.limits.HandshakeTimeout))
	c := tls.Server(w.raw, config)
	if err := c.Handshake(); err != nil {
		w.log.Info("TLS handshake failed", "error", err)
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && w.offer == nil {
			io.WriteString(plain.Conn, "554 5.7.0 this port speaks TLS from the start\r\n")
		}
		return err
	}
	w.raw.SetDeadline(time.Time{})
	w.conn, w.offer = c, nil
	w.in.Reset(c)
	return nil
}

// secure returns the state of TLS, if it is on.
func (w *wire) secure() (tls.ConnectionState, bool) {
	c, ok := w.conn.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return c.ConnectionState(), true
}

// remote is the client's address.
func (w *wire) remote() netip.Addr { return listen.Address(w.raw.RemoteAddr()) }

// stop ends the session at its next command, or now if it waits for one.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	if w.waiting {
		w.raw.SetReadDeadline(time.Now())
	}
}

// kill ends the session at once.
func (w *wire) kill() { w.raw.Close() }

// finish sends what is left and closes the connection. After hangUp the
// client's input is read for a moment: closing with input unread makes the
// kernel reset the connection, and the client may lose the last answer.
func (w *wire) finish() {
	w.flush()
	if w.cut {
		if t, ok := w.conn.(*tls.Conn); ok {
			t.CloseWrite()
		}
		w.linger()
	}
	w.conn.Close()
	w.raw.Close()
}

func (w *wire) linger() {
	end := time.Now().Add(lingerTime)
	buf := make([]byte, outputBuffer)
	for read := 0; read < lingerSize && time.Now().Before(end); {
		w.raw.SetReadDeadline(time.Now().Add(lingerSilence))
		n, err := w.raw.Read(buf)
		if err != nil {
			return
		}
		read += n
	}
}

// LocalAddr and RemoteAddr are those of the TCP connection.
func (w *wire) LocalAddr() net.Addr  { return w.raw.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr { return w.raw.RemoteAddr() }

// The deadlines are kept here, by what the client is expected to send;
// go-smtp's own are switched off.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// expired tells a missed deadline from a lost connection.
func expired(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
