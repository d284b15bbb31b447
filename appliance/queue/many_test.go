package queue

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"

	"posthorn/appliance/post"
	"posthorn/store"
)

// world is many domains dN.example, each with a server of its own at
// 127.0.1.N. Those with an odd N accept connections and say nothing.
type world struct {
	port     int
	resolver *net.Resolver
	arrived  atomic.Int64
	held     atomic.Int64 // connections to silent servers
}

func newWorld(t testing.TB) *world {
	w := new(world)
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	w.port = l.Addr().(*net.TCPAddr).Port
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{w}, nil }))
	s.Domain = "dn.example"
	go s.Serve(&halfSilent{l, w})
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(answerWorld)}
	go d.ActivateAndServe()
	t.Cleanup(func() { s.Close(); d.Shutdown() })
	w.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	return w
}

func answerWorld(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	var n int
	if _, err := fmt.Sscanf(q.Question[0].Name, "d%d.example.", &n); err == nil && q.Question[0].Qtype == dns.TypeA {
		rr, err := dns.NewRR(fmt.Sprintf("%s 60 IN A 127.0.1.%d", q.Question[0].Name, n))
		if err == nil {
			m.Answer = append(m.Answer, rr)
		}
	}
	w.WriteMsg(m)
}

// halfSilent keeps connections to odd addresses to itself.
type halfSilent struct {
	net.Listener
	w *world
}

func (l *halfSilent) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.LocalAddr().(*net.TCPAddr).IP.To4()[3]%2 == 0 {
			return c, nil
		}
		l.w.held.Add(1)
		go func() { io.Copy(io.Discard, c); c.Close() }()
	}
}

// counter is a session that only counts.
type counter struct{ w *world }

func (s *counter) Mail(string, *smtp.MailOptions) error { return nil }
func (s *counter) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *counter) Reset()                               {}
func (s *counter) Logout() error                        { return nil }
func (s *counter) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	s.w.arrived.Add(1)
	return err
}

// direct makes a box that delivers to w, and gives it messages, spread over
// domains.
func (w *world) direct(t testing.TB, messages, domains int) *box {
	b := newBox(t, nil, -1)
	b.Relay.Resolver, b.Relay.MXPort = w.resolver, w.port
	err := b.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Sending = store.SendDirect
		return tx.PutSettings(set)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		e := &post.Envelope{From: "alice@mailbox.local", Submitter: &b.alice, Protocol: "ESMTPSA",
			Recipients: []post.Recipient{{Address: fmt.Sprintf("x@d%d.example", i%domains)}}}
		text := "From: alice@mailbox.local\r\nSubject: " + fmt.Sprint(i) + "\r\n\r\n" + strings.Repeat("text ", 200) + "\r\n"
		if _, err := b.Office.Accept(t.Context(), e, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestSilentServers has half of the destinations hang: the others' mail is not
// held up by them.
func TestSilentServers(t *testing.T) {
	w := newWorld(t)
	b := w.direct(t, 400, 40)
	b.Log = nil
	begun := time.Now()
	b.run()
	eventually(t, "mail for those who answer arrives", func() bool { return w.arrived.Load() == 200 })
	t.Logf("200 messages to 20 destinations in %v beside 20 that hang", time.Since(begun))
	if held := w.held.Load(); held == 0 || held > MaxWorkers {
		t.Errorf("%d connections to silent servers", held)
	}
}

// BenchmarkQueue is a message on its way from the queue to another system.
func BenchmarkQueue(b *testing.B) {
	w := newWorld(b)
	box := w.direct(b, b.N, 2) // half of it for a destination that hangs
	box.Log = nil
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	box.run()
	want := int64(b.N+1) / 2
	for w.arrived.Load() < want {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(b.N), "heap-B/msg")
}
