package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var homeNames = []string{"mailbox.local", "autoconfig.mailbox.local", "mailbox-2.local"}

func homeAddrs() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("192.168.7.20"), netip.MustParseAddr("fd00::20"), netip.MustParseAddr("fe80::1%eth0")}
}

func open(t *testing.T, dir string, opts Options) *Authority {
	t.Helper()
	opts.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	a, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// served asks the configuration for the certificate a client would see.
func served(t *testing.T, a *Authority, name string) *x509.Certificate {
	t.Helper()
	c, err := a.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// verify checks a name or address as a client with the given authorities would.
func verify(cert *x509.Certificate, host string, at time.Time, roots ...[]byte) error {
	pool := x509.NewCertPool()
	for _, der := range roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		pool.AddCert(c)
	}
	_, err := cert.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: at})
	return err
}

func TestNamesAndAddressesVerify(t *testing.T) {
	a := open(t, t.TempDir(), Options{})
	if err := a.SetNames(homeNames, homeAddrs()); err != nil {
		t.Fatal(err)
	}
	for _, host := range append(slices.Clone(homeNames), "localhost", "127.0.0.1", "192.168.7.20", "::1", "fd00::20", "fe80::1") {
		if err := verify(served(t, a, host), host, time.Now(), a.CADER()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"other.local", "example.org", "192.168.7.21"} {
		if err := verify(served(t, a, host), host, time.Now(), a.CADER()); err == nil {
			t.Errorf("%s verified and must not", host)
		}
	}
	cert := served(t, a, "mailbox.local")
	if span := cert.NotAfter.Sub(cert.NotBefore) + time.Second; span > 397*24*time.Hour {
		t.Errorf("leaf spans %v", span)
	}
	root, err := x509.ParseCertificate(a.CADER())
	if err != nil {
		t.Fatal(err)
	}
	if years := root.NotAfter.Year() - time.Now().Year(); years != rootYears {
		t.Errorf("authority lasts %d years", years)
	}
	if !root.PermittedDNSDomainsCritical || !slices.Equal(root.PermittedDNSDomains, homeDomains()) {
		t.Errorf("authority permits %v", root.PermittedDNSDomains)
	}
}

func TestKeyIsPrivateAndKept(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Options{})
	if err := a.SetNames(homeNames, homeAddrs()); err != nil {
		t.Fatal(err)
	}
	first, leaf := a.Fingerprint(), served(t, a, "mailbox.local")
	if len(first) != 95 || strings.Count(first, ":") != 31 {
		t.Errorf("fingerprint %q", first)
	}
	for _, name := range []string{keyFile, homeFile} {
		info, err := os.Stat(filepath.Join(dir, "tls", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	b := open(t, dir, Options{})
	if b.Fingerprint() != first {
		t.Error("the authority changed over a restart")
	}
	if !served(t, b, "mailbox.local").Equal(leaf) {
		t.Error("the leaf changed over a restart")
	}
	if block, _ := pem.Decode(b.CAPEM()); block == nil || !bytes.Equal(block.Bytes, b.CADER()) {
		t.Error("PEM and DER of the authority differ")
	}
}

// What a power cut between two files leaves must start, with the same key.
func TestMissingOrDamagedFiles(t *testing.T) {
	for name, want := range map[string]bool{certFile: true, homeFile: true, keyFile: false} {
		for _, content := range []string{"", "garbage\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
			dir := t.TempDir()
			a := open(t, dir, Options{})
			old := a.ca.key
			path := filepath.Join(dir, "tls", name)
			var err error
			if content == "" {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, []byte(content), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := open(t, dir, Options{})
			if kept := b.ca.key.Equal(old); kept != want {
				t.Errorf("%s %q: key kept %v", name, content, kept)
			}
			if err := verify(served(t, b, "localhost"), "localhost", time.Now(), b.CADER()); err != nil {
				t.Errorf("%s %q: %v", name, content, err)
			}
		}
	}
}

func TestReissueOnChangeOnly(t *testing.T) {
	a := open(t, t.TempDir(), Options{})
	set := func(names []string, ips ...netip.Addr) *x509.Certificate {
		t.Helper()
		if err := a.SetNames(names, ips); err != nil {
			t.Fatal(err)
		}
		return served(t, a, "mailbox.local")
	}
	ip := netip.MustParseAddr("10.0.0.9")
	one := set(homeNames, ip)
	if !set([]string{"Mailbox-2.Local.", "autoconfig.mailbox.local", "mailbox.local"}, ip, ip).Equal(one) {
		t.Error("another order and case of the same names issued a new leaf")
	}
	// A public address cannot be certified under the constraints.
	if !set(homeNames, ip, netip.MustParseAddr("2001:db8::1")).Equal(one) {
		t.Error("a public address changed the leaf")
	}
	if set(homeNames, netip.MustParseAddr("10.0.0.10")).Equal(one) {
		t.Error("a new address did not issue a new leaf")
	}
	if err := a.SetNames([]string{"bad name.local"}, nil); err == nil {
		t.Error("a name with a space was taken")
	}
	if err := a.SetNames(make([]string, MaxNames+1), nil); err == nil {
		t.Error("too many names were taken")
	}
}

// A device that holds the first certificate goes on with the home names when
// the owner adds a domain; one that holds the new one, or both, does all.
func TestDomainWidensTheAuthority(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Options{})
	if err := a.SetNames(homeNames, homeAddrs()); err != nil {
		t.Fatal(err)
	}
	before := a.CADER()
	all := append(slices.Clone(homeNames), "example.org", "mail.example.org")
	if err := a.SetNames(all, homeAddrs()); err != nil {
		t.Fatal(err)
	}
	after := a.CADER()
	if bytes.Equal(before, after) {
		t.Fatal("the authority does not permit the domain")
	}
	for _, tc := range []struct {
		host  string
		roots [][]byte
		want  bool
	}{
		{"mailbox.local", [][]byte{before}, true},
		{"mailbox.local", [][]byte{after}, true},
		{"mail.example.org", [][]byte{before}, false},
		{"mail.example.org", [][]byte{after}, true},
		{"mail.example.org", [][]byte{before, after}, true},
		{"192.168.7.20", [][]byte{before}, true},
	} {
		err := verify(served(t, a, tc.host), tc.host, time.Now(), tc.roots...)
		if (err == nil) != tc.want {
			t.Errorf("%s under %d authorities: %v", tc.host, len(tc.roots), err)
		}
	}
	root, err := x509.ParseCertificate(after)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"example.org", "home.arpa", "local", "localhost"}; !slices.Equal(root.PermittedDNSDomains, want) {
		t.Errorf("permits %v, want %v", root.PermittedDNSDomains, want)
	}
	b := open(t, dir, Options{})
	if b.Fingerprint() != Fingerprint(after) || verify(served(t, b, "example.org"), "example.org", time.Now(), after) != nil {
		t.Error("the domain was lost over a restart")
	}
	if err := b.SetNames(homeNames, homeAddrs()); err != nil {
		t.Fatal(err)
	}
	if b.dom != nil {
		t.Error("the domain's leaf outlived the domain")
	}
}

// Connections that were up before a re-issue go on; new ones see the new leaf.
func TestReissueUnderConnections(t *testing.T) {
	a := open(t, t.TempDir(), Options{})
	if err := a.SetNames(homeNames, nil); err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", a.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CAPEM())
	dial := func() *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "mailbox.local"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	echo := func(c *tls.Conn, s string) {
		t.Helper()
		if _, err := io.WriteString(c, s); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(s))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != s {
			t.Fatalf("%q, %v", got, err)
		}
	}
	var conns []*tls.Conn
	for range 20 {
		c := dial()
		echo(c, "before")
		conns = append(conns, c)
	}
	old := conns[0].ConnectionState().PeerCertificates[0]
	if err := a.SetNames(append(homeNames, "post.local"), homeAddrs()); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		echo(c, "after")
	}
	if dial().ConnectionState().PeerCertificates[0].Equal(old) {
		t.Error("a new connection was shown the old leaf")
	}
	// Without SNI the address that was reached decides.
	c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A leaf that cannot be written is shown, reported, and written later.
func TestUnwritableLeaf(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Options{})
	// A directory in the file's place refuses the rename, for root too.
	path := filepath.Join(dir, "tls", homeFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.SetNames(homeNames, nil); err == nil {
		t.Error("no error for a leaf that is not on disk")
	}
	if err := verify(served(t, a, "mailbox.local"), "mailbox.local", time.Now(), a.CADER()); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(); err != nil {
		t.Fatal(err)
	}
	if !served(t, open(t, dir, Options{}), "mailbox.local").Equal(served(t, a, "mailbox.local")) {
		t.Error("the leaf was not written once it could be")
	}
	left, err := filepath.Glob(filepath.Join(dir, "tls", ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestConfigNeedsTLS12(t *testing.T) {
	a := open(t, t.TempDir(), Options{})
	client, server := net.Pipe()
	defer client.Close()
	go tls.Server(server, a.Config()).Handshake()
	err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}).Handshake()
	if err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}
