package clean

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/net/html"
)

// pixel is a picture of one point.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func openPixel(cid string) (io.Reader, error) {
	switch cid {
	case "picture@mail":
		return base64.NewDecoder(base64.StdEncoding, strings.NewReader(pixel)), nil
	case "page@mail":
		return strings.NewReader("<html><script>alert(1)</script>"), nil
	}
	return nil, ErrNoPicture
}

func cleaned(t testing.TB, remote bool, in string) (string, Found) {
	t.Helper()
	var out bytes.Buffer
	h := &HTML{Remote: remote, Picture: openPixel}
	found, err := h.Write(t.Context(), &out, strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), found
}

// harmless fails for anything in cleaned HTML, as a browser parses it, that is
// not text, a table, a link to elsewhere or a picture.
func harmless(t testing.TB, out string, remote bool) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if !slices.Contains(shown, n.Data) || n.Namespace != "" {
				t.Errorf("element %s %q", n.Data, n.Namespace)
			}
			for _, a := range n.Attr {
				harmlessAttribute(t, n.Data, a, remote)
			}
		case html.CommentNode, html.DoctypeNode, html.RawNode:
			t.Errorf("node %v %q", n.Type, n.Data)
		}
	}
}

var shown = strings.Fields(`html head body a abbr address article aside b bdi bdo big blockquote br caption center cite
	code col colgroup dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li
	main mark ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul
	var wbr`)

var plainAttributes = strings.Fields(`align alt bgcolor border cellpadding cellspacing color colspan dir face height
	lang rel rowspan size span start target title type valign value width`)

var outside = regexp.MustCompile(`(?i)\b(?:url|expression|behaviou?r|image|element|attr|env|fixed|absolute|sticky)\b|var\(|\\|[<>@{}]|/\*`)

func harmlessAttribute(t testing.TB, element string, a html.Attribute, remote bool) {
	t.Helper()
	u, err := url.Parse(a.Val)
	switch {
	case a.Namespace != "":
		t.Errorf("%s: attribute %s:%s", element, a.Namespace, a.Key)
	case a.Key == "href" && element == "a":
		if err != nil || !slices.Contains([]string{"http", "https", "mailto", "tel"}, u.Scheme) {
			t.Errorf("a link to %q", a.Val)
		}
	case a.Key == "src" && element == "img":
		if err != nil || !(u.Scheme == "https" && remote) && !dataPicture.MatchString(a.Val) {
			t.Errorf("a picture from %.100q", a.Val)
		}
	case a.Key == "style":
		if outside.MatchString(a.Val) {
			t.Errorf("style %q", a.Val)
		}
	case a.Key == "target" && a.Val != "_blank":
		t.Errorf("target %q", a.Val)
	case !slices.Contains(plainAttributes, a.Key):
		t.Errorf("%s: attribute %s", element, a.Key)
	}
}

// What a hostile mail may do: be text. scripts/test-web shows the same files to
// a browser.
func TestHostile(t *testing.T) {
	names, err := filepath.Glob("testdata/hostile/*.html")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".html"), func(t *testing.T) {
			in, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, remote := range []bool{false, true} {
				out, _ := cleaned(t, remote, string(in))
				harmless(t, out, remote)
				again, _ := cleaned(t, remote, out)
				harmless(t, again, remote)
			}
		})
	}
}

func TestKept(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`<p style="COLOR: Red; text-align:center">x</p>`, `<p style="color: red; text-align: center">x</p>`},
		{`<p style="font: 12px/1.5 &quot;Segoe UI&quot;, sans-serif !important">x</p>`, `<p style="font: 12px/1.5 &#39;segoe ui&#39;, sans-serif">x</p>`},
		{`<p style="color:rgb(1, 2, 3); margin:-5px; margin: 0 auto">x</p>`, `<p style="color: rgb(1, 2, 3); margin: 0 auto">x</p>`},
		{`<body bgcolor="#ffffff" style="background-color:#eee"><p>x</p></body>`, `<div bgcolor="#ffffff" style="background-color: #eee"><p>x</p></div>`},
		{`<a href="https://e.example/a?b=1&amp;c=2#d">x</a>`, `<a href="https://e.example/a?b=1&amp;c=2#d" rel="noreferrer noopener" target="_blank">x</a>`},
		{`<a href="mailto:a@e.example">x</a>`, `<a href="mailto:a@e.example" rel="noreferrer">x</a>`},
		{`<a href="#top">x</a>`, `<a>x</a>`},
		{`<table width="100%" cellpadding=0><tr><td colspan=2 bgcolor=red>x`, `<table width="100%" cellpadding="0"><tr><td colspan="2" bgcolor="red">x`},
		{`<img src="cid:picture@mail" alt="a">`, `<img src="data:image/png;base64,` + pixel + `" alt="a">`},
		{`<img src="CID:picture%40mail">`, `<img src="data:image/png;base64,` + pixel + `">`},
		{`<img src="cid:page@mail" alt="b"><img src="cid:other">`, `<img alt="b"><img>`},
		{`<img src="data:image/png;base64,` + pixel[:20] + "\r\n" + pixel[20:] + `">`, `<img src="data:image/png;base64,` + pixel + `">`},
		{"a &lt;img src=\"cid:0\"&gt; b", "a &lt;img src=&#34;cid:0&#34;&gt; b"},
		{`<title>t</title>a<style>b</style>c<script>d</script>e<!-- f -->g`, `aceg`},
	} {
		if got, _ := cleaned(t, false, c.in); got != c.want {
			t.Errorf("%s\n became %s\n    want %s", c.in, got, c.want)
		}
	}
}

func TestRemote(t *testing.T) {
	const in = `<img src="http://e.example/a.png"><img src="//e.example/b.png"><img src="https://u:p@e.example/c.png">`
	out, found := cleaned(t, false, in)
	if found.Remote != 2 || strings.Contains(out, "e.example") {
		t.Errorf("%+v %s", found, out)
	}
	out, _ = cleaned(t, true, in)
	if want := `<img src="https://e.example/a.png"><img src="https://e.example/b.png"><img>`; out != want {
		t.Errorf("%s", out)
	}
	for in, want := range map[string]bool{in: true, "<p>https://e.example/a.png</p>": false, "": false} {
		if got, err := HasRemote(t.Context(), strings.NewReader(in)); err != nil || got != want {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	if strings.Contains(Policy(false), "https:") || !strings.Contains(Policy(true), "img-src data: https:;") {
		t.Error(Policy(true))
	}
}

func TestLimits(t *testing.T) {
	for name, in := range map[string]string{
		"size":    strings.Repeat("<p>text</p>", MaxHTML/8),
		"tags":    strings.Repeat("<b>", MaxTags+1),
		"token":   "<p>" + strings.Repeat("x", MaxToken+1),
		"tag":     `<p title="` + strings.Repeat("x", MaxToken+1) + `">`,
		"numbers": strings.Repeat("<img src=cid:a>", maxCIDs+1),
	} {
		out, found := cleaned(t, false, in)
		if !found.Cut || len(out) > 2*MaxHTML {
			t.Errorf("%s: %+v, %d octets", name, found, len(out))
		}
		harmless(t, out, false)
	}
	out, found := cleaned(t, false, strings.Repeat("<div>", 5000)+"deep"+strings.Repeat("</div>", 5000))
	if strings.Count(out, "<div>") != MaxDepth || strings.Count(out, "</div>") != MaxDepth || !strings.Contains(out, "deep") || found.Cut {
		t.Errorf("%+v %.200s", found, out)
	}
}

// One picture used again and again costs no more than its limit.
func TestPicturesTogether(t *testing.T) {
	large := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 4<<20)))
	h := &HTML{Picture: func(string) (io.Reader, error) {
		return base64.NewDecoder(base64.StdEncoding, strings.NewReader(large)), nil
	}}
	var out bytes.Buffer
	found, err := h.Write(t.Context(), &out, strings.NewReader(strings.Repeat("<img src=cid:a>", 20)))
	if err != nil || !found.Cut || out.Len() > MaxPictures*3/2 {
		t.Errorf("%v %+v, %d octets", err, found, out.Len())
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("card is gone")
	h := &HTML{Picture: func(string) (io.Reader, error) { return nil, broken }}
	if _, err := h.Write(t.Context(), io.Discard, strings.NewReader("<img src=cid:a>")); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := h.Write(t.Context(), io.Discard, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, _, err := Text(iotest.ErrReader(broken), Flow{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzHTML(f *testing.F) {
	names, err := filepath.Glob("testdata/hostile/*.html")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		in, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(in), false)
		f.Add(string(in), true)
	}
	f.Fuzz(func(t *testing.T, in string, remote bool) {
		if len(in) > 30<<10 {
			return // what takes long is in TestLimits
		}
		out, found := cleaned(t, remote, in)
		harmless(t, out, remote)
		if found.Remote == 0 && remote && strings.Contains(out, `src="https:`) {
			t.Errorf("a picture from elsewhere was not counted: %s", out)
		}
	})
}

// BenchmarkHTML is a newsletter of 100 KB.
func BenchmarkHTML(b *testing.B) {
	row := `<tr><td style="padding: 10px 20px; font-family: Arial, sans-serif; color: #333333"><a href="https://e.example/?a=1&amp;b=2" style="color:#06c">An offer</a>` +
		`<img src="https://e.example/x.png" width="200" height="80" alt="x"> and some words about it, for those who read</td></tr>`
	in := "<table>" + strings.Repeat(row, 100<<10/len(row)) + "</table>"
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		h := &HTML{}
		if _, err := h.Write(b.Context(), io.Discard, strings.NewReader(in)); err != nil {
			b.Fatal(err)
		}
	}
}
