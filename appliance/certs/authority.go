// Package certs is the box's own certificate authority and the certificates
// the servers show.
//
// A mail program that meets a self-signed certificate reads mail after a
// warning but refuses to send; with an authority the person has accepted once
// it does both without a word. No public authority may certify a .local name,
// so the box makes its own at its first start: a P-256 key that never leaves
// the box, and a certificate for ten years that a person installs on each
// device (/ca.crt, or inside an Apple profile). The authority is constrained
// by name (RFC 5280 section 4.2.1.10): whoever steals its key can pose as
// names under .local and as private addresses, but not as a bank.
//
// Two kinds of leaf are issued under it, each for 397 days at most, the
// longest that Apple and browsers accept of any server:
//
//   - home: names under .local, localhost, home.arpa and the private
//     addresses. It verifies under every certificate the authority ever had.
//   - domain: names under a domain of the owner's. The first such name widens
//     the authority: the same key and subject with a new certificate that
//     permits the domain too. Devices that hold the older certificate go on
//     with the home names and need the new one only for the domain's names;
//     that is why the two leaves are separate.
//
// A certificate of the owner's own (from a public authority, say) in tls/own
// is shown in place of both for the names it covers.
//
// Files, below the directory given to Open:
//
//	tls/ca.key           the authority's key, mode 0600
//	tls/ca.pem           its certificate
//	tls/home.pem         leaf chain and key, one file so that they change together
//	tls/domain.pem       the same for the owner's domains
//	tls/own/certificate.pem   the owner's chain and key in one file, or
//	tls/own/cert.pem, tls/own/key.pem
//
// Each is written beside its place, synced and renamed. What a power cut
// leaves: a key without a certificate, which gets one at the next start; or
// the former leaf, which is replaced as if it had just become due.
//
// Time. A board without a battery boots in 1970, and a leaf cannot reach from
// there to today, because its whole span is limited. So the authority's
// certificate begins far in the past, and a leaf begins at the latest time
// known to have passed: the clock if it is set, else the day this program was
// built or the day the former leaf was issued, whichever is later. When the
// clock becomes set, Run looks again and issues what is needed.
package certs

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// CheckEvery is how often Run looks whether a leaf is due, the clock was set
// or the owner's files changed.
const CheckEvery = time.Minute

// Options are what Open may be told. The zero value works.
type Options struct {
	// Log gets one line per certificate issued or refused; nil discards.
	Log *slog.Logger
	// ClockSet reports whether time.Now is true time. With nil the clock
	// counts as set once it shows a time after this program was built.
	ClockSet func() bool
}

// Authority is the box's certificate authority with the certificates in use.
// Its methods may be called from any goroutine.
type Authority struct {
	dir  string // .../tls
	opts Options
	log  *slog.Logger

	mu   sync.Mutex // guards what follows and the files
	ca   *root
	want subject
	home *leaf
	dom  *leaf
	own  *owned

	shown atomic.Pointer[shown]
}

// shown is what handshakes read: replaced whole, so that a handshake never
// waits for an issue and a running connection never notices one.
type shown struct {
	own, home, domain *tls.Certificate
	caDER             []byte
}

// Open reads the authority kept below dir/tls, or makes it at the first
// start, and shows the leaf found there or a new one for localhost until
// SetNames says more. A damaged key or certificate is set aside with the
// ending ".damaged" and replaced, because a box that answers with a new
// authority can be repaired by its owner and one that does not start cannot.
// The error is about the file system: the directory cannot be made or
// written.
func Open(dir string, opts Options) (*Authority, error) {
	a := &Authority{dir: filepath.Join(dir, "tls"), opts: opts, log: opts.Log}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Join(a.dir, "own"), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for certificates: %w", err)
	}
	ca, err := a.openRoot()
	if err != nil {
		return nil, err
	}
	a.ca = ca
	a.home, a.dom = a.readLeaf(homeFile), a.readLeaf(domainFile)
	a.want = newSubject(nil, nil)
	if a.home != nil {
		a.want.merge(a.home.cert)
	}
	if a.dom != nil {
		a.want.merge(a.dom.cert)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.refresh(); err != nil {
		if a.home == nil {
			return nil, err
		}
		// A full disk or a bad file of the owner's must not keep the box down.
		a.log.Error("certificates are not all in order", "err", err)
	}
	return a, nil
}

// SetNames says for which host names and addresses the box is to be
// certified from now on; localhost is always added. It issues new leaves if
// they differ from the present ones; connections that are up stay up. Public
// addresses are left out, since the authority may not certify them. At most
// MaxNames names and MaxAddresses addresses are taken. If a leaf cannot be
// written to disk it is shown all the same and the error returned; Run tries
// again.
func (a *Authority) SetNames(names []string, ips []netip.Addr) error {
	want := newSubject(names, ips)
	if err := want.check(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.want = want
	return a.refresh()
}

// Until returns when the leaf for the home names ends.
func (a *Authority) Until() time.Time { return a.shown.Load().home.Leaf.NotAfter }

// Names returns the names and addresses the present leaves certify, sorted.
func (a *Authority) Names() ([]string, []netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.want.names...), append([]netip.Addr(nil), a.want.ips...)
}

// Refresh looks at once whether anything is due: to be called when the clock
// was set. Run does the same each CheckEvery.
func (a *Authority) Refresh() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refresh()
}

// Run re-issues leaves before they end and picks up the owner's files, until
// ctx ends; it returns nil then.
func (a *Authority) Run(ctx context.Context) error {
	tick := time.NewTicker(CheckEvery)
	defer tick.Stop()
	var last string
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// The same failure each minute (a full disk) is one line, not a log full.
		err := a.Refresh()
		if err != nil && err.Error() != last {
			a.log.Error("certificate not kept", "err", err)
		}
		last = fmt.Sprint(err)
	}
}

// refresh brings authority, leaves and owner's certificate up to date and
// shows them. The caller holds mu.
func (a *Authority) refresh() error {
	now, sure := a.now()
	var errs []error
	own, err := a.readOwn(now, sure)
	if err != nil {
		errs = append(errs, err)
	}
	a.own = own
	if err := a.renewRoot(now); err != nil {
		errs = append(errs, err)
	}
	permitted := a.ca.cert.PermittedDNSDomains
	if a.home, err = a.renewLeaf(a.home, homeFile, a.want.home(), now, sure); err != nil {
		errs = append(errs, err)
	}
	if a.dom, err = a.renewLeaf(a.dom, domainFile, a.want.domain(permitted), now, sure); err != nil {
		errs = append(errs, err)
	}
	s := &shown{caDER: a.ca.cert.Raw}
	if a.own != nil {
		s.own = &a.own.pair
	}
	if a.home != nil {
		s.home = &a.home.pair
	}
	if a.dom != nil {
		s.domain = &a.dom.pair
	}
	a.shown.Store(s)
	return errors.Join(errs...)
}

// CADER returns the authority's certificate as served at /ca.crt.
func (a *Authority) CADER() []byte { return append([]byte(nil), a.shown.Load().caDER...) }

// CAPEM returns the authority's certificate as served at /ca.pem.
func (a *Authority) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.shown.Load().caDER})
}

// Fingerprint returns the SHA-256 of the authority's certificate the way
// certificate dialogs write it: 32 pairs of hexadecimal digits with colons.
func (a *Authority) Fingerprint() string {
	return Fingerprint(a.shown.Load().caDER)
}

// Fingerprint returns the SHA-256 of a certificate in DER, as upper-case
// hexadecimal pairs with colons between.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
