package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// foreignPair makes a certificate as another authority would.
func foreignPair(t *testing.T, until time.Time, names ...string) (chain, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "other"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	key, err = keyPEM(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key
}

func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Options{})
	if err := a.SetNames(append(homeNames, "mail.example.org"), nil); err != nil {
		t.Fatal(err)
	}
	chain, key := foreignPair(t, time.Now().Add(time.Hour), "mail.example.org")
	_, wrong := foreignPair(t, time.Now().Add(time.Hour), "mail.example.org")
	ended, endedKey := foreignPair(t, time.Now().Add(-time.Minute), "mail.example.org")
	nameless, namelessKey := foreignPair(t, time.Now().Add(time.Hour))
	for _, bad := range [][2][]byte{{chain, wrong}, {ended, endedKey}, {nameless, namelessKey}, {nil, key}, {chain, nil}} {
		if err := a.SetOwn(bad[0], bad[1]); err == nil {
			t.Error("an unusable pair was taken")
		}
	}
	own := func(a *Authority, name string) bool { return served(t, a, name).Subject.CommonName == "other" }
	if own(a, "mail.example.org") {
		t.Fatal("a refused pair is shown")
	}
	if err := a.SetOwn(chain, key); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*Authority{a, open(t, dir, Options{})} {
		if !own(b, "mail.example.org") || own(b, "mailbox.local") {
			t.Error("the owner's certificate must be shown for its names and no others")
		}
	}
	if names, _, ok := a.Own(); !ok || !slices.Equal(names, []string{"mail.example.org"}) {
		t.Errorf("Own: %v %v", names, ok)
	}
	if err := a.RemoveOwn(); err != nil {
		t.Fatal(err)
	}
	if own(a, "mail.example.org") {
		t.Error("shown after it was removed")
	}
}

// The owner copies files into the directory while the box runs.
func TestOwnFilesAppear(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Options{})
	chain, key := foreignPair(t, time.Now().Add(time.Hour), "mailbox.local")
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "tls", ownDir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(ownChain, chain)
	if err := a.Refresh(); err != nil {
		t.Errorf("half a pair, still being copied: %v", err)
	}
	put(ownKey, key)
	if err := a.Refresh(); err != nil {
		t.Error(err)
	}
	if served(t, a, "mailbox.local").Subject.CommonName != "other" {
		t.Error("files of the owner's were not picked up")
	}
	put(ownKey, []byte("not a key"))
	if err := a.Refresh(); err == nil {
		t.Error("a damaged key went unnoticed")
	}
	if err := verify(served(t, a, "localhost"), "localhost", time.Now(), a.CADER()); err != nil {
		t.Errorf("the box's own leaf must step in: %v", err)
	}
	open(t, dir, Options{}) // and must not keep the box from starting
}
