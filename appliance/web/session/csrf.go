package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
)

// TokenField and TokenHeader are where a request carries its token.
const (
	TokenField  = "csrf"
	TokenHeader = "X-CSRF-Token"
)

// ErrForged says that a request does not come from one of the box's own pages,
// or from one that was open since before the last login.
var ErrForged = errors.New("request does not come from a page of this box")

// Token returns the token for the forms of one page. Before the login it may
// set a cookie, so it must be called before the page is written.
func (m *Manager) Token(w http.ResponseWriter, r *http.Request) string {
	v := visitOf(r.Context())
	if v.secret == nil {
		v.secret = visitSecret(r)
	}
	if v.secret == nil {
		v.secret = make([]byte, 32)
		rand.Read(v.secret)
		setCookie(w, r, visitCookie, base64.RawURLEncoding.EncodeToString(v.secret), 0)
	}
	mask := make([]byte, sha256.Size, 2*sha256.Size)
	rand.Read(mask)
	token := make([]byte, sha256.Size)
	subtle.XORBytes(token, mask, plainToken(v.secret))
	return base64.RawURLEncoding.EncodeToString(append(mask, token...))
}

// Check returns ErrForged unless the request carries a token of its own
// session or visit, in the header or the form, and the browser does not say
// that it comes from elsewhere. It may read the form.
func (m *Manager) Check(r *http.Request) error {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return ErrForged
	}
	v := visitOf(r.Context())
	secret := v.secret
	if secret == nil {
		secret = visitSecret(r)
	}
	if secret == nil {
		return ErrForged
	}
	given := r.Header.Get(TokenHeader)
	if given == "" {
		given = r.PostFormValue(TokenField)
	}
	token, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(token) != 2*sha256.Size {
		return ErrForged
	}
	subtle.XORBytes(token, token[:sha256.Size], token[sha256.Size:])
	if !hmac.Equal(token[:sha256.Size], plainToken(secret)) {
		return ErrForged
	}
	return nil
}

func plainToken(secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("token of a form"))
	return mac.Sum(nil)
}

// visitSecret reads the cookie of somebody who is not logged in.
func visitSecret(r *http.Request) []byte {
	c, err := r.Cookie(CookieName(r, visitCookie))
	if err != nil || len(c.Value) > maxCookie {
		return nil
	}
	secret, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(secret) != 32 {
		return nil
	}
	return secret
}
