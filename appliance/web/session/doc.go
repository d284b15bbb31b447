// Package session knows who is behind a request to the pages.
//
// # Sessions
//
// A session is 256 random bits in a cookie that scripts can't read. The store
// keeps their SHA-256 in the account's record "account/N/sessions", so that a
// stolen backup logs nobody in, a restart logs nobody out, and all sessions of
// an account can be listed and ended. A session begins with a new number each
// time somebody logs in, whatever cookie the browser came with, and ends
//
//	with the account: removed or switched off
//	with the password it began with: changed by whatever road
//	after IdleTime without use, or MaxAge after it began
//	when it, or all but the present one, are ended by hand
//	as the least recently used when there are more than MaxSessions
//
// One that began on an unprotected connection counts on such ones only. Times
// are looked at only once the clock is set.
//
// # Forged requests
//
// What changes something is a POST with a token that another site can't know:
// an HMAC under the session's number, or before the login under that of a
// cookie for the visit. It is masked anew in each page, so that compression
// tells nothing about it. On top of it come the browser's own word on where a
// request comes from (Sec-Fetch-Site, Origin) and SameSite cookies.
//
// # Second factors
//
// An account can ask for more than its password: a time-based code (RFC 6238),
// a passkey (WebAuthn), or one of ten recovery codes. A login whose password
// was right waits in memory until one of them comes; no session exists before.
// Wrong codes slow the next ones of the account, whatever address they come
// from, for each of them is tried by somebody who knows the password.
package session

import "time"

// Limits of sessions.
const (
	IdleTime    = 14 * 24 * time.Hour // a session that is not used ends
	MaxAge      = 90 * 24 * time.Hour // any session ends
	MaxSessions = 32                  // of one account; one more ends the least recently used
	ProvedTime  = 10 * time.Minute    // how long a typed password is taken as just typed

	seenEvery = time.Hour // how often the last use is written: each write wears the card
	maxAgent  = 200       // octets kept of what a browser calls itself
	maxCookie = 128       // octets of a session's cookie that is looked at
)
