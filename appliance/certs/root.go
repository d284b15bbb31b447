package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	keyFile  = "ca.key"
	certFile = "ca.pem"

	// rootYears is how long a certificate of the authority is good for. Each
	// one costs the household a walk around all its devices.
	rootYears = 10
)

// rootBegin is where every certificate of the authority begins: so far back
// that a device with a slow clock accepts it.
var rootBegin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// root is the authority's key and its newest certificate.
type root struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// homeDomains are the DNS subtrees every certificate of the authority permits.
func homeDomains() []string { return []string{"local", "localhost", "home.arpa"} }

// privateNets are the addresses the authority permits: RFC 1918, loopback and
// link-local (RFC 3927), shared address space (RFC 6598), and their IPv6
// fellows (RFC 4193, RFC 4291).
func privateNets() []*net.IPNet {
	var nets []*net.IPNet
	for _, text := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
		"127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
	} {
		if _, n, err := net.ParseCIDR(text); err == nil {
			nets = append(nets, n)
		}
	}
	return nets
}

// openRoot reads key and certificate, or makes what is missing.
func (a *Authority) openRoot() (*root, error) {
	key, err := a.readKey()
	if err != nil {
		return nil, err
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("make the key of the box's certificate authority: %w", err)
		}
		text, err := keyPEM(key)
		if err != nil {
			return nil, err
		}
		if err := writeFile(filepath.Join(a.dir, keyFile), text, 0o600); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(a.dir, certFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the certificate of the box's authority: %w", err)
	}
	if err == nil {
		cert, err := parseRoot(text, key)
		if err == nil {
			return &root{key, cert}, nil
		}
		a.setAside(path, err)
	}
	now, _ := a.now()
	return a.certifyRoot(key, homeDomains(), now, time.Time{})
}

// readKey returns the authority's key, or nil if there is none to use.
func (a *Authority) readKey() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(a.dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the box's authority: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		a.setAside(path, err)
		return nil, nil
	}
	// A copy by hand may have opened it to everybody.
	if err := os.Chmod(path, 0o600); err != nil {
		a.log.Warn("the authority's key may be readable by others", "file", path, "err", err)
	}
	return key, nil
}

// setAside renames a file that cannot be used, so that it can be looked at
// and is not met again.
func (a *Authority) setAside(path string, why error) {
	err := os.Rename(path, path+".damaged")
	a.log.Error("certificate file is damaged and was replaced; devices must be given /ca.crt again",
		"file", path, "why", why, "kept", err == nil)
}

// parseRoot reads a certificate of the authority and checks that it is one
// for this key.
func parseRoot(text []byte, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block in it")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if pub, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !pub.Equal(&key.PublicKey) {
		return nil, errors.New("the certificate is for another key")
	}
	if err := cert.CheckSignatureFrom(cert); err != nil {
		return nil, err
	}
	return cert, nil
}

// renewRoot issues a new certificate for the same key when the present one
// nears its end or does not permit a name that is wanted.
func (a *Authority) renewRoot(now time.Time) error {
	permitted := slices.Clone(a.ca.cert.PermittedDNSDomains)
	var wider bool
	for _, name := range a.want.names {
		if !within(name, permitted) {
			permitted, wider = append(permitted, name), true
		}
	}
	// A leaf never outlives the authority; below a leaf's own margin it would
	// be re-issued for ever.
	ending := now.Add(2 * renewBefore).After(a.ca.cert.NotAfter)
	if !wider && !ending {
		return nil
	}
	ca, err := a.certifyRoot(a.ca.key, smallest(permitted), now, a.ca.cert.NotAfter)
	if err != nil {
		return err
	}
	a.log.Warn("the box's authority has a new certificate; give /ca.crt to the devices again",
		"permits", ca.cert.PermittedDNSDomains, "until", ca.cert.NotAfter)
	a.ca = ca
	return nil
}

// certifyRoot signs and stores a certificate for key. It ends later than
// former, so that a verifier that knows two of the same subject and prefers
// the longer-lived one takes the wider one.
func (a *Authority) certifyRoot(key *ecdsa.PrivateKey, permitted []string, now, former time.Time) (*root, error) {
	until := now.AddDate(rootYears, 0, 0).Truncate(time.Second)
	if !until.After(former) {
		until = former.Add(24 * time.Hour)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{Organization: []string{"Posthorn"}, CommonName: fmt.Sprintf("Posthorn mail box %X", id[:4])},
		NotBefore:                   rootBegin,
		NotAfter:                    until,
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId:                id,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         permitted,
		PermittedIPRanges:           privateNets(),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of the box's authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back the certificate of the box's authority: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := writeFile(filepath.Join(a.dir, certFile), text, 0o644); err != nil {
		return nil, err
	}
	return &root{key, cert}, nil
}

// keyID is the subject key identifier of RFC 7093 section 2, method 1.
func keyID(pub *ecdsa.PublicKey) ([]byte, error) {
	point, err := pub.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode the authority's public key: %w", err)
	}
	sum := sha256.Sum256(point)
	return sum[:20], nil
}

// newSerial returns 120 random bits: more than the 64 that are asked for, and
// positive in 20 octets (RFC 5280 section 4.1.2.2).
func newSerial() (*big.Int, error) {
	b := make([]byte, 15)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("draw a certificate's serial number: %w", err)
	}
	b[0] |= 0x40
	return new(big.Int).SetBytes(b), nil
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block in it")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("not a P-256 key")
	}
	return ec, nil
}
