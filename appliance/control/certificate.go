package control

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Certificate is what the box shows to those who connect with TLS.
type Certificate struct {
	Authority string    `json:"authority"` // SHA-256 fingerprint of the box's own authority
	Until     time.Time `json:"until"`     // end of the certificate for the home names
	// Own are the names a certificate of the owner's covers; empty: none is used.
	Own      []string  `json:"own,omitempty"`
	OwnUntil time.Time `json:"own_until,omitzero"`
}

// CertificateFiles are a certificate of the owner's and its key, in PEM.
type CertificateFiles struct {
	Chain string `json:"chain"` // the server's certificate first
	Key   string `json:"key"`   // not encrypted
}

// Certificate tells which certificates a running box shows.
func (b *Box) Certificate() (c Certificate, err error) {
	if b.Certs == nil {
		return c, errStopped
	}
	c = Certificate{Authority: b.Certs.Fingerprint(), Until: b.Certs.Until()}
	c.Own, c.OwnUntil, _ = b.Certs.Own()
	return c, nil
}

// SetCertificate has the box show a certificate of the owner's for the names
// it covers, at once and without a restart. Errors: [ErrUsage] with the reason
// for which mail programs would refuse it.
func (b *Box) SetCertificate(f CertificateFiles) error {
	if b.Certs == nil {
		return errStopped
	}
	if err := b.Certs.SetOwn([]byte(f.Chain), []byte(f.Key)); err != nil {
		return fmt.Errorf("%w: %v", ErrUsage, err)
	}
	b.log().Info("the owner's certificate is in place")
	return nil
}

// RemoveCertificate goes back to the box's own certificates.
func (b *Box) RemoveCertificate() error {
	if b.Certs == nil {
		return errStopped
	}
	err := b.Certs.RemoveOwn()
	if err == nil {
		b.log().Info("the owner's certificate is removed")
	}
	return err
}

// certificateRoutes are the routes of certificates.
func (b *Box) certificateRoutes(route func(string, func(*http.Request) (any, error))) {
	route("GET /certificate", func(*http.Request) (any, error) { return b.Certificate() })
	route("PUT /certificate", func(r *http.Request) (any, error) {
		f, err := read[CertificateFiles](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetCertificate(f)
	})
	route("DELETE /certificate", func(*http.Request) (any, error) { return nil, b.RemoveCertificate() })
}

// Certificate tells which certificates a running box shows.
func (c *Client) Certificate(ctx context.Context) (cert Certificate, err error) {
	return cert, c.call(ctx, "GET", "/certificate", nil, &cert)
}

// SetCertificate has a running box show a certificate of the owner's.
func (c *Client) SetCertificate(ctx context.Context, f CertificateFiles) error {
	return c.call(ctx, "PUT", "/certificate", f, nil)
}

// RemoveCertificate goes back to the box's own certificates.
func (c *Client) RemoveCertificate(ctx context.Context) error {
	return c.call(ctx, "DELETE", "/certificate", nil, nil)
}
