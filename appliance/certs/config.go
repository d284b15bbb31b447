package certs

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
)

// Config returns what the servers give to tls.NewListener, tls.Server or
// http.Server: TLS 1.2 and later, with the certificate chosen at each
// handshake, so that a re-issue needs no restart. Each call returns a new
// value the caller may add to.
func (a *Authority) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.certificate}
}

// certificate chooses by the name the client asked for, or by the address it
// reached when it sent none: the owner's certificate if it covers that, else
// the box's leaf that does, else whichever the owner would expect to be
// complained about.
func (a *Authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := a.shown.Load()
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if host == "" && hello.Conn != nil {
		if tcp, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
			host = tcp.IP.String()
		}
	}
	certs := []*tls.Certificate{s.own, s.home, s.domain}
	for _, c := range certs {
		if c != nil && c.Leaf.VerifyHostname(host) == nil {
			return c, nil
		}
	}
	for _, c := range certs {
		if c != nil {
			return c, nil
		}
	}
	return nil, errors.New("no certificate to show: see the log for why none was issued")
}
