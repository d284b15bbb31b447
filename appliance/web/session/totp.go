package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

// What every program for time-based codes takes as given (RFC 6238).
const (
	totpPeriod = 30 // seconds
	totpDigits = 6
	totpSlack  = 1  // periods that a phone's clock may be off
	totpSecret = 20 // octets, RFC 4226 section 4
)

// NewTOTP draws a secret.
func NewTOTP() []byte {
	secret := make([]byte, totpSecret)
	rand.Read(secret)
	return secret
}

// TOTPText is the secret as people type it.
func TOTPText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// TOTPLink is what a phone's camera reads: the key URI format that all such
// programs know.
func TOTPLink(secret []byte, issuer, account string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account,
		RawQuery: "secret=" + TOTPText(secret) + "&issuer=" + url.PathEscape(issuer)}
	return u.String()
}

// totpStep finds the period whose code was typed, near now.
func totpStep(secret []byte, typed string, now time.Time) (step int64, ok bool) {
	at := now.Unix() / totpPeriod
	for d := int64(-totpSlack); d <= totpSlack; d++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, at+d)), []byte(typed)) == 1 {
			step, ok = at+d, true
		}
	}
	return step, ok
}

// totpCode is the code of a period (RFC 4226 section 5.3).
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}
