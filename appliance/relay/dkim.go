package relay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/idna"

	"posthorn/store"
)

// keyBits is the size of new keys. RFC 8301 asks for 1024 at least and 2048
// where it can be; Ed25519 is not checked by many receivers yet.
const keyBits = 2048

// selector names the key among those of its domain (RFC 6376 section 3.1).
const selector = "posthorn"

// Key signs a domain's mail (DKIM, RFC 6376).
type Key struct {
	Domain   string `json:"domain"` // in ASCII
	Selector string `json:"selector"`
	Private  []byte `json:"private"` // PKCS #8
}

func keyValue(domain string) string { return "relay/dkim/" + asciiDomain(domain) }

func asciiDomain(domain string) string {
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return strings.ToLower(domain)
}

// NewKey makes a key for a domain. On a small board that takes some seconds.
func NewKey(domain string) (*Key, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", domain, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	return &Key{Domain: asciiDomain(domain), Selector: selector, Private: private}, err
}

// DomainKey returns a domain's key, or store.ErrNotFound.
func DomainKey(tx *store.Tx, domain string) (*Key, error) {
	v, err := tx.Value(keyValue(domain))
	if err != nil {
		return nil, err
	}
	k := new(Key)
	if err := json.Unmarshal(v, k); err != nil {
		return nil, fmt.Errorf("key of %s: %w", domain, err)
	}
	return k, nil
}

// Put keeps the key.
func (k *Key) Put(tx *store.Tx) error {
	v, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return tx.PutValue(keyValue(k.Domain), v)
}

// DeleteKey removes a domain's key; there need not be one.
func DeleteKey(tx *store.Tx, domain string) error { return tx.DeleteValue(keyValue(domain)) }

func (k *Key) signer() (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", k.Domain, err)
	}
	s, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key of %s is not one to sign with", k.Domain)
	}
	return s, nil
}

// Record is the DNS record that publishes the key: its name and text.
func (k *Key) Record() (name, text string, err error) {
	s, err := k.signer()
	if err != nil {
		return "", "", err
	}
	public, err := x509.MarshalPKIXPublicKey(s.Public())
	if err != nil {
		return "", "", err
	}
	return k.Selector + "._domainkey." + k.Domain, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public), nil
}

// signed are the fields a signature covers, those of RFC 6376 section 5.4.1
// that a message has. From stands twice: a second one can't be added.
var signed = [...]string{"From", "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To",
	"References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}

// Sign reads a message, whose lines must end with CR LF, and returns the field
// to put on top of it.
func (k *Key) Sign(text io.Reader) (string, error) {
	key, err := k.signer()
	if err != nil {
		return "", err
	}
	s, err := dkim.NewSigner(&dkim.SignOptions{Domain: k.Domain, Selector: k.Selector, Signer: key, HeaderKeys: signed[:],
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed})
	if err != nil {
		return "", err
	}
	_, err = io.Copy(s, text)
	if err := errors.Join(err, s.Close()); err != nil {
		return "", fmt.Errorf("sign for %s: %w", k.Domain, err)
	}
	return s.Signature(), nil
}
