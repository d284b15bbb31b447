package session

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"posthorn/store"
)

// Names of the cookies.
const (
	sessionCookie = "session"
	visitCookie   = "visit"
)

// CookieName is what a cookie is really called. With TLS it has the prefix
// __Host-, by which a browser takes it only from this very host and over TLS
// (RFC 6265bis section 4.1.3.2): nobody can plant one.
func CookieName(r *http.Request, name string) string {
	if r.TLS != nil {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie that scripts can't read and other sites' forms don't
// carry; age 0 is until the browser is closed.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: CookieName(r, name), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		Secure: r.TLS != nil, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// SetCookie is for what a page has the browser remember: no secrets. At most
// some hundred octets of what RFC 6265 lets a cookie have.
func SetCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	setCookie(w, r, name, value, age)
}

// DropCookie has the browser forget a cookie.
func DropCookie(w http.ResponseWriter, r *http.Request, name string) { dropCookie(w, r, name) }

func dropCookie(w http.ResponseWriter, r *http.Request, name string) {
	if _, err := r.Cookie(CookieName(r, name)); err == nil {
		setCookie(w, r, name, "", -time.Second)
	}
}

// readCookie reads the cookie of a session.
func readCookie(r *http.Request) (id store.AccountID, number []byte, ok bool) {
	c, err := r.Cookie(CookieName(r, sessionCookie))
	if err != nil || len(c.Value) > maxCookie {
		return 0, nil, false
	}
	account, secret, _ := strings.Cut(c.Value, ".")
	n, err := strconv.ParseUint(account, 10, 32)
	if err != nil || n == 0 {
		return 0, nil, false
	}
	number, err = base64.RawURLEncoding.DecodeString(secret)
	return store.AccountID(n), number, err == nil && len(number) == 32
}

// remote is the address of the browser.
func remote(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return from.Addr().Unmap().String()
}
