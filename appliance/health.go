package appliance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"posthorn/store"
)

const (
	// probeTime is how long a server may take to greet.
	probeTime = 3 * time.Second
	// storeTime is how long the store may take to answer: a card that collects
	// garbage keeps its writers waiting for a second or two.
	storeTime = 5 * time.Second
	// healthTime is how long an answer stands, so that nobody can keep the
	// box busy by asking.
	healthTime = 5 * time.Second
)

// health remembers the last look.
type health struct {
	mu   sync.Mutex
	at   time.Time
	err  error
	look sync.Mutex // one look at a time; guards store
	// store is where a look at the store that has not ended will tell.
	store chan error
}

// last is what the last look found.
func (h *health) last() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Health tells whether the store answers and every mail server greets a
// client.
func (b *Box) Health(ctx context.Context) error {
	h := &b.health
	h.look.Lock()
	defer h.look.Unlock()
	h.mu.Lock()
	at, err := h.at, h.err
	h.mu.Unlock()
	if !at.IsZero() && time.Since(at) < healthTime {
		return err
	}
	answers := make(chan error)
	greeting := []string{"smtp", "submission", "imap", "pop3"}
	for _, name := range greeting {
		go func() { answers <- b.service(name).probe(ctx) }()
	}
	err = b.askStore(ctx)
	for range greeting {
		err = errors.Join(err, <-answers)
	}
	h.mu.Lock()
	h.at, h.err = time.Now(), err
	h.mu.Unlock()
	return err
}

// askStore reads from the store in the place of a writer: it waits behind those
// that write, so that it does not answer either if a card has hung up on them.
// Nothing is written. The caller holds look.
func (b *Box) askStore(ctx context.Context) error {
	h := &b.health
	if h.store == nil {
		answer := make(chan error, 1)
		h.store = answer
		go func() {
			answer <- b.store.Update(func(tx *store.Tx) error {
				_, err := tx.Settings()
				return err
			})
		}()
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	select {
	case err := <-h.store:
		h.store = nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("the store does not answer; the card may be failing, take a backup: %w", ctx.Err())
	}
}

// probe asks a server that greets in the clear for its greeting.
func (s *service) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	to := s.Addr().(*net.TCPAddr)
	if to.IP.IsUnspecified() {
		to = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to.Port}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", s.name, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if _, err := bufio.NewReaderSize(conn, 512).ReadSlice('\n'); err != nil {
		return fmt.Errorf("%s does not greet: %w", s.name, err)
	}
	return nil
}

func (b *Box) serveHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := b.Health(r.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}
