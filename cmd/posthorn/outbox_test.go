package main

import (
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

func TestSmarthostCommands(t *testing.T) {
	s := newShell(t)
	_, stderr, status := s.try("secret\n", "smarthost set smtp.example.com --security none --user me --password-stdin")
	if status != exitFailed || !strings.Contains(stderr, "a password is not sent without encryption") {
		t.Errorf("a password without encryption: status %d, %q", status, stderr)
	}
	s.do("smarthost set smtp.example.com --user me --password-stdin")
	s.do("smarthost set relay.example.com:587 --sender @work.example")
	out := s.do("smarthost show")
	for _, want := range []string{"smtp.example.com:465", "relay.example.com:587", "starttls", "@work.example", "mail to other systems: smarthost"} {
		if !strings.Contains(out, want) {
			t.Errorf("smarthost show lacks %q:\n%s", want, out)
		}
	}
	if out := s.do("smarthost show --json"); strings.Contains(out, "a good password") || !strings.Contains(out, `"has_password": true`) {
		t.Errorf("smarthost show --json says %s", out)
	}
	// Tokens in the place of a password.
	_, stderr, status = s.try("refresh\n", "smarthost set smtp.example.org --user me --password-stdin --oauth http://token.example --oauth-client box")
	if status != exitFailed || !strings.Contains(stderr, "no https address") {
		t.Errorf("tokens over http: status %d, %q", status, stderr)
	}
	s.do("smarthost set smtp.example.org --user me --password-stdin --sender me@example.org --oauth microsoft --oauth-client box --oauth-secret hidden")
	if out := s.do("smarthost show --json"); strings.Contains(out, "hidden") || strings.Contains(out, "a good password") || !strings.Contains(out, "login.microsoftonline.com") {
		t.Errorf("smarthost show --json says %s", out)
	}
	s.do("smarthost remove smtp.example.org")
	s.do("smarthost remove relay.example.com")
	s.do("smarthost remove smtp.example.com")
	s.fails(exitFailed, "not found", "smarthost remove smtp.example.com")
	if out := s.do("sending"); out != "mail to other systems: none\n" {
		t.Errorf("sending says %q", out)
	}
	s.fails(exitFailed, "there is no smarthost yet", "sending smarthost")
	s.do("sending direct")
}

func TestSmarthostTest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return nil, nil
	}))
	server.Domain = "provider.example"
	go server.Serve(l)
	s := newShell(t)
	s.do("smarthost set " + l.Addr().String() + " --security none")
	if out := s.do("smarthost test"); !strings.Contains(out, " works: 127.0.0.1 at "+l.Addr().String()+", not encrypted") {
		t.Errorf("smarthost test says %q", out)
	}
	server.Close()
	s.fails(exitFailed, "1 of 1 smarthosts can't be used", "smarthost test")
}

func TestOutboxCommands(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin")
	if out := s.do("outbox list"); out != "no mail waits to leave\n" {
		t.Errorf("outbox list says %q", out)
	}
	s.fails(exitFailed, "message 7 does not wait", "outbox cancel 7")
	s.fails(exitUsage, "no number of a message", "outbox show seven")
	s.do("outbox retry all")
}

func TestDomainCommands(t *testing.T) {
	s := newShell(t)
	s.fails(exitFailed, "can't be a mail domain", "domain add nodots")
	s.do("domain add Example.org")
	s.do("domain add first.example --main")
	s.fails(exitFailed, "already exists", "domain add example.org")
	if out := s.do("domain list"); out != "first.example\nexample.org\n" {
		t.Errorf("domain list says %q", out)
	}
	out := s.do("domain show example.org")
	for _, want := range []string{"posthorn._domainkey.example.org. TXT \"v=DKIM1; k=rsa; p=", "_dmarc.example.org. TXT", "v=spf1 mx -all", "example.org. MX 10"} {
		if !strings.Contains(out, want) {
			t.Errorf("domain show lacks %q:\n%s", want, out)
		}
	}
	s.do("domain remove example.org")
	s.fails(exitFailed, "not found", "domain show example.org")
}

func TestDeviceCommands(t *testing.T) {
	s := newShell(t)
	s.do("device allow 192.168.1.20")
	s.do("device allow 10.0.0.9/8")
	s.fails(exitFailed, "everybody in the world", "device allow 0.0.0.0/0")
	s.fails(exitFailed, "no address like", "device allow camera")
	if out := s.do("device list"); out != "192.168.1.20\n10.0.0.0/8\n" {
		t.Errorf("device list says %q", out)
	}
	s.do("device forbid 192.168.1.20")
	s.fails(exitFailed, "not on the list", "device forbid 192.168.1.20")
}

func TestSettingsCommand(t *testing.T) {
	s := newShell(t)
	s.do("account add alice --password-stdin")
	s.do("settings set timezone Pacific/Auckland")
	s.fails(exitFailed, "time zone", "settings set timezone Mars/Olympus")
	if out := s.do("settings"); !strings.Contains(out, "Pacific/Auckland") {
		t.Errorf("settings says %q", out)
	}
}
