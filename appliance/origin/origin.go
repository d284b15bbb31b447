// Package origin finds out where mail from outside really comes from, by what
// the domains in it have published in the DNS:
//
//	SPF    RFC 7208  may this client send for the domain of the reverse path?
//	DKIM   RFC 6376  which domains have signed the message?
//	DMARC  RFC 7489  is one of those the domain of the author, and what does
//	                 that domain want done if not?
//
// A message is written to a [Check] as it comes in; only its header is held,
// and no longer than until its end. SPF is asked for while the message is still
// on its way. A DNS that does not answer gives "temperror" and never holds a
// message up longer than LookupTime three times; nothing here refuses or loses mail:
// what is to be done is the caller's to decide.
//
//	Begin ---> SPF ------------------------------+
//	Write ---> header ---> keys, body hash ------+---> Finish: DMARC, Verdict
package origin

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/idna"
)

// Limits of one check.
const (
	// LookupTime is how long SPF may take, and after the end of the header
	// DKIM and DMARC together.
	LookupTime = 10 * time.Second
	// MaxLookups is how many questions to the DNS there are: SPF may need 10
	// and those of MX names (RFC 7208 section 4.6.4).
	MaxLookups = 60
	// MaxHeader is how many octets of header are looked at; a message with
	// more is not checked for signatures.
	MaxHeader = 256 << 10
	// MaxFields is how many lines a header that is checked may have: the time
	// a signature takes grows with them.
	MaxFields = 1000
	// MaxSignatures is how many signatures are verified, from the top.
	MaxSignatures = 4
	// maxSignature is how many octets a signature may have.
	maxSignature = 4 << 10
	// maxRecord is how many octets of a TXT record are read: a key of 16,384
	// bits fits, and larger ones would cost seconds.
	maxRecord = 4 << 10
)

// Checker makes checks. Its zero value asks the resolver of the system.
type Checker struct {
	// Resolver asks the DNS; nil is the system's.
	Resolver *net.Resolver
}

// Client is what is known of a message before it comes.
type Client struct {
	Address netip.Addr
	Helo    string // its greeting
	From    string // reverse path, "" for none
}

// Check is one message being checked. It is for one goroutine.
type Check struct {
	client Client
	dns    *asker
	cancel context.CancelFunc
	under  sync.WaitGroup

	spf Result

	head     bytes.Buffer
	bodied   bool // the header has ended
	tooLarge bool
	from     [][]byte // raw From fields

	signed     chan []byte    // gets the header if there are signatures to verify, and is closed
	body       *io.PipeWriter // to the verifier; nil: it needs nothing more
	signatures []Signature
}

// Begin starts a check. Finish or Abort must be called in the end.
func (c *Checker) Begin(ctx context.Context, client Client) *Check {
	ctx, cancel := context.WithCancel(ctx)
	k := &Check{client: client, dns: &asker{resolver: c.Resolver}, cancel: cancel, signed: make(chan []byte, 1)}
	if k.dns.resolver == nil {
		k.dns.resolver = net.DefaultResolver
	}
	k.under.Go(func() { k.askSPF(ctx) })
	var r *io.PipeReader
	r, k.body = io.Pipe()
	k.under.Go(func() {
		defer r.Close()
		if head := <-k.signed; head != nil {
			k.signatures = verify(ctx, k.dns, io.MultiReader(bytes.NewReader(head), r))
		}
	})
	return k
}

// Write takes a piece of the message, as it came from the client. It never
// fails, but may wait for the keys of signatures.
func (k *Check) Write(p []byte) (int, error) {
	n := len(p)
	if !k.bodied {
		p = k.readHeader(p)
	}
	if len(p) > 0 && k.body != nil {
		if _, err := k.body.Write(p); err != nil {
			k.body = nil // the verifier has seen enough
		}
	}
	return n, nil
}

// readHeader takes what belongs to the header and returns the rest.
func (k *Check) readHeader(p []byte) []byte {
	for len(p) > 0 {
		line := p
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line = p[:i+1]
		}
		p = p[len(line):]
		if k.head.Len()+len(line) > MaxHeader {
			k.tooLarge = true
			k.endHeader()
			return nil
		}
		k.head.Write(line)
		if k.atEnd() {
			k.endHeader()
			return p
		}
	}
	return nil
}

// atEnd tells whether the last line is empty.
func (k *Check) atEnd() bool {
	rest, ended := bytes.CutSuffix(k.head.Bytes(), []byte{'\n'})
	rest = bytes.TrimSuffix(rest, []byte{'\r'})
	return ended && (len(rest) == 0 || rest[len(rest)-1] == '\n')
}

// endHeader reads the header, and has the signatures verified if there are any.
func (k *Check) endHeader() {
	k.bodied = true
	kept, signatures := k.readFields()
	k.head = bytes.Buffer{}
	if signatures > 0 && !k.tooLarge {
		k.signed <- kept
	}
	close(k.signed)
}

// readFields collects the From fields, counts the signatures and returns the
// header without those that are too large to be verified.
func (k *Check) readFields() (kept []byte, signatures int) {
	lines := bytes.SplitAfter(k.head.Bytes(), []byte{'\n'})
	k.tooLarge = k.tooLarge || len(lines) > MaxFields
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && len(lines[n]) > 0 && (lines[n][0] == ' ' || lines[n][0] == '\t') {
			n++
		}
		field := bytes.Join(lines[:n], nil)
		lines = lines[n:]
		name, value, _ := bytes.Cut(field, []byte{':'})
		switch strings.ToLower(strings.TrimRight(string(name), " \t")) {
		case "from":
			k.from = append(k.from, bytes.Clone(value))
		case "dkim-signature":
			if len(field) > maxSignature {
				continue
			}
			signatures++
		}
		kept = append(kept, field...)
	}
	return kept, signatures
}

// Finish ends the message and returns what was found. It waits for answers of
// the DNS that are under way, and asks for the author's policy.
func (k *Check) Finish(ctx context.Context) *Verdict {
	if !k.bodied { // a header without an end
		k.endHeader()
	}
	if k.body != nil {
		k.body.Close()
	}
	k.under.Wait()
	defer k.cancel()
	v := &Verdict{SPF: k.spf, Signatures: k.signatures}
	v.SPFDomain, v.Helo = k.client.identity()
	if k.tooLarge {
		v.Signatures = []Signature{{Result: PermError}}
	}
	ctx, cancel := context.WithTimeout(ctx, LookupTime)
	defer cancel()
	v.judge(ctx, k.dns, k.from)
	return v
}

// Abort gives the check up. It does not wait for questions that are under way:
// those end within LookupTime. After Finish it does nothing.
func (k *Check) Abort() {
	k.cancel()
	if !k.bodied {
		k.bodied = true
		close(k.signed)
	}
	if k.body != nil {
		k.body.Close()
	}
}

// ascii is a domain in the form in which it is compared and asked for: lower
// case, internationalised labels in ASCII (RFC 5890); "" if it is none.
func ascii(domain string) string {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	name, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		// Names with underscores and the like are no host names but are in use.
		for i := range len(domain) {
			if c := domain[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>@[\]`, c) >= 0 {
				return ""
			}
		}
		name = domain
	}
	if len(name) > 253 {
		return ""
	}
	return name
}
