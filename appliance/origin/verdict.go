package origin

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-msgauth/dmarc"
	"golang.org/x/net/publicsuffix"
)

// Result is the outcome of one method, in the words of RFC 8601 section 2.7.
type Result string

// The results. SoftFail is SPF's alone.
const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	Neutral   Result = "neutral"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Verdict is what a check has found.
type Verdict struct {
	SPF       Result
	SPFDomain string // that was asked
	Helo      bool   // it is the client's greeting, for want of a reverse path

	Signatures []Signature // from the top

	DMARC  Result
	Author string       // domain of the author; "" if there is not exactly one
	Policy dmarc.Policy // of that domain, "" for none
}

// Signature is the outcome for one DKIM signature.
type Signature struct {
	Result Result
	Domain string
}

// Condemned tells whether the author's domain wants the message kept out of the
// INBOX or refused, for it is not from there.
func (v *Verdict) Condemned() bool {
	return v.DMARC == Fail && (v.Policy == dmarc.PolicyReject || v.Policy == dmarc.PolicyQuarantine)
}

// SignedBy tells whether a domain, or the one it belongs to, has signed the
// message: Pass, None, or TempError if that can't be found out now.
func (v *Verdict) SignedBy(domain string) Result {
	for _, r := range []Result{Pass, TempError} {
		if slices.ContainsFunc(v.Signatures, func(s Signature) bool {
			return s.Result == r && aligned(s.Domain, ascii(domain), dmarc.AlignmentRelaxed)
		}) {
			return r
		}
	}
	return None
}

// identity is the domain SPF is about: of the reverse path, or else of the
// greeting (RFC 7208 section 2.4).
func (c *Client) identity() (domain string, helo bool) {
	if at := strings.LastIndexByte(c.From, '@'); at >= 0 {
		return ascii(c.From[at+1:]), false
	}
	return ascii(c.Helo), true
}

func (k *Check) askSPF(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, LookupTime)
	defer cancel()
	domain, _ := k.client.identity()
	if !strings.Contains(domain, ".") {
		k.spf = None
		return
	}
	local := "postmaster"
	if at := strings.LastIndexByte(k.client.From, '@'); at >= 0 {
		local = k.client.From[:at]
	}
	result, err := spf.CheckHostWithSender(k.client.Address.Unmap().WithZone("").AsSlice(), ascii(k.client.Helo), local+"@"+domain,
		spf.WithContext(ctx), spf.WithResolver(k.dns))
	if ctx.Err() != nil && err != nil {
		result = spf.TempError
	}
	k.spf = Result(result)
}

// verify verifies the signatures of a message.
func verify(ctx context.Context, d *asker, message io.Reader) []Signature {
	ctx, cancel := context.WithTimeout(ctx, LookupTime)
	defer cancel()
	list, err := dkim.VerifyWithOptions(message, &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return d.LookupTXT(ctx, name) },
		MaxVerifications: MaxSignatures,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return []Signature{{Result: PermError}}
	}
	var out []Signature
	for _, v := range list {
		s := Signature{Pass, ascii(v.Domain)}
		switch {
		case v.Err == nil:
		case dkim.IsTempFail(v.Err):
			s.Result = TempError
		case dkim.IsPermFail(v.Err):
			s.Result = PermError
		default:
			s.Result = Fail
		}
		out = append(out, s)
	}
	return out
}

// judge finds the author's domain and what it wants (RFC 7489 section 6.6).
func (v *Verdict) judge(ctx context.Context, d *asker, from [][]byte) {
	v.Author = author(from)
	switch {
	case v.Author == "":
		v.DMARC = PermError
		return
	case !strings.Contains(v.Author, "."):
		v.DMARC = None
		return
	}
	ask := func(domain string) (*dmarc.Record, error) {
		return dmarc.LookupWithOptions(domain, &dmarc.LookupOptions{
			LookupTXT: func(name string) ([]string, error) { return d.LookupTXT(ctx, name) }})
	}
	r, err := ask(v.Author)
	sub := false
	if org := organisation(v.Author); errors.Is(err, dmarc.ErrNoPolicy) && org != v.Author {
		r, err = ask(org)
		sub = true
	}
	switch {
	case errors.Is(err, dmarc.ErrNoPolicy):
		v.DMARC = None
		return
	case dmarc.IsTempFail(err), err != nil && ctx.Err() != nil:
		v.DMARC = TempError
		return
	case err != nil:
		v.DMARC = PermError
		return
	}
	v.Policy = r.Policy
	if sub && r.SubdomainPolicy != "" {
		v.Policy = r.SubdomainPolicy
	}
	if r.Percent != nil && *r.Percent == 0 {
		v.Policy = dmarc.PolicyNone // the domain is trying it out
	}
	v.DMARC = v.align(r)
}

// align tells whether anything that passed is of the author's domain. What
// could not be asked might have passed.
func (v *Verdict) align(r *dmarc.Record) Result {
	found := map[Result]bool{}
	if aligned(v.SPFDomain, v.Author, r.SPFAlignment) {
		found[v.SPF] = true
	}
	for _, s := range v.Signatures {
		if aligned(s.Domain, v.Author, r.DKIMAlignment) {
			found[s.Result] = true
		}
	}
	switch {
	case found[Pass]:
		return Pass
	case found[TempError]:
		return TempError
	}
	return Fail
}

// aligned compares a domain with the author's (RFC 7489 section 3.1).
func aligned(domain, author string, mode dmarc.AlignmentMode) bool {
	if domain == "" || author == "" {
		return false
	}
	return domain == author || mode != dmarc.AlignmentStrict && organisation(domain) == organisation(author)
}

// organisation is the domain that was registered (RFC 7489 section 3.2), or
// the name itself where that is a public suffix.
func organisation(domain string) string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return org
	}
	return domain
}

// author is the domain of the From field; "" unless there is one field, which
// can be read, with one domain.
func author(from [][]byte) string {
	if len(from) != 1 {
		return ""
	}
	list, err := Authors(from[0])
	if err != nil {
		return ""
	}
	domain := ""
	for _, address := range list {
		d := ascii(address[strings.LastIndexByte(address, '@')+1:])
		if domain != "" && d != domain {
			return ""
		}
		domain = d
	}
	return domain
}
