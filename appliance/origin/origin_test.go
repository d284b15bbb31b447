package origin

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// key is a signing key and the record that publishes it.
func key(t testing.TB) (crypto.Signer, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
}

func sign(t testing.TB, k crypto.Signer, domain, text string) string {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: k,
		HeaderKeys: []string{"From", "Subject"}, HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed"})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var here = netip.MustParseAddr("192.0.2.1")

// check runs a message through a check in pieces of a few octets.
func check(t testing.TB, r *net.Resolver, from, text string) *Verdict {
	t.Helper()
	c := Checker{Resolver: r}
	k := c.Begin(context.Background(), Client{Address: here, Helo: "mx.sender.example", From: from})
	defer k.Abort()
	for len(text) > 0 {
		n := min(len(text), 7)
		if m, err := k.Write([]byte(text[:n])); m != n || err != nil {
			t.Fatalf("write: %d, %v", m, err)
		}
		text = text[n:]
	}
	return k.Finish(context.Background())
}

func TestVerdict(t *testing.T) {
	good, record := key(t)
	bad, _ := key(t)
	z := &zone{records: map[string][]string{
		"strict.example":                    {"v=spf1 ip4:192.0.2.0/24 -all"},
		"_dmarc.strict.example":             {"v=DMARC1; p=reject; adkim=s; aspf=s; sp=quarantine"},
		"s._domainkey.strict.example":       {record},
		"s._domainkey.mail.strict.example":  {record},
		"mail.strict.example":               {"v=spf1 ip4:192.0.2.0/24 -all"},
		"other.example":                     {"v=spf1 ip4:192.0.2.1 -all"},
		"nobody.example":                    {"v=spf1 -all"},
		"_dmarc.nobody.example":             {"v=DMARC1; p=none"},
		"relaxed.example":                   {"v=spf1 -all"},
		"_dmarc.relaxed.example":            {"v=DMARC1; p=quarantine"},
		"s._domainkey.list.example":         {record},
		"s._domainkey.news.relaxed.example": {record},
		"trying.example":                    {"v=spf1 -all"},
		"_dmarc.trying.example":             {"v=DMARC1; p=reject; pct=0"},
		"broken.example":                    {"v=spf1 nonsense:x"},
		"_dmarc.broken.example":             {"v=DMARC1; p=what"},
		"down.example":                      {"SERVFAIL"},
		"_dmarc.down.example":               {"SERVFAIL"},
		"s._domainkey.down.example":         {"SERVFAIL"},
		"keydown.example":                   {"v=spf1 -all"},
		"_dmarc.keydown.example":            {"v=DMARC1; p=reject"},
		"s._domainkey.keydown.example":      {"SERVFAIL"},
		"xn--bcher-kva.example":             {"v=spf1 ip4:192.0.2.1 -all"},
		"_dmarc.xn--bcher-kva.example":      {"v=DMARC1; p=reject"},
		"mx.sender.example":                 {"v=spf1 a -all", "A 192.0.2.1"},
		"huge.example":                      {"v=spf1 -all"},
		"_dmarc.huge.example":               {"v=DMARC1; p=reject"},
		"s._domainkey.huge.example":         {record + strings.Repeat(" ", maxRecord)},
	}}
	resolver := z.serve(t)
	mail := func(author string) string {
		return "From: Somebody <" + author + ">\r\nSubject: hello\r\n\r\nA line.\r\n.. and another\r\n"
	}
	for _, c := range []struct {
		name, from, text string
		want             string // of the field, after the name
		condemned        bool
	}{
		{"all is well", "a@strict.example", sign(t, good, "strict.example", mail("a@strict.example")),
			"spf=pass smtp.mailfrom=strict.example; dkim=pass header.d=strict.example; dmarc=pass (p=reject) header.from=strict.example", false},
		{"SPF alone", "a@strict.example", mail("a@strict.example"),
			"spf=pass smtp.mailfrom=strict.example; dkim=none; dmarc=pass (p=reject) header.from=strict.example", false},
		{"forwarded: DKIM alone", "x@nobody.example", sign(t, good, "strict.example", mail("a@strict.example")),
			"spf=fail smtp.mailfrom=nobody.example; dkim=pass header.d=strict.example; dmarc=pass (p=reject) header.from=strict.example", false},
		{"forged", "x@other.example", mail("a@strict.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=none; dmarc=fail (p=reject) header.from=strict.example", true},
		{"forged with a signature of another", "x@other.example", sign(t, good, "list.example", mail("a@strict.example")),
			"spf=pass smtp.mailfrom=other.example; dkim=pass header.d=list.example; dmarc=fail (p=reject) header.from=strict.example", true},
		{"forged with a wrong key", "x@other.example", sign(t, bad, "strict.example", mail("a@strict.example")),
			"spf=pass smtp.mailfrom=other.example; dkim=fail header.d=strict.example; dmarc=fail (p=reject) header.from=strict.example", true},
		{"changed on the way", "x@other.example", sign(t, good, "strict.example", mail("a@strict.example")) + "an advertisement\r\n",
			"spf=pass smtp.mailfrom=other.example; dkim=fail header.d=strict.example; dmarc=fail (p=reject) header.from=strict.example", true},
		{"strict alignment", "a@mail.strict.example", sign(t, good, "mail.strict.example", mail("a@strict.example")),
			"spf=pass smtp.mailfrom=mail.strict.example; dkim=pass header.d=mail.strict.example; dmarc=fail (p=reject) header.from=strict.example", true},
		{"policy for subdomains", "x@other.example", mail("a@sub.strict.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=none; dmarc=fail (p=quarantine) header.from=sub.strict.example", true},
		{"relaxed alignment", "x@other.example", sign(t, good, "news.relaxed.example", mail("a@relaxed.example")),
			"spf=pass smtp.mailfrom=other.example; dkim=pass header.d=news.relaxed.example; dmarc=pass (p=quarantine) header.from=relaxed.example", false},
		{"no policy", "x@other.example", mail("a@unheard-of.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=none; dmarc=none header.from=unheard-of.example", false},
		{"policy none", "x@other.example", mail("a@nobody.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=none; dmarc=fail (p=none) header.from=nobody.example", false},
		{"trying out", "x@other.example", mail("a@trying.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=none; dmarc=fail (p=none) header.from=trying.example", false},
		{"null sender", "", mail("a@mx.sender.example"),
			"spf=pass smtp.helo=mx.sender.example; dkim=none; dmarc=none header.from=mx.sender.example", false},
		{"broken records", "x@broken.example", mail("a@broken.example"),
			"spf=permerror smtp.mailfrom=broken.example; dkim=none; dmarc=permerror header.from=broken.example", false},
		{"DNS fails", "x@down.example", sign(t, good, "down.example", mail("a@down.example")),
			"spf=temperror smtp.mailfrom=down.example; dkim=temperror header.d=down.example; dmarc=temperror header.from=down.example", false},
		{"key not to be had", "x@keydown.example", sign(t, good, "keydown.example", mail("a@keydown.example")),
			"spf=fail smtp.mailfrom=keydown.example; dkim=temperror header.d=keydown.example; dmarc=temperror (p=reject) header.from=keydown.example", false},
		{"international", "x@bücher.example", mail("a@bücher.example"),
			"spf=pass smtp.mailfrom=xn--bcher-kva.example; dkim=none; dmarc=pass (p=reject) header.from=xn--bcher-kva.example", false},
		{"two From fields", "a@strict.example", "From: a@other.example\r\n" + mail("a@strict.example"),
			"spf=pass smtp.mailfrom=strict.example; dkim=none; dmarc=permerror", false},
		{"no From field", "a@strict.example", "Subject: x\r\n\r\n",
			"spf=pass smtp.mailfrom=strict.example; dkim=none; dmarc=permerror", false},
		{"no header", "a@strict.example", "\r\nFrom: a@strict.example\r\n",
			"spf=pass smtp.mailfrom=strict.example; dkim=none; dmarc=permerror", false},
		{"header without end", "a@strict.example", "From: a@strict.example\r\n",
			"spf=pass smtp.mailfrom=strict.example; dkim=none; dmarc=pass (p=reject) header.from=strict.example", false},
		{"too many lines", "x@other.example", strings.Repeat("X: y\r\n", MaxFields) + sign(t, good, "strict.example", mail("a@strict.example")),
			"spf=pass smtp.mailfrom=other.example; dkim=permerror; dmarc=fail (p=reject) header.from=strict.example", true},
		{"header too large", "x@other.example", "X: " + strings.Repeat("y", MaxHeader) + "\r\n" + mail("a@strict.example"),
			"spf=pass smtp.mailfrom=other.example; dkim=permerror; dmarc=permerror", false},
		{"key too large", "x@huge.example", sign(t, good, "huge.example", mail("a@huge.example")),
			"spf=fail smtp.mailfrom=huge.example; dkim=permerror header.d=huge.example; dmarc=fail (p=reject) header.from=huge.example", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := check(t, resolver, c.from, c.text)
			got := strings.ReplaceAll(v.Field("box.local"), "\r\n\t", " ")
			if want := "Authentication-Results: box.local; " + c.want + "\r\n"; got != want {
				t.Errorf("got  %swant %s", got, want)
			}
			if v.Condemned() != c.condemned {
				t.Errorf("condemned: %v", v.Condemned())
			}
		})
	}
}

// The number of signatures that are verified is limited, and so are questions.
func TestLimits(t *testing.T) {
	k, record := key(t)
	z := &zone{records: map[string][]string{"s._domainkey.many.example": {record}}}
	resolver := z.serve(t)
	text := "From: a@many.example\r\nSubject: x\r\n\r\nbody\r\n"
	for range 20 {
		text = sign(t, k, "many.example", text)
	}
	v := check(t, resolver, "a@many.example", text)
	if len(v.Signatures) != MaxSignatures {
		t.Errorf("%d signatures were verified", len(v.Signatures))
	}
	d := &asker{resolver: resolver}
	for i := range MaxLookups + 10 {
		_, err := d.LookupTXT(context.Background(), "many.example")
		if refused := err != nil && strings.Contains(err.Error(), "questions"); refused != (i >= MaxLookups) {
			t.Fatalf("question %d: %v", i+1, err)
		}
	}
}

// A message whose client goes away does not wait for a DNS that is silent.
func TestAbort(t *testing.T) {
	k, _ := key(t)
	text := sign(t, k, "silent.example", "From: a@silent.example\r\nSubject: x\r\n\r\nbody\r\n")
	for _, cut := range []int{0, 10, strings.Index(text, "\r\n\r\n") + 4} {
		synctest.Test(t, func(t *testing.T) {
			c := Checker{Resolver: &net.Resolver{PreferGo: true,
				Dial: func(context.Context, string, string) (net.Conn, error) { c, _ := net.Pipe(); return c, nil }}}
			begun := time.Now()
			check := c.Begin(context.Background(), Client{Address: here, From: "a@silent.example"})
			check.Write([]byte(text[:cut]))
			synctest.Wait() // it asks
			check.Abort()
			if took := time.Since(begun); took != 0 {
				t.Errorf("after %d octets it took %v to end", cut, took)
			}
			time.Sleep(2 * LookupTime) // what still asks ends, or the bubble complains
		})
	}
}

// Values from outside can't end the field, nor a quoted string in it.
func TestValue(t *testing.T) {
	for in, want := range map[string]string{
		"example.org": "example.org", "a;b": `"a;b"`, "a\r\nX: y": `"a??X:?y"`, `a"b\`: `"a?b?"`, "": `""`, "é": `"?"`,
	} {
		if got := value(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	k, record := key(f)
	z := &zone{records: map[string][]string{"s._domainkey.a.example": {record}, "a.example": {"v=spf1 -all"},
		"_dmarc.a.example": {"v=DMARC1; p=reject"}}}
	resolver := z.serve(f)
	f.Add("a@a.example", []byte(sign(f, k, "a.example", "From: a@a.example\r\nSubject: x\r\n\r\nbody\r\n")))
	f.Add("", []byte("From: x\r\n\ty\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=; b=\r\n\r\n"))
	f.Fuzz(func(t *testing.T, from string, text []byte) {
		c := Checker{Resolver: resolver}
		check := c.Begin(context.Background(), Client{Address: here, Helo: from, From: from})
		check.Write(text)
		field := check.Finish(context.Background()).Field("box")
		check.Abort()
		for _, line := range strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n")[1:] {
			if !strings.HasPrefix(line, "\t") {
				t.Errorf("the field has a line %q", line)
			}
		}
	})
}
