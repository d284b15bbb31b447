package appliance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"posthorn/appliance/control"
	"posthorn/store"
)

// testBox is a running box on free ports of the loopback interface.
type testBox struct {
	*Box
	t      *testing.T
	data   string
	client *control.Client
	stop   func() error
}

// runBox starts a box in a directory, "" for a new one, and stops it at the
// end of the test.
func runBox(t *testing.T, data string, change ...func(*Config)) *testBox {
	t.Helper()
	if data == "" {
		data = shortDir(t)
	}
	lines := new(Lines)
	config := Config{Data: data, Bind: "127.0.0.1", Memory: 512 << 20, Version: "test",
		Log: NewLog(io.Discard, false, 0, lines), Lines: lines}
	for _, c := range change {
		c(&config)
	}
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	client, err := control.Open(data, false, b.log)
	if err != nil {
		t.Fatal(err)
	}
	tb := &testBox{Box: b, t: t, data: data, client: client}
	stopped := false
	tb.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		client.Close()
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := tb.stop(); err != nil {
			t.Errorf("box stopped with %v", err)
		}
		if t.Failed() {
			t.Log(strings.Join(lines.Last(), "\n"))
		}
		checkStore(t, data)
	})
	return tb
}

// shortDir makes a directory whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// checkStore verifies the store of a stopped box.
func checkStore(t *testing.T, data string) {
	t.Helper()
	c, err := control.Open(data, false, NewLog(io.Discard, false, 0, nil))
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	r, err := c.Check(context.Background())
	if err != nil || r.Count > 0 {
		t.Errorf("check: %v, %q", err, r.Problems)
	}
}

func (b *testBox) addAccounts(names ...string) {
	b.t.Helper()
	for _, name := range names {
		if err := b.client.AddAccount(b.t.Context(), control.NewAccount{Name: name, Password: password(name)}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func password(name string) string { return "correct horse of " + name }

// tls trusts the box's own authority and nothing else.
func (b *testBox) tls() *tls.Config {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b.certs.CAPEM()) {
		b.t.Fatal("box has no authority")
	}
	return &tls.Config{RootCAs: roots, ServerName: "mailbox.local"}
}

// send delivers a message on port 25.
func (b *testBox) send(to string, body []byte) {
	b.t.Helper()
	c, err := smtp.Dial(b.Addr("smtp").String())
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	if err := transact(c, "scanner@example.com", to, body); err != nil {
		b.t.Fatal(err)
	}
}

// submit sends a message as a person does.
func (b *testBox) submit(from, to string, body []byte) error {
	conn, err := tls.Dial("tcp", b.Addr("submissions").String(), b.tls())
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, "mailbox.local")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Auth(smtp.PlainAuth("", from, password(from), "mailbox.local")); err != nil {
		return err
	}
	return transact(c, from+"@mailbox.local", to, body)
}

func transact(c *smtp.Client, from, to string, body []byte) error {
	if err := errors.Join(c.Mail(from), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return errors.Join(err, w.Close(), c.Quit())
}

func (b *testBox) imap(name string, options *imapclient.Options) *imapclient.Client {
	b.t.Helper()
	if options == nil {
		options = &imapclient.Options{}
	}
	options.TLSConfig = b.tls()
	c, err := imapclient.DialTLS(b.Addr("imaps").String(), options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	if err := c.Login(name, password(name)).Wait(); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// pop3 logs in and returns the connection.
func (b *testBox) pop3(name string) *textproto.Conn {
	b.t.Helper()
	conn, err := tls.Dial("tcp", b.Addr("pop3s").String(), b.tls())
	if err != nil {
		b.t.Fatal(err)
	}
	c := textproto.NewConn(conn)
	b.t.Cleanup(func() { c.Close() })
	b.ok(c, "")
	b.ok(c, "USER "+name)
	b.ok(c, "PASS "+password(name))
	return c
}

// ok sends a POP3 command, unless it is empty, and wants +OK.
func (b *testBox) ok(c *textproto.Conn, command string) string {
	b.t.Helper()
	if command != "" {
		if err := c.PrintfLine("%s", command); err != nil {
			b.t.Fatal(err)
		}
	}
	line, err := c.ReadLine()
	if err != nil || !strings.HasPrefix(line, "+OK") {
		b.t.Fatalf("%.20q answered with %q, %v", command, line, err)
	}
	return line
}

func (b *testBox) get(path string) (int, string) {
	b.t.Helper()
	resp, err := http.Get("http://" + b.Addr("http").String() + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// text makes a message of about so many octets.
func text(subject string, octets int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: scanner@example.com\r\nTo: alice@mailbox.local\r\nSubject: %s\r\nMessage-ID: <%s@example.com>\r\n\r\n", subject, strings.ReplaceAll(subject, " ", "-"))
	for i := 0; b.Len() < octets; i++ {
		fmt.Fprintf(&b, "line %d of %s, with some words in it\r\n", i, subject)
	}
	return b.Bytes()
}

func TestMailGoesInBySMTPAndOutByIMAPAndPOP3(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice", "bob")
	small, large := text("small", 500), text("large", 3<<20)
	b.send("alice@mailbox.local", small)
	b.send("alice@mailbox.local", large)
	own := bytes.Replace(text("hello", 300), []byte("scanner@example.com"), []byte("bob@mailbox.local"), 1)
	if err := b.submit("bob", "alice@mailbox.local", own); err != nil {
		t.Fatal(err)
	}
	if err := b.submit("bob", "alice@mailbox.local", small); err == nil {
		t.Error("bob could send as scanner@example.com")
	}

	c := b.imap("alice", nil)
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if selected.NumMessages != 3 {
		t.Fatalf("INBOX has %d messages, want 3", selected.NumMessages)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetched, err := c.Fetch(imap.SeqSetNum(1, 2, 3), &imap.FetchOptions{Envelope: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	pop := b.pop3("alice")
	for i, want := range []struct {
		subject string
		body    []byte
	}{{"small", small}, {"large", large}, {"hello", own}} {
		if got := fetched[i].Envelope.Subject; got != want.subject {
			t.Errorf("message %d has the subject %q, want %q", i+1, got, want.subject)
		}
		_, tail, _ := bytes.Cut(want.body, []byte("\r\n\r\n"))
		if !bytes.HasSuffix(fetched[i].FindBodySection(section), tail) {
			t.Errorf("message %d is not whole by IMAP", i+1)
		}
		b.ok(pop, fmt.Sprintf("RETR %d", i+1))
		got, err := io.ReadAll(pop.DotReader()) // with LF line ends
		if err != nil || !bytes.HasSuffix(got, bytes.ReplaceAll(tail, []byte("\r\n"), []byte("\n"))) {
			t.Errorf("message %d is not whole by POP3 (%v)", i+1, err)
		}
	}
}

func TestIdleShowsMailAndOtherSessionsChanges(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice")
	arrived := make(chan uint32, 10)
	flagged := make(chan []imap.Flag, 10)
	watching := b.imap("alice", &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				arrived <- *d.NumMessages
			}
		},
		Fetch: func(d *imapclient.FetchMessageData) {
			if m, err := d.Collect(); err == nil {
				flagged <- m.Flags
			}
		},
	}})
	if _, err := watching.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := watching.Idle()
	if err != nil {
		t.Fatal(err)
	}
	b.send("alice@mailbox.local", text("news", 200))
	if n := wait(t, arrived); n != 1 {
		t.Errorf("IDLE told of %d messages, want 1", n)
	}
	other := b.imap("alice", nil)
	if _, err := other.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := other.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if flags := wait(t, flagged); !strings.Contains(fmt.Sprint(flags), "Flagged") {
		t.Errorf("IDLE told of flags %v, want \\Flagged", flags)
	}
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
}

func wait[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 s")
		panic("unreachable")
	}
}

func TestMailOutlivesARestart(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice")
	b.send("alice@mailbox.local", text("kept", 200))
	fingerprint := b.certs.Fingerprint()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = runBox(t, b.data)
	if got := b.certs.Fingerprint(); got != fingerprint {
		t.Error("the box has a new certificate authority after a restart")
	}
	b.send("alice@mailbox.local", text("new", 200))
	c := b.imap("alice", nil)
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil || selected.NumMessages != 2 {
		t.Errorf("INBOX has %+v after a restart (%v), want 2 messages", selected, err)
	}
}

func TestStopTellsTheClients(t *testing.T) {
	b := runBox(t, "")
	goodbyes := map[string]string{"smtp": "421", "imap": "* BYE", "pop3": ""}
	conns := make(map[string]*textproto.Conn)
	for service := range goodbyes {
		c, err := textproto.Dial("tcp", b.Addr(service).String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.ReadLine(); err != nil {
			t.Fatal(err)
		}
		conns[service] = c
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	for service, goodbye := range goodbyes {
		line, err := conns[service].ReadLine()
		if goodbye == "" && err == nil || goodbye != "" && !strings.HasPrefix(line, goodbye) {
			t.Errorf("%s said %q (%v) at the stop, want %q", service, line, err, goodbye)
		}
	}
}

func TestBusyPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	data := filepath.Join(t.TempDir(), "data")
	_, err = New(Config{Data: data, Bind: "127.0.0.1", Ports: Ports{IMAP: port}})
	if err == nil {
		t.Fatal("a box started on a port that is taken")
	}
	for _, want := range []string{fmt.Sprintf("port %d (imap)", port), "taken", "--port-offset"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if _, err := os.Stat(control.StoreDir(data)); err == nil {
		t.Error("the store was opened although a port was taken")
	}
}

func TestSecondBoxOnTheSameDataIsRefused(t *testing.T) {
	b := runBox(t, "")
	if _, err := New(Config{Data: b.data, Bind: "127.0.0.1"}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second box on the same data: %v", err)
	}
	if _, err := b.client.Status(t.Context()); err != nil {
		t.Errorf("the first box lost its control socket: %v", err)
	}
}

func TestVitalPartsFailureEndsTheBox(t *testing.T) {
	b, err := New(Config{Data: shortDir(t), Bind: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(context.Background()) }()
	b.service("smtp").listener.Close()
	if err := wait(t, ended); err == nil || !strings.Contains(err.Error(), "smtp") {
		t.Errorf("box ended with %v, want the name of what failed", err)
	}
	if err := b.store.View(nil); err == nil {
		t.Error("the store is still open")
	}
}

func TestHealthAndMetrics(t *testing.T) {
	b := runBox(t, "")
	b.addAccounts("alice")
	b.send("alice@mailbox.local", text("counted", 200))
	if code, body := b.get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("/healthz answered %d %q", code, body)
	}
	_, body := b.get("/metrics")
	for _, want := range []string{`posthorn_account_messages{account="alice"} 1`, "posthorn_store_full 0", "posthorn_clock_set 1", "go_goroutines"} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if code, body := b.get("/"); code != 200 || !strings.Contains(body, "<html") {
		t.Errorf("a browser gets %d %.50q", code, body)
	}
	if code, _ := b.get("/nothing"); code != 404 {
		t.Errorf("a page there is none of answered %d", code)
	}
	if _, body := b.get("/ca.pem"); body != string(b.certs.CAPEM()) {
		t.Error("/ca.pem is not the authority's certificate")
	}
}

// A box that was made and does not run has ports that are open and mute.
func TestHealthSeesMuteServers(t *testing.T) {
	b, err := New(Config{Data: shortDir(t), Bind: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = b.Health(ctx)
	for _, name := range []string{"smtp", "submission", "imap", "pop3"} {
		if err == nil || !strings.Contains(err.Error(), name+" does not greet") {
			t.Errorf("health is %v, want that %s does not greet", err, name)
		}
	}
	st, err := b.control.Status()
	if err != nil || !strings.Contains(strings.Join(st.Problems, "\n"), "does not greet") {
		t.Errorf("status does not tell: %+v, %v", st, err)
	}
}

// A store that reads and does not write is no mail box.
func TestHealthSeesAStoreThatHangs(t *testing.T) {
	b := runBox(t, "")
	release, hangs := make(chan bool), make(chan bool)
	written := make(chan error, 1)
	go func() {
		written <- b.store.Update(func(*store.Tx) error {
			close(hangs)
			<-release
			return nil
		})
	}()
	<-hangs
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Health(ctx); err == nil || !strings.Contains(err.Error(), "the store does not answer") {
		t.Errorf("health is %v while the store hangs", err)
	}
	close(release)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	b.health.mu.Lock()
	b.health.at = time.Time{} // nobody waits for the answer to grow old
	b.health.mu.Unlock()
	if err := b.Health(t.Context()); err != nil {
		t.Errorf("health is %v when it does no more", err)
	}
}

func TestMetricsAreForHome(t *testing.T) {
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for from, want := range map[string]int{
		"127.0.0.1:5": 200, "192.168.1.9:5": 200, "[::1]:5": 200, "[fe80::1%eth0]:5": 200, "[fd00::5]:5": 200,
		"[::ffff:10.0.0.1]:5": 200, "8.8.8.8:5": 403, "[2001:db8::1]:5": 403, "": 403,
	} {
		w := httptest.NewRecorder()
		homeOnly(inner).ServeHTTP(w, &http.Request{RemoteAddr: from})
		if w.Code != want {
			t.Errorf("/metrics from %q answers %d, want %d", from, w.Code, want)
		}
	}
}

// A command that has the store open when the box starts delays it, no more.
func TestStartWaitsForACommand(t *testing.T) {
	data := shortDir(t)
	s, err := store.Open(store.Options{Dir: control.StoreDir(data)})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { closed <- s.Close() })
	runBox(t, data)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
