package appliance

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"posthorn/appliance/discovery"
	"posthorn/store"
)

// A new name or address means a new certificate; programs that are connected
// must not notice.
func TestCertificateIsReissuedUnderIdlingClients(t *testing.T) {
	b := runBox(t, "")
	const people, devices = 10, 2
	arrived := make(chan uint32, people*devices)
	var names []string
	for i := range people {
		names = append(names, fmt.Sprintf("person%d", i))
	}
	b.addAccounts(names...)
	for i := range people * devices {
		c := b.imap(names[i%people], &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					arrived <- *d.NumMessages
				}
			},
		}})
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Idle(); err != nil {
			t.Fatal(err)
		}
	}
	shown := func(name string) *tls.ConnectionState {
		config := b.tls()
		config.ServerName = name
		c, err := tls.Dial("tcp", b.Addr("imaps").String(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s := c.ConnectionState()
		return &s
	}
	before := shown("mailbox.local").PeerCertificates[0]
	if err := b.certs.SetNames([]string{"mailbox.local", "mailbox-2.local"}, localAddresses()); err != nil {
		t.Fatal(err)
	}
	if shown("mailbox-2.local").PeerCertificates[0].Equal(before) {
		t.Error("the certificate is the former one")
	}
	for _, name := range names {
		b.send(name+"@mailbox.local", text("after the re-issue", 100))
	}
	for range people * devices {
		if n := wait(t, arrived); n != 1 {
			t.Errorf("IDLE told of %d messages, want 1", n)
		}
	}
}

// The documents and the connect page tell of the ports this box listens on.
func TestSetupDocuments(t *testing.T) {
	b := runBox(t, "")
	port := func(service string) string {
		_, p, err := net.SplitHostPort(b.Addr(service).String())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for path, want := range map[string]string{
		"/mail/config-v1.1.xml":                        "<port>" + port("imaps") + "</port>",
		"/.well-known/autoconfig/mail/config-v1.1.xml": "<port>" + port("submissions") + "</port>",
		"/apple/alice.mobileconfig":                    "<integer>" + port("imaps") + "</integer>",
		"/connect/scanner":                             port("submission"),
		"/connect/thunderbird":                         b.certs.Fingerprint()[:47],
		"/ca.pem":                                      "BEGIN CERTIFICATE",
	} {
		if status, body := b.get(path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %s in %s", path, status, want, body)
		}
	}
	if status, body := b.get("/.well-known/carddav"); status != 404 || strings.Contains(body, "<html") {
		t.Errorf("/.well-known/carddav: %d %s", status, body)
	}
}

// A box that had to take another name answers to it after a restart, and says
// so; one that was given another --hostname starts afresh.
func TestNameWonIsRemembered(t *testing.T) {
	data := shortDir(t)
	// It is made and not run, so nothing goes out.
	open := func(hostname string) *Box {
		t.Helper()
		b, err := New(Config{Data: data, Memory: 512 << 20, Hostname: hostname, Lines: new(Lines)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	b := open("mailbox")
	if err := b.keepWon(discovery.State{Host: "mailbox-2", Instance: "Mail at home (2)", Claimed: false}); err != nil || b.hostname() != "mailbox" {
		t.Errorf("a name that was only tried is %s, %v", b.hostname(), err)
	}
	if err := b.keepWon(discovery.State{Host: "mailbox-2", Instance: "Mail at home (2)", Claimed: true}); err != nil {
		t.Fatal(err)
	}
	if b.Close() != nil {
		t.Fatal("box does not close")
	}
	b = open("mailbox")
	if b.hostname() != "mailbox-2" || b.nameHeld() != "mailbox" || b.office.Name() != "mailbox-2.local" || b.responder.WonInstance != "Mail at home (2)" {
		t.Errorf("after a restart it is %s, held %q, office %s", b.hostname(), b.nameHeld(), b.office.Name())
	}
	if names := strings.Join(b.names(), " "); names != "mailbox.local autoconfig.mailbox.local mailbox-2.local autoconfig.mailbox-2.local" {
		t.Errorf("certificate for %s", names)
	}
	err := b.store.View(func(tx *store.Tx) error {
		text, err := tx.Value(wonNames)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &won{})
	})
	if err != nil {
		t.Error(err)
	}
	if b.Close() != nil {
		t.Fatal("box does not close")
	}
	if b = open("post"); b.hostname() != "post" || b.nameHeld() != "" {
		t.Errorf("with another --hostname it is %s, held %q", b.hostname(), b.nameHeld())
	}
}
