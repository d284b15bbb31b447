package clean

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxCIDs is how many pictures of the message one document may show.
const maxCIDs = 500

// filter is the first wall: a reader of HTML that keeps to the limits, with
// every URL and style decided. Elements are bluemonday's to choose.
type filter struct {
	stop   func() error // why to stop, nil to go on
	z      *html.Tokenizer
	remote bool
	out    bytes.Buffer
	done   bool

	tags    int
	depth   int // elements open
	ignored int // elements open whose tags were left out, innermost
	mute    bool
	cids    []string // by the number that stands for them
	found   Found
}

func newFilter(ctx context.Context, r io.Reader, remote bool) *filter {
	f := &filter{stop: ctx.Err, remote: remote}
	limited := &limitedReader{r: r, left: MaxHTML, f: f}
	f.z = html.NewTokenizer(limited)
	f.z.SetMaxBuf(MaxToken)
	return f
}

// limitedReader ends after so many octets and remembers that it did.
type limitedReader struct {
	r    io.Reader
	left int
	f    *filter
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left == 0 {
		l.f.found.Cut = true
		return 0, io.EOF
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Read reads filtered HTML.
func (f *filter) Read(p []byte) (int, error) {
	for f.out.Len() == 0 {
		if f.done {
			return 0, io.EOF
		}
		if err := f.stop(); err != nil {
			return 0, err
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	return f.out.Read(p)
}

// next reads one token.
func (f *filter) next() error {
	switch kind := f.z.Next(); kind {
	case html.ErrorToken:
		f.done = true
		err := f.z.Err()
		if errors.Is(err, html.ErrBufferExceeded) {
			f.found.Cut = true
			return nil
		}
		if err != io.EOF {
			return err
		}
	case html.TextToken:
		if !f.mute {
			f.out.WriteString(f.z.Token().String())
		}
		f.mute = false
	case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
		f.mute = false
		if f.tags++; f.tags > MaxTags {
			f.done, f.found.Cut = true, true
			return nil
		}
		f.tag(f.z.Token())
	}
	// Comments, and with them what is for one mail program only, and document
	// types are left out.
	return nil
}

func (f *filter) tag(t html.Token) {
	if raw(t.DataAtom) {
		// The tokenizer gives what is inside as one text; it is not for readers.
		f.mute = t.Type == html.StartTagToken
		return
	}
	if t.DataAtom == atom.Body {
		// The message's body is not the document's: as an element of its own
		// it keeps its colours.
		t.Data, t.DataAtom = "div", atom.Div
	}
	switch {
	case void(t.DataAtom):
		if t.Type == html.EndTagToken {
			return
		}
	case t.Type == html.EndTagToken:
		if f.ignored > 0 {
			f.ignored--
			return
		}
		f.depth = max(0, f.depth-1)
	case f.depth >= MaxDepth:
		f.ignored++
		return
	default:
		f.depth++
		t.Type = html.StartTagToken // <div/> opens a div
	}
	t.Attr = f.attributes(t)
	f.out.WriteString(t.String())
}

// raw tells of elements whose text is not HTML to a browser.
func raw(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Title, atom.Textarea, atom.Xmp, atom.Iframe, atom.Noembed, atom.Noframes,
		atom.Noscript, atom.Plaintext:
		return true
	}
	return false
}

// void tells of elements that have no end tag.
func void(a atom.Atom) bool {
	switch a {
	case atom.Br, atom.Hr, atom.Img, atom.Wbr, atom.Col, atom.Area, atom.Base, atom.Embed, atom.Input, atom.Link,
		atom.Meta, atom.Source, atom.Track, atom.Param:
		return true
	}
	return false
}

// attributes returns those that may stay, with URLs and styles rewritten.
func (f *filter) attributes(t html.Token) []html.Attribute {
	var kept []html.Attribute
	for _, a := range t.Attr {
		a.Key = strings.ToLower(a.Key)
		if a.Namespace != "" || slices.ContainsFunc(kept, func(k html.Attribute) bool { return k.Key == a.Key }) {
			continue // a browser takes the first of two
		}
		switch a.Key {
		case "src":
			if t.DataAtom == atom.Img {
				a.Val = f.picture(a.Val)
			} else {
				a.Val = ""
			}
		case "href":
			a.Val = link(a.Val)
		case "style":
			a.Val = style(a.Val)
		}
		if a.Val != "" && (len(a.Val) <= MaxAttribute || a.Key == "src") {
			kept = append(kept, a)
		}
	}
	return kept
}

var dataPicture = regexp.MustCompile(`^data:image/(?:png|jpeg|gif|webp|bmp);base64,[A-Za-z0-9+/]+={0,2}$`)

// picture decides about the source of a picture. One of the message becomes a
// number that pictureWriter knows.
func (f *filter) picture(src string) string {
	src = strings.TrimSpace(src)
	if len(src) > 4 && strings.EqualFold(src[:4], "cid:") {
		if len(f.cids) == maxCIDs {
			f.found.Cut = true
			return ""
		}
		cid, err := url.PathUnescape(src[4:])
		if err != nil {
			cid = src[4:]
		}
		f.cids = append(f.cids, cid)
		return "cid:" + strconv.Itoa(len(f.cids)-1)
	}
	if len(src) > 5 && strings.EqualFold(src[:5], "data:") {
		src = strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, src)
		if dataPicture.MatchString(src) {
			return src
		}
		return ""
	}
	if strings.HasPrefix(src, "//") {
		src = "https:" + src
	}
	u, err := url.Parse(src)
	if err != nil || len(src) > MaxAttribute || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	f.found.Remote++
	if !f.remote {
		return ""
	}
	u.Scheme = "https" // what is not encrypted is not fetched
	return u.String()
}

// link decides about where a link leads.
func link(href string) string {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return ""
		}
	case "mailto", "tel":
	default:
		return "" // also those within the document, which is not the mail's own
	}
	return u.String()
}
