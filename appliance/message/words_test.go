package message

import (
	"reflect"
	"strings"
	"testing"
)

// TestDecodeHeader shows encoded words, whole and broken, and raw 8-bit text.
func TestDecodeHeader(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"plain", "plain"},
		{"=?utf-8?q?Caf=C3=A9?=", "Café"},
		{"=?UTF-8?B?Q2Fmw6k=?=", "Café"},
		{"=?UTF-8?B?Q2Fmw6k?=", "Café"},
		{"=?iso-8859-1?Q?Caf=E9_au_lait?= now", "Café au lait now"},
		{"=?iso-8859-15?Q?=A4?=", "€"},
		{"=?windows-1252?Q?=80?=", "€"},
		{"=?koi8-r?B?8NLJ18XU?=", "Привет"},
		{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"=?gb2312?B?1tDOxA==?=", "中文"},
		{"=?big5?B?pKSk5Q==?=", "中文"},
		{"=?shift_jis?B?k/qWew==?=", "日本"},
		{"=?cp932?B?k/qWew==?=", "日本"},
		{"=?cp850?Q?=82?=", "é"},
		{"=?utf-8*en?q?a?=", "a"},
		// blanks between words are not shown, other text is (RFC 2047 section 8)
		{"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
		{"=?utf-8?q?a?=\r\n =?utf-8?q?b?= c", "ab c"},
		{"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
		{"a =?utf-8?q?b?=", "a b"},
		{"=?utf-8?q??= =?utf-8?q?a?=", "a"},
		// a character in two words, and a charset that changes
		{"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"},
		{"=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?=", "éé"},
		// broken
		{"=?utf-8?q?a b?=", "a b"},
		{"=?utf-8?q?=4?=", "=4"},
		{"=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
		{"=?utf-8?q?abc", "=?utf-8?q?abc"},
		{"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="},
		{"=??q?abc?=", "=??q?abc?="},
		{"=?", "=?"},
		{"=?nonsense?q?Caf=C3=A9?=", "Café"},
		{"=?us-ascii?q?Caf=E9?=", "Café"},
		{"Caf\xe9", "Café"},
		{"Caf\xc3\xa9", "Café"},
		{"a\r\n\tb", "a b"},
		{"=?utf-8?q?a=0D=0Ab=00?=", "a  b "},
	}
	for _, tt := range tests {
		if got := DecodeHeader(tt.raw); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.raw, got, tt.want)
		}
	}
	for _, unit := range []string{"=?", "=?a?q?", "=?a?q?b?= ", "=?utf-8?b?w6?="} {
		DecodeHeader(strings.Repeat(unit, MaxField/len(unit))) // in time that is proportional
	}
}

// TestFields shows what is kept of the other fields.
func TestFields(t *testing.T) {
	i := scan(crlf(`Received: one
Received: two
 folded
Subject : =?utf-8?q?=E2=82=AC?=
Subject: another
Message-ID:
 <a@b>
In-Reply-To: Your message of Sunday <c@d> (x)
References: <1@x> <2@
 x>	<3@x>
Date: Sun, 22 Nov 2026 20:15:30 +0100
not a field
Content-Type: application/pdf;
 name*0*=utf-8''%e2%82%ac; name*1=" x.pdf"
Content-Disposition: ATTACHMENT; filename="=?utf-8?q?=E2=82=AC?=.pdf"
Content-Transfer-Encoding: BASE64 (what else)
Content-ID: <id@x>
Content-Description: =?utf-8?q?=E2=82=AC?=
Content-Language: en, de
Content-Location: http://example.org/
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==

x`))
	e := i.Envelope
	if i.Received != 2 || e.Subject != "€" || e.MessageID != "a@b" || e.Date.IsZero() {
		t.Errorf("%d %+v", i.Received, e)
	}
	if !reflect.DeepEqual(e.InReplyTo, []string{"c@d"}) || !reflect.DeepEqual(i.References, []string{"1@x", "2@x", "3@x"}) {
		t.Errorf("%q %q", e.InReplyTo, i.References)
	}
	want := Part{
		Type: "application", Subtype: "pdf", Params: map[string]string{"name": "€ x.pdf"},
		Disposition: "attachment", DispositionParams: map[string]string{"filename": "€.pdf"},
		Encoding: "base64", ID: "<id@x>", Description: "€", Language: []string{"en", "de"},
		Location: "http://example.org/", MD5: "Q2hlY2sgSW50ZWdyaXR5IQ==",
		HeaderSize: i.HeaderSize, BodyOffset: i.HeaderSize, BodySize: 1, Lines: 1,
	}
	if !reflect.DeepEqual(i.Root, want) {
		t.Errorf("got %+v\nwant %+v", i.Root, want)
	}
}

func TestMessageIDs(t *testing.T) {
	tests := []struct {
		value string
		want  []string
	}{
		{"<a@b>", []string{"a@b"}},
		{"a@b", []string{"a@b"}},
		{"a@b, c@d", []string{"a@b", "c@d"}},
		{"text without one", nil},
		{"<>", nil},
		{"<a@b", []string{"a@b"}},
	}
	for _, tt := range tests {
		if got := messageIDs(tt.value); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.value, got, tt.want)
		}
	}
	var refs strings.Builder
	refs.WriteString("References: <first@x>")
	for range 500 {
		refs.WriteString("\r\n <other@x>")
	}
	refs.WriteString("\r\n <last@x>\r\n")
	i := scan(refs.String())
	if r := i.References; len(r) != MaxReferences || r[0] != "first@x" || r[len(r)-1] != "last@x" {
		t.Errorf("%d: %q", len(r), r)
	}
}

// TestParams shows parameters of all forms (RFC 2045, RFC 2231) and broken.
func TestParams(t *testing.T) {
	tests := []struct {
		value, word string
		want        map[string]string
	}{
		{"text/plain; charset=utf-8", "text/plain", map[string]string{"charset": "utf-8"}},
		{`text/plain; charset="utf-8"; format=flowed;`, "text/plain", map[string]string{"charset": "utf-8", "format": "flowed"}},
		{"Text/Plain ; Charset = us-ascii (plain text)", "text/plain", map[string]string{"charset": "us-ascii"}},
		{"text/plain (comment); charset=a", "text/plain", map[string]string{"charset": "a"}},
		{"text/plain charset=utf-8", "text/plain", map[string]string{"charset": "utf-8"}},
		{"a/b; x=1; x=2", "a/b", map[string]string{"x": "1"}},
		{`a/b; name="a;b.txt"; y=z`, "a/b", map[string]string{"name": "a;b.txt", "y": "z"}},
		{`a/b; name="C:\dir\a.txt"`, "a/b", map[string]string{"name": `C:\dir\a.txt`}},
		{`a/b; name="a\"b"`, "a/b", map[string]string{"name": `a"b`}},
		{"a/b; name=my file (1).pdf; y=z", "a/b", map[string]string{"name": "my file (1).pdf", "y": "z"}},
		{`a/b; name="no end; y=z`, "a/b", map[string]string{"name": "no end", "y": "z"}},
		{"a/b; name=Ren\xe9", "a/b", map[string]string{"name": "René"}},
		{"a/b; ;; =x; b@d=1; c", "a/b", map[string]string{}},
		// RFC 2231 sections 3, 4 and 4.1
		{"a/b; u*0=\"ftp://\"; u*1=\"x.test/y\"", "a/b", map[string]string{"u": "ftp://x.test/y"}},
		{"a/b; t*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "a/b", map[string]string{"t": "This is ***fun***"}},
		{"a/b; t*1*=is%20x; t*0*=utf-8''This%20; t*2=\" isn't\"", "a/b", map[string]string{"t": "This is x isn't"}},
		{"a/b; t=plain; t*=iso-8859-1''%E9", "a/b", map[string]string{"t": "é"}},
		{"a/b; t*0*=utf-8''%C3; t*1*=%A9", "a/b", map[string]string{"t": "é"}},
		{"a/b; t*0=a; t*2=c", "a/b", map[string]string{"t": "a"}},
		{"a/b; t*1=b", "a/b", map[string]string{}},
		{"a/b; t*x=b; t*99999999999999999999=c", "a/b", map[string]string{}},
		{"a/b; t*=%zz%4", "a/b", map[string]string{"t": "%zz%4"}},
	}
	for _, tt := range tests {
		word, params := parseMedia(tt.value)
		if word != tt.word || !reflect.DeepEqual(params, tt.want) {
			t.Errorf("%q\n got %q %q\nwant %q %q", tt.value, word, params, tt.word, tt.want)
		}
	}
	got := ASCIIParams(map[string]string{"name": "é 'x'%.txt", "charset": "utf-8"})
	want := map[string]string{"name*": "utf-8''%C3%A9%20%27x%27%25.txt", "charset": "utf-8"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if _, back := parseMedia("a/b; name*=" + got["name*"]); back["name"] != "é 'x'%.txt" {
		t.Errorf("came back as %q", back)
	}
}
