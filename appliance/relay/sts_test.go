package relay

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthorn/store"
)

// policyServer publishes a policy at https://mta-sts.DOMAIN on a port of its
// own, with the certificate of o.
type policyServer struct {
	port    int
	text    atomic.Value // string
	kind    atomic.Value // string
	fetched atomic.Int64
}

func newPolicyServer(t *testing.T, o *other, text string) *policyServer {
	t.Helper()
	s := new(policyServer)
	s.text.Store(text)
	s.kind.Store("text/plain; charset=utf-8")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	web := &http.Server{TLSConfig: &tls.Config{Certificates: o.tls.Certificates}, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s.fetched.Add(1)
		if q.URL.Path != "/.well-known/mta-sts.txt" || !strings.HasPrefix(q.Host, "mta-sts.sts.example:") {
			t.Errorf("asked for %s at %s", q.URL, q.Host)
		}
		w.Header().Set("Content-Type", s.kind.Load().(string))
		w.Write([]byte(s.text.Load().(string)))
	})}
	go web.ServeTLS(l, "", "")
	t.Cleanup(func() { web.Close() })
	return s
}

// TestPolicy follows a domain through the life of its policy.
func TestPolicy(t *testing.T) {
	const enforce = "version: STSv1\r\nmode: enforce\r\nmx: second.example\r\nmax_age: 86400\r\n"
	o := newOther(t, "STARTTLS")
	pool := o.certify("second.example", "mta-sts.sts.example")
	web := newPolicyServer(t, o, enforce)
	kept, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	zone := newZone(t, zoneFile+`_mta-sts.sts.example. 60 IN TXT "v=STSv1; id=1;"`)
	// relay is a box that was just started.
	relay := func() *Relay {
		r := newRelay()
		r.Resolver, r.MXPort, r.PolicyPort, r.Roots, r.Store = zone.resolver(), int(o.addr.Port()), web.port, pool, kept
		return r
	}
	r := relay()
	open := func(domain string) error {
		c, err := r.Open(t.Context(), Route{Domain: domain}, false)
		if err != nil {
			return err
		}
		defer c.Close()
		if c.host != "second.example" || c.tls == nil {
			t.Errorf("connected to %s", c.describe())
		}
		return nil
	}
	// Of its servers, first.example is not the policy's.
	if err := open("sts.example"); err != nil || web.fetched.Load() != 1 {
		t.Fatalf("policy fetched %d times, %v", web.fetched.Load(), err)
	}
	// The same policy is not fetched again, not even by another run.
	r = relay()
	if err := open("sts.example"); err != nil || web.fetched.Load() != 1 {
		t.Errorf("policy fetched %d times, %v", web.fetched.Load(), err)
	}
	// A certificate for another name, or none at all: nothing is sent.
	good := o.tls
	o.certify("elsewhere.example")
	wants(t, open("sts.example"), "4.7.5", "can't be trusted", false)
	o.answer("STARTTLS", "454 4.7.0 not now")
	wants(t, open("sts.example"), "4.7.0", "not now", false)
	o.answer("STARTTLS", "220 2.0.0 go on")
	o.setTLS(good)
	// Without DNS or web server the policy that is kept counts.
	zone.set(strings.Replace(zoneFile, "sts.example.      60 IN MX 20 second.example.", "", 1))
	wants(t, open("sts.example"), "4.7.5", "none of the servers of sts.example", false)
	zone.set(zoneFile + `_mta-sts.sts.example. 60 IN TXT "v=STSv1; id=2;"`)
	web.kind.Store("text/html")
	if err := open("sts.example"); err != nil || web.fetched.Load() != 2 {
		t.Errorf("policy fetched %d times, %v", web.fetched.Load(), err)
	}
	// One fetch that failed is enough for a while.
	if err := open("sts.example"); err != nil || web.fetched.Load() != 2 {
		t.Errorf("policy fetched %d times, %v", web.fetched.Load(), err)
	}
	// A newer policy replaces it; one in test binds nobody.
	r = relay()
	web.kind.Store("text/plain")
	web.text.Store("version: STSv1\nmode: testing\nmx: *.elsewhere.example\nmax_age: 86400\n")
	if err := open("sts.example"); err != nil || web.fetched.Load() != 3 {
		t.Errorf("policy fetched %d times, %v", web.fetched.Load(), err)
	}
	if p, err := r.keptPolicy("sts.example"); err != nil || p.Mode != "testing" || p.ID != "2" {
		t.Errorf("kept is %+v, %v", p, err)
	}
}

// TestPolicyFromStranger has a web server without the domain's certificate
// publish a policy.
func TestPolicyFromStranger(t *testing.T) {
	o := newOther(t)
	pool := o.certify("elsewhere.example")
	web := newPolicyServer(t, o, "version: STSv1\nmode: enforce\nmx: nobody.example\nmax_age: 86400\n")
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := newRelay()
	r.Resolver = newZone(t, zoneFile+`_mta-sts.sts.example. 60 IN TXT "v=STSv1; id=1;"`).resolver()
	r.MXPort, r.PolicyPort, r.Roots, r.Store = int(o.addr.Port()), web.port, pool, s
	r.Own = func(netip.Addr) bool { return false }
	c, err := r.Open(t.Context(), Route{Domain: "sts.example"}, false)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if web.fetched.Load() != 0 {
		t.Error("a server without the domain's certificate was believed")
	}
}

// TestPoliciesKept fills the record of policies: those that bind stay longest.
func TestPoliciesKept(t *testing.T) {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &Relay{Store: s}
	long := strings.Repeat("x", 60) + ".example"
	for i := range maxPolicies + 20 {
		p := &policy{Domain: strings.Repeat("d", i+1) + ".example", ID: "1", Mode: "none", Hosts: []string{long, long, long}, Until: time.Now().Add(time.Hour)}
		if i%2 == 0 {
			p.Mode = "enforce"
		}
		if err := r.keepPolicy(p); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := r.keptPolicy("d.example"); err != nil || p == nil {
		t.Errorf("a policy that binds was dropped, %v", err)
	}
	if p, err := r.keptPolicy("dd.example"); err != nil || p != nil {
		t.Errorf("a policy that binds nobody stayed, %v", err)
	}
}

func TestPolicyAllows(t *testing.T) {
	p := &policy{Hosts: []string{"mx.example.com", "*.mail.example.com"}}
	for host, want := range map[string]bool{"mx.example.com": true, "a.mail.example.com": true, "a.b.mail.example.com": false,
		"mail.example.com": false, "xmail.example.com": false, "example.com": false, "": false} {
		if p.allows(host) != want {
			t.Errorf("%q: %v, want %v", host, !want, want)
		}
	}
}

func TestPolicyID(t *testing.T) {
	for _, test := range []struct {
		records []string
		want    string
	}{
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{[]string{"v=spf1 -all", "v=STSv1;id=a ;more=x"}, "a"},
		{[]string{"v=STSv1; more=x; id=b"}, "b"},
		{[]string{"v=STSv1; id=a", "v=STSv1; id=a"}, ""},
		{[]string{"v=STSv1; id=no-hyphen"}, ""},
		{[]string{"v=STSv11; id=a"}, ""},
		{nil, ""},
	} {
		if got := readPolicyID(test.records); got != test.want {
			t.Errorf("%q: %q, want %q", test.records, got, test.want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n")
	f.Add("version: STSv1\nmode: none\nmax_age: 99999999999\n")
	f.Add("mode")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Now()
		p, err := readPolicy(text, now)
		if err != nil {
			return
		}
		if len(p.Hosts) > maxPolicyHosts || p.Until.Before(now) || p.Until.Sub(now) > maxPolicyAge || p.binds() && len(p.Hosts) == 0 {
			t.Errorf("%q is read as %+v", text, p)
		}
		p.allows("mx.example.com")
	})
}
