package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	ownDir   = "own"
	ownFile  = "certificate.pem"
	ownChain = "cert.pem"
	ownKey   = "key.pem"

	// maxOwn is the most that is read of a file of the owner's: a chain of
	// ten certificates with RSA keys is 20 KiB.
	maxOwn = 256 << 10
)

// owned is the owner's certificate, with what tells a change of its files.
type owned struct {
	pair  tls.Certificate
	stamp string
}

// SetOwn puts the owner's certificate in place of the box's for the names it
// covers. chain is PEM, the server's certificate first and the intermediates
// after it; key is its private key in PEM (PKCS #8, PKCS #1 or SEC 1, not
// encrypted). The error tells what does not fit; nothing is changed then.
func (a *Authority) SetOwn(chain, key []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, sure := a.now()
	if len(chain)+len(key) >= maxOwn {
		return fmt.Errorf("certificate and key are longer than %d bytes, which none is", maxOwn)
	}
	if _, err := checkOwn(chain, key, now, sure); err != nil {
		return err
	}
	// One file, because two cannot be replaced in one step.
	text := append(append(append([]byte(nil), chain...), '\n'), key...)
	if err := writeFile(filepath.Join(a.dir, ownDir, ownFile), text, 0o600); err != nil {
		return err
	}
	return a.refresh()
}

// RemoveOwn goes back to the box's own certificates.
func (a *Authority) RemoveOwn() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range []string{ownFile, ownChain, ownKey} {
		err := os.Remove(filepath.Join(a.dir, ownDir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the owner's certificate: %w", err)
		}
	}
	return a.refresh()
}

// Own returns the names the owner's certificate covers and when it ends;
// ok is false if none is in use.
func (a *Authority) Own() (names []string, until time.Time, ok bool) {
	s := a.shown.Load()
	if s.own == nil {
		return nil, time.Time{}, false
	}
	return append([]string(nil), s.own.Leaf.DNSNames...), s.own.Leaf.NotAfter, true
}

// readOwn returns the owner's certificate, the present one if its files have
// not changed. With an error the box's own is shown, which is always there.
func (a *Authority) readOwn(now time.Time, sure bool) (*owned, error) {
	dir := filepath.Join(a.dir, ownDir)
	files := []string{filepath.Join(dir, ownFile)}
	if _, err := os.Stat(files[0]); errors.Is(err, fs.ErrNotExist) {
		files = []string{filepath.Join(dir, ownChain), filepath.Join(dir, ownKey)}
	}
	var stamp string
	for _, path := range files {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look at the owner's certificate: %w", err)
		}
		if info.Size() > maxOwn {
			return nil, fmt.Errorf("%s is longer than %d bytes, which no certificate is", path, maxOwn)
		}
		stamp += fmt.Sprintln(path, info.Size(), info.ModTime().UnixNano())
	}
	// Checking an RSA key takes a small board a good part of a second.
	if a.own != nil && a.own.stamp == stamp && (!sure || now.Before(a.own.pair.Leaf.NotAfter)) {
		return a.own, nil
	}
	chain, err := os.ReadFile(files[0])
	if err != nil {
		return nil, fmt.Errorf("read the owner's certificate: %w", err)
	}
	key, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		return nil, fmt.Errorf("read the owner's key: %w", err)
	}
	pair, err := checkOwn(chain, key, now, sure)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", files[0], err)
	}
	a.log.Info("the owner's certificate is in use", "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter)
	return &owned{pair, stamp}, nil
}

// checkOwn pairs a chain with its key and refuses one that clients would.
func checkOwn(chain, key []byte, now time.Time, sure bool) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return pair, fmt.Errorf("the owner's certificate and key cannot be used: %w", err)
	}
	if len(pair.Leaf.DNSNames) == 0 && len(pair.Leaf.IPAddresses) == 0 {
		return pair, errors.New("the owner's certificate names no host in its subjectAltName: have it issued for the box's name")
	}
	if sure && now.After(pair.Leaf.NotAfter) {
		return pair, fmt.Errorf("the owner's certificate ended on %s: renew it", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return pair, nil
}
