package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/idna"

	"posthorn/store"
)

// Limits of policies (MTA-STS, RFC 8461).
const (
	policyTime     = time.Minute     // for one fetch (section 3.3)
	policyPause    = 5 * time.Minute // after one that failed
	maxPolicySize  = 64 << 10        // octets
	maxPolicyHosts = 50
	maxPolicyAge   = 31557600 * time.Second // a year (section 3.2)
	maxPolicies    = 200                    // that are kept
)

// policiesValue is the name of the store's record of policies.
const policiesValue = "relay/mta-sts"

// policy is what a domain demands of those who send to it.
type policy struct {
	Domain string    `json:"domain"`
	ID     string    `json:"id"`
	Mode   string    `json:"mode"`  // enforce, testing or none
	Hosts  []string  `json:"hosts"` // names of its servers, "*.example.com" among them
	Until  time.Time `json:"until"`
}

// binds tells whether mail may go only to servers that prove to be of the
// policy. Of a nil policy it is false.
func (p *policy) binds() bool { return p != nil && p.Mode == "enforce" }

// allows tells whether host is among the policy's (RFC 8461 section 4.1).
func (p *policy) allows(host string) bool {
	return slices.ContainsFunc(p.Hosts, func(pattern string) bool {
		if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
			_, rest, _ := strings.Cut(host, ".")
			return "."+rest == suffix
		}
		return pattern == host
	})
}

// fetches remembers whose policy could not be fetched, and when.
type fetches struct {
	mu     sync.Mutex
	failed map[string]time.Time
}

// wait tells whether a domain was asked in vain a moment ago.
func (f *fetches) wait(domain string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.failed[domain]
	return known && time.Since(at) < policyPause
}

func (f *fetches) fail(domain string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil || len(f.failed) >= maxPolicies {
		f.failed = make(map[string]time.Time)
	}
	f.failed[domain] = time.Now()
}

// policy returns the policy of a domain: the one kept, or a new one where the
// domain's TXT record says that there is one. nil is none. A policy that is
// kept stays good until its time when neither can be had, so that who can keep
// us from looking can't make us careless (RFC 8461 section 5.1).
func (r *Relay) policy(ctx context.Context, domain string) (*policy, error) {
	if r.Store == nil || strings.HasPrefix(domain, "[") {
		return nil, nil
	}
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return nil, nil // the search for its servers says so
	}
	kept, err := r.keptPolicy(domain)
	if err != nil {
		return nil, err
	}
	id := r.policyID(ctx, domain)
	if id == "" || kept != nil && kept.ID == id || r.fetches.wait(domain) {
		return kept, nil
	}
	p, err := r.fetchPolicy(ctx, domain)
	if err != nil {
		r.fetches.fail(domain)
		r.log().WarnContext(ctx, "mail policy of a domain can't be had", "domain", domain, "error", err)
		return kept, nil
	}
	p.Domain, p.ID = domain, id
	r.log().InfoContext(ctx, "mail policy of a domain", "domain", domain, "mode", p.Mode, "until", p.Until)
	return p, r.keepPolicy(p)
}

var policyName = regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)

// policyID is the name of a domain's present policy; "" says that there is
// none, or that none could be found out.
func (r *Relay) policyID(ctx context.Context, domain string) string {
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	records, err := r.resolver().LookupTXT(ctx, "_mta-sts."+domain+".")
	if err != nil {
		return ""
	}
	return readPolicyID(records)
}

// readPolicyID finds the id in the TXT records: exactly one may be a policy's
// (RFC 8461 section 3.1).
func readPolicyID(records []string) string {
	id, found := "", 0
	for _, text := range records {
		fields := strings.Split(text, ";")
		if strings.TrimSpace(fields[0]) != "v=STSv1" {
			continue
		}
		found++
		for _, field := range fields[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			if name == "id" && policyName.MatchString(value) {
				id = value
			}
		}
	}
	if found != 1 {
		return ""
	}
	return id
}

// fetchPolicy fetches a domain's policy over HTTPS (RFC 8461 section 3.3).
func (r *Relay) fetchPolicy(ctx context.Context, domain string) (*policy, error) {
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	host := "mta-sts." + domain
	if r.PolicyPort != 0 {
		host += ":" + strconv.Itoa(r.PolicyPort)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, err
	}
	answer, err := r.https().Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode != http.StatusOK || kind != "text/plain" {
		return nil, fmt.Errorf("%s answers %s with %q, not 200 with text/plain", q.URL, answer.Status, kind)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPolicySize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxPolicySize {
		return nil, fmt.Errorf("%s has more than %d octets", q.URL, maxPolicySize)
	}
	return readPolicy(string(text), time.Now())
}

// readPolicy reads a policy as it is published (RFC 8461 section 3.2).
func readPolicy(text string, now time.Time) (*policy, error) {
	p := new(policy)
	version := ""
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n \t"), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "version":
			version = value
		case "mode":
			p.Mode = value
		case "mx":
			if len(value) > 253 || len(p.Hosts) == maxPolicyHosts {
				return nil, fmt.Errorf("policy has more than %d servers, or one with too long a name", maxPolicyHosts)
			}
			p.Hosts = append(p.Hosts, strings.ToLower(strings.TrimSuffix(value, ".")))
		case "max_age":
			seconds, err := strconv.ParseUint(value, 10, 34) // up to 10 digits
			if err != nil {
				return nil, fmt.Errorf("max_age %q is no number of seconds", value)
			}
			p.Until = now.Add(time.Duration(min(seconds, uint64(maxPolicyAge/time.Second))) * time.Second)
		}
	}
	switch {
	case version != "STSv1":
		return nil, fmt.Errorf("policy has version %q, not STSv1", version)
	case p.Mode != "enforce" && p.Mode != "testing" && p.Mode != "none":
		return nil, fmt.Errorf("policy has mode %q, not enforce, testing or none", p.Mode)
	case p.Until.IsZero():
		return nil, errors.New("policy does not say how long it is good (max_age)")
	case p.Mode != "none" && len(p.Hosts) == 0:
		return nil, errors.New("policy names no server (mx)")
	}
	return p, nil
}

// policies are those kept, the ones that are over left out.
func policies(tx *store.Tx, now time.Time) (list []policy, err error) {
	v, err := tx.Value(policiesValue)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(v, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read the policies of domains: %w", err)
	}
	return slices.DeleteFunc(list, func(p policy) bool { return !p.Until.After(now) }), nil
}

func (r *Relay) keptPolicy(domain string) (kept *policy, err error) {
	err = r.Store.View(func(tx *store.Tx) error {
		list, err := policies(tx, time.Now())
		if i := slices.IndexFunc(list, func(p policy) bool { return p.Domain == domain }); i >= 0 {
			kept = &list[i]
		}
		return err
	})
	return kept, err
}

// keepPolicy writes a policy down. Where there are too many the oldest go,
// first of those that forbid nothing.
func (r *Relay) keepPolicy(p *policy) error {
	err := r.Store.Update(func(tx *store.Tx) error {
		list, err := policies(tx, time.Now())
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(old policy) bool { return old.Domain == p.Domain })
		list = append(list, *p)
		for {
			v, err := json.Marshal(list)
			if err != nil {
				return err
			}
			if len(list) <= maxPolicies && len(v) <= store.MaxValue {
				return tx.PutValue(policiesValue, v)
			}
			least := max(slices.IndexFunc(list, func(p policy) bool { return !p.binds() }), 0)
			list = slices.Delete(list, least, least+1)
		}
	})
	if errors.Is(err, store.ErrFull) {
		return nil // it is good for this connection all the same
	}
	return err
}
