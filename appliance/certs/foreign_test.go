//go:build foreign

package certs

import (
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These ask the libraries that mail programs verify with, which must be
// installed: scripts/test-certs does that and runs them.

// run returns a program's output and whether it exited with 0.
func run(t *testing.T, name string, args ...string) (string, bool) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// issued writes the authority and a leaf to files.
func issued(t *testing.T, a *Authority, host string) (ca, leaf string) {
	t.Helper()
	dir := t.TempDir()
	ca, leaf = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "leaf.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served(t, a, host).Raw})
	for path, data := range map[string][]byte{ca: a.CAPEM(), leaf: text} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca, leaf
}

var (
	certified = []string{"mailbox.local", "autoconfig.mailbox.local", "mailbox-2.local", "localhost",
		"mail.example.org", "192.168.7.20", "127.0.0.1", "fd00::20"}
	strangers = []string{"other.local", "example.com", "192.168.7.99", "fd00::21"}
)

func foreignAuthority(t *testing.T) *Authority {
	a := open(t, t.TempDir(), Options{})
	if err := a.SetNames(append(homeNames, "mail.example.org"), homeAddrs()); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOpenSSLVerifies(t *testing.T) {
	a := foreignAuthority(t)
	check := func(host string) (string, bool) {
		ca, leaf := issued(t, a, host)
		kind := "-verify_hostname"
		if net.ParseIP(host) != nil {
			kind = "-verify_ip"
		}
		return run(t, "openssl", "verify", "-x509_strict", "-no-CApath", "-purpose", "sslserver", "-CAfile", ca, kind, host, leaf)
	}
	for _, host := range certified {
		if out, ok := check(host); !ok {
			t.Errorf("%s: %s", host, out)
		}
	}
	for _, host := range strangers {
		if out, ok := check(host); ok {
			t.Errorf("%s: %s", host, out)
		}
	}
	// A device that trusted the authority before and after it was widened.
	ca, leaf := issued(t, a, "mail.example.org")
	old := open(t, t.TempDir(), Options{})
	both, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca, append(old.CAPEM(), both...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := run(t, "openssl", "verify", "-no-CApath", "-CAfile", ca, "-verify_hostname", "mail.example.org", leaf); !ok {
		t.Error(out)
	}
}

func TestGnuTLSVerifies(t *testing.T) {
	a := foreignAuthority(t)
	for _, host := range certified {
		ca, leaf := issued(t, a, host)
		args := []string{"--verify", "--load-ca-certificate", ca, "--infile", leaf, "--verify-purpose", "1.3.6.1.5.5.7.3.1"}
		// certtool compares names only; the chain of an address is checked without.
		if net.ParseIP(host) == nil {
			args = append(args, "--verify-hostname", host)
		}
		if out, ok := run(t, "certtool", args...); !ok {
			t.Errorf("%s: %s", host, out)
		}
	}
	ca, leaf := issued(t, a, "mailbox.local")
	if out, ok := run(t, "certtool", "--verify", "--load-ca-certificate", ca, "--infile", leaf, "--verify-hostname", "other.local"); ok {
		t.Error(out)
	}
}

func TestNSSVerifies(t *testing.T) {
	a := foreignAuthority(t)
	db := "sql:" + t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if out, ok := run(t, "certutil", append(args, "-d", db)...); !ok {
			t.Fatalf("certutil %v: %s", args, out)
		}
	}
	must("-N", "--empty-password")
	ca, home := issued(t, a, "mailbox.local")
	_, domain := issued(t, a, "mail.example.org")
	must("-A", "-n", "box", "-t", "C,,", "-i", ca)
	for name, file := range map[string]string{"home": home, "domain": domain} {
		must("-A", "-n", name, "-t", ",,", "-i", file)
		must("-V", "-n", name, "-u", "V")
	}
}

// The constraints must bite: a leaf for a bank, signed with the stolen key,
// verifies nowhere.
func TestStolenKeyIsNoUse(t *testing.T) {
	a := open(t, t.TempDir(), Options{})
	now, _ := a.now()
	ca, _ := issued(t, a, "localhost")
	for _, bad := range []subject{
		{names: []string{"www.bank.example"}},
		{names: newSubject([]string{"8.8.8.8.in-addr.arpa"}, nil).names},
	} {
		l, err := a.ca.issue(bad, now)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "leaf.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.cert.Raw})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, ok := run(t, "openssl", "verify", "-no-CApath", "-CAfile", ca, file); ok || !strings.Contains(out, "permitted subtree") {
			t.Errorf("openssl: %s", out)
		}
		if out, ok := run(t, "certtool", "--verify", "--load-ca-certificate", ca, "--infile", file); ok {
			t.Errorf("GnuTLS: %s", out)
		}
		db := "sql:" + t.TempDir()
		for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "box", "-t", "C,,", "-i", ca}, {"-A", "-n", "bad", "-t", ",,", "-i", file}} {
			if out, ok := run(t, "certutil", append(args, "-d", db)...); !ok {
				t.Fatalf("certutil %v: %s", args, out)
			}
		}
		if out, ok := run(t, "certutil", "-V", "-n", "bad", "-u", "V", "-d", db); ok {
			t.Errorf("NSS: %s", out)
		}
	}
}
