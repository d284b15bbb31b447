package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	homeFile   = "home.pem"
	domainFile = "domain.pem"

	// leafSpan is a leaf's whole life, backDate included: browsers refuse
	// more than 398 days.
	leafSpan = 397 * 24 * time.Hour
	// renewBefore is how long before its end a leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
	// backDate is how far before its issue a leaf begins, for devices whose
	// clock is slow.
	backDate = 7 * 24 * time.Hour
)

// leaf is a server certificate in use.
type leaf struct {
	pair tls.Certificate
	cert *x509.Certificate
	// unsaved is the text for its file until that is written.
	unsaved []byte
}

// readLeaf returns the leaf kept in a file, or nil if there is none to use:
// a new one costs nothing, so nobody is troubled with the reason.
func (a *Authority) readLeaf(file string) *leaf {
	text, err := os.ReadFile(filepath.Join(a.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.X509KeyPair(text, text)
	}
	if err == nil {
		err = pair.Leaf.CheckSignatureFrom(a.ca.cert)
	}
	if err != nil {
		a.log.Warn("certificate on disk is not usable, a new one is issued", "file", file, "err", err)
		return nil
	}
	return &leaf{pair: pair, cert: pair.Leaf}
}

// due says why a leaf must be replaced, "" if it need not be. With an
// unsure clock only its subject counts: the clock is no witness against it.
func (l *leaf) due(want subject, now time.Time, sure bool) string {
	switch {
	case l == nil:
		return "first"
	case !want.covers(l.cert):
		return "names or addresses changed"
	case sure && now.Before(l.cert.NotBefore):
		return "clock was ahead"
	case sure && now.Add(renewBefore).After(l.cert.NotAfter):
		return "ends soon"
	}
	return ""
}

// renewLeaf returns the leaf to show for want: old if it is still good, else
// a new one. If the new one could not be written it is returned with the
// error, and written at the next call. The caller holds mu.
func (a *Authority) renewLeaf(old *leaf, file string, want subject, now time.Time, sure bool) (*leaf, error) {
	path := filepath.Join(a.dir, file)
	if want.empty() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove a certificate that is not used any more: %w", err)
		}
		return nil, nil
	}
	l := old
	if why := old.due(want, now, sure); why != "" {
		var err error
		if l, err = a.ca.issue(want, now); err != nil {
			return old, err
		}
		a.log.Info("certificate issued", "why", why, "names", want.names, "addresses", want.ips,
			"from", l.cert.NotBefore, "until", l.cert.NotAfter)
	}
	if l.unsaved == nil {
		return l, nil
	}
	if err := writeFile(path, l.unsaved, 0o600); err != nil {
		return l, err
	}
	l.unsaved = nil
	return l, nil
}

// issue makes a key and a certificate for want.
func (r *root) issue(want subject, now time.Time) (*leaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate's key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	begin := now.Add(-backDate).Truncate(time.Second)
	// NotAfter is the last second that counts (RFC 5280 section 4.1.2.5).
	end := begin.Add(leafSpan - time.Second)
	if end.After(r.cert.NotAfter) {
		end = r.cert.NotAfter
	}
	tmpl := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               want.distinguishedName(),
		NotBefore:             begin,
		NotAfter:              end,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              want.names,
		IPAddresses:           want.netIPs(),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, r.cert, &key.PublicKey, r.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate for %v: %w", want.names, err)
	}
	var text bytes.Buffer
	// The authority goes along in the chain, so that it can be looked at from
	// a certificate dialog.
	for _, b := range [][]byte{der, r.cert.Raw} {
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: b}); err != nil {
			return nil, fmt.Errorf("encode a certificate: %w", err)
		}
	}
	k, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	text.Write(k)
	pair, err := tls.X509KeyPair(text.Bytes(), text.Bytes())
	if err != nil {
		return nil, fmt.Errorf("read back the certificate for %v: %w", want.names, err)
	}
	return &leaf{pair, pair.Leaf, text.Bytes()}, nil
}
