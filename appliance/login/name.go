package login

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
)

// Longest names looked at, in octets (RFC 5321 section 4.5.3.1).
const (
	maxLocalPart = 64
	maxUser      = maxLocalPart + 1 + 255 // local part, "@" and domain
)

// localPart returns the account name that user means: lower case, by PRECIS
// UsernameCaseMapped (RFC 8265 section 3.3), without the box's own domain.
// It returns "" for what cannot name an account.
func (k *Keeper) localPart(user string) string {
	if len(user) > maxUser {
		return ""
	}
	name := user
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		if k.Domain == nil || !ownDomain(k.Domain(), user[at+1:]) {
			return ""
		}
		name = user[:at]
	}
	name, err := precis.UsernameCaseMapped.String(name)
	if err != nil || len(name) > maxLocalPart {
		return ""
	}
	return name
}

func ownDomain(own []string, domain string) bool {
	domain = foldDomain(domain)
	return slices.ContainsFunc(own, func(d string) bool { return foldDomain(d) == domain })
}

// foldDomain returns the lower-case Unicode form of a domain, whichever way
// the mail program wrote it.
func foldDomain(domain string) string {
	domain = strings.TrimSuffix(domain, ".")
	if u, err := idna.Lookup.ToUnicode(domain); err == nil {
		return u
	}
	return strings.ToLower(domain)
}
