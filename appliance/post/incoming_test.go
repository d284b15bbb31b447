package post

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"posthorn/appliance/origin"
	"posthorn/store"
)

// nameServer is a DNS server on loopback with these TXT records.
func nameServer(t testing.TB, records map[string]string) *net.Resolver {
	t.Helper()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: u, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		name := q.Question[0].Name
		text, known := records[strings.ToLower(strings.TrimSuffix(name, "."))]
		if !known {
			m.Rcode = dns.RcodeNameError
		} else if q.Question[0].Qtype == dns.TypeTXT {
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text}}}
		}
		w.WriteMsg(m)
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, u.LocalAddr().String())
	}}
}

// comes has a message come from outside, or from the home network.
func (o *Office) comes(t testing.TB, outside bool, client, from, text string) error {
	t.Helper()
	e := &Envelope{From: from, Remote: netip.MustParseAddr(client), Helo: "mx.example", Protocol: "ESMTP", Outside: outside}
	if err := o.Admit(t.Context(), e); err != nil {
		return err
	}
	r, err := o.Resolve(t.Context(), e, "zoe+bank@example.org")
	if err != nil {
		t.Fatal(err)
	}
	e.Recipients = []Recipient{r}
	_, err = o.Accept(t.Context(), e, strings.NewReader(text))
	return err
}

// last is the newest of zoe's messages: where it is, its keywords, its text.
func (o *Office) last(t testing.TB) (mailbox string, keywords []string, text string) {
	t.Helper()
	var newest store.MessageID
	for _, name := range []string{"INBOX", "Bank", "Junk"} {
		if _, list := o.entries(t, "zoe", name); len(list) > 0 && list[len(list)-1].Message > newest {
			e := list[len(list)-1]
			newest, mailbox, keywords = e.Message, name, e.Keywords
		}
	}
	texts := o.message(t, "zoe", mailbox)
	return mailbox, keywords, texts[len(texts)-1]
}

func TestMailFromOutside(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	o := plainHouse(t, nil)
	o.Origin = &origin.Checker{Resolver: nameServer(t, map[string]string{
		"bank.example":              "v=spf1 ip4:192.0.2.1 -all",
		"_dmarc.bank.example":       "v=DMARC1; p=reject",
		"example.org":               "v=spf1 ip4:203.0.113.1 -all",
		"s._domainkey.example.org":  record,
		"s._domainkey.evil.example": record,
	})}
	sign := func(domain, text string) string {
		var b bytes.Buffer
		err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: private})
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	ours := "From: Alice <alice@example.org>\r\nSubject: x\r\n\r\nbody\r\n"
	for _, c := range []struct {
		name, client, from, text string
		want                     string // the result, or ""
		mailbox                  string
		err                      error
	}{
		{"honest", "192.0.2.1", "a@bank.example", "From: a@bank.example\r\n\r\n", "dmarc=pass (p=reject)", "Bank", nil},
		{"forged", "198.51.100.1", "a@bank.example", "From: a@bank.example\r\n\r\n", "dmarc=fail (p=reject)", "Junk", nil},
		{"unknown", "198.51.100.1", "a@some.example", "From: a@some.example\r\n\r\n", "dmarc=none", "Bank", nil},
		{"our reverse path", "198.51.100.1", "bob@example.org", "From: a@some.example\r\n\r\n", "", "", ErrForged},
		{"our name on the network", "198.51.100.1", "bob@mailbox.local", "From: a@some.example\r\n\r\n", "", "", ErrForged},
		{"another home's", "198.51.100.1", "bob@printer.local", "From: a@some.example\r\n\r\n", "", "", ErrForged},
		{"our author", "198.51.100.1", "a@some.example", ours, "", "", ErrForged},
		{"our author among others", "198.51.100.1", "a@some.example", "From: a@some.example, Alice <alice@EXAMPLE.org>\r\n\r\n", "", "", ErrForged},
		{"our author in a second field", "198.51.100.1", "a@some.example", "From: a@some.example\r\n" + ours, "", "", ErrForged},
		{"our author in a field nobody should read", "198.51.100.1", "a@some.example", "From: <<alice@example.org\r\n\r\n", "", "", ErrForged},
		{"our author, signed by another", "198.51.100.1", "a@some.example", sign("evil.example", ours), "", "", ErrForged},
		{"our author, signed by a key that is not there", "198.51.100.1", "a@some.example", strings.Replace(sign("example.org", ours), " s=s;", " s=t;", 1), "", "", ErrForged},
		{"our author, sent back by a list", "198.51.100.1", "list@some.example", sign("example.org", ours), "dkim=pass header.d=example.org", "Bank", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := o.comes(t, true, c.client, c.from, "Authentication-Results: mailbox.local; dmarc=pass\r\n"+c.text)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			mailbox, keywords, text := o.last(t)
			if mailbox != c.mailbox || slices.Contains(keywords, Junk) != (mailbox == "Junk") {
				t.Errorf("it is in %s with %q, want %s", mailbox, keywords, c.mailbox)
			}
			if !strings.HasPrefix(text, "Return-Path: <"+c.from+">\r\nAuthentication-Results: mailbox.local;\r\n\tspf=") ||
				strings.Count(text, "Authentication-Results: mailbox.local") != 1 || !strings.Contains(text, c.want) {
				t.Errorf("what is stored is %q, want %s", text, c.want)
			}
		})
	}
}

// Without a DNS that answers mail comes in all the same, and what the house
// sends to itself does not wait.
func TestSilentDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := plainHouse(t, nil)
		o.Origin = &origin.Checker{Resolver: &net.Resolver{PreferGo: true,
			Dial: func(context.Context, string, string) (net.Conn, error) { c, _ := net.Pipe(); return c, nil }}}
		begun := time.Now()
		if err := o.comes(t, true, "192.0.2.1", "a@bank.example", "From: a@bank.example\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 3*origin.LookupTime {
			t.Errorf("it took %v", took)
		}
		if mailbox, _, text := o.last(t); mailbox != "Bank" || !strings.Contains(text, "spf=temperror") || !strings.Contains(text, "dmarc=temperror") {
			t.Errorf("in %s: %q", mailbox, text)
		}
		// A list must not be told that its subscriber is a forger.
		list := "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s; h=From; bh=eA==; b=eA==\r\nFrom: alice@example.org\r\n\r\n"
		if err := o.comes(t, true, "192.0.2.1", "list@some.example", list); !errors.Is(err, ErrUnchecked) {
			t.Errorf("signed by nobody knows whom: %v", err)
		}
		begun = time.Now()
		o.send(t, "bob", "", "zoe@example.org")
		if err := o.comes(t, false, "192.168.1.9", "scanner@example.org", "From: scanner@example.org\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("mail within the house took %v", took)
		}
	})
}

func TestMailFromTheHomeNetwork(t *testing.T) {
	o := plainHouse(t, func(s *store.Settings) {
		s.CatchAll = "alice"
		s.RelayFrom = []string{"192.168.1.20", "192.168.1.21 alice@example.org"}
	})
	for _, c := range []struct {
		client, from, author string
		unproven             bool
	}{
		{"192.168.1.9", "scanner@example.org", "scanner@example.org", false}, // nobody's
		{"192.168.1.9", "", "a@elsewhere.example", false},
		{"192.168.1.9", "scanner@example.org", "Alice <alice@example.org>", true},
		{"192.168.1.9", "alice+x@mailbox.local", "a@elsewhere.example", true},
		{"192.168.1.9", "", "family@example.org", true}, // an alias
		{"192.168.1.9", "", "postmaster@mailbox.local", true},
		{"192.168.1.20", "", "ally@example.org", false}, // an allowed device, not a person's own name
		{"192.168.1.20", "", "alice@example.org", true},
		{"192.168.1.21", "alice@example.org", "ALICE@example.org", false}, // allowed as alice
		{"192.168.1.21", "", "bob@example.org", true},
	} {
		if err := o.comes(t, false, c.client, c.from, "From: "+c.author+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, keywords, text := o.last(t)
		if slices.Contains(keywords, Unproven) != c.unproven || strings.Contains(text, "policy.sender=unproven") != c.unproven ||
			!strings.Contains(text, "auth=none") {
			t.Errorf("%+v: keywords %q, %q", c, keywords, text)
		}
	}
	// Who is logged in is who they say.
	o.send(t, "alice", "", "zoe@example.org")
	if _, keywords, text := o.last(t); len(keywords) != 0 || strings.Contains(text, "Authentication-Results") {
		t.Errorf("of alice: %q %q", keywords, text)
	}
}
