// Package clean makes mail fit to be shown on a page: HTML without anything
// that runs, loads or leaves its frame, and plain text with its quotations and
// links found.
//
// # HTML
//
// Mail is written by anybody, so what it may contain is a list, not what it may
// not. It passes three walls, any one of which would do:
//
//  1. the filter (filter.go), one streaming pass that keeps to the limits below,
//     decides every URL, and rewrites inline styles by a list of properties and
//     values (style.go);
//  2. bluemonday, with a policy of elements and attributes (policy.go);
//  3. the frame: its own document, sandboxed without scripts, forms or an
//     origin, under a Content-Security-Policy that loads nothing.
//
// A picture inside the message is written into the document as a data: URL, for
// a document without an origin has no cookie to fetch it with. A picture from
// elsewhere tells its sender that the mail was read: it is left out until the
// reader asks for it, and then the browser fetches it, never the box.
package clean

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Limits of one HTML document. What is beyond is left out, and the reader told.
const (
	// MaxHTML is how many octets of HTML are read.
	MaxHTML = 4 << 20
	// MaxTags is how many tags are read.
	MaxTags = 100_000
	// MaxDepth is how many elements may be open within each other; the tags of
	// those deeper are left out and their text stays.
	MaxDepth = 100
	// MaxToken is the longest tag or run of text, in octets. A picture that
	// stands in the HTML itself is one.
	MaxToken = 1 << 20
	// MaxAttribute is the longest value of an attribute in octets, but for
	// pictures in the HTML.
	MaxAttribute = 8 << 10
	// MaxPicture is the largest picture of the message that is put in, in
	// octets, and MaxPictures is what all of them may have together.
	MaxPicture  = 5 << 20
	MaxPictures = 15 << 20
)

// HTML shows the HTML of one message.
type HTML struct {
	// Remote has pictures from elsewhere in it.
	Remote bool
	// Picture opens the picture of the message with a Content-ID (without angle
	// brackets); nil or ErrNoPicture where there is none.
	Picture func(cid string) (io.Reader, error)
}

// ErrNoPicture says that a message has no picture with that Content-ID.
var ErrNoPicture = errors.New("no such picture in the message")

// Found is what was met on the way.
type Found struct {
	Remote int  // pictures from elsewhere
	Cut    bool // a limit was reached: the rest is not shown
}

// Write reads HTML in UTF-8 from r and writes what may be shown of it to w: the
// inside of a body. It holds about MaxToken octets. Errors are those of r and w,
// and ctx's when its time is over.
func (h *HTML) Write(ctx context.Context, w io.Writer, r io.Reader) (Found, error) {
	f := newFilter(ctx, r, h.Remote)
	out := &pictureWriter{w: bufio.NewWriter(w), filter: f, open: h.Picture, left: MaxPictures}
	if err := policy.SanitizeReaderToWriter(f, out); err != nil {
		return f.found, fmt.Errorf("clean the HTML of a message: %w", err)
	}
	return f.found, out.w.Flush()
}

// HasRemote tells whether HTML has pictures from elsewhere. It reads up to the
// first.
func HasRemote(ctx context.Context, r io.Reader) (bool, error) {
	f := newFilter(ctx, r, false)
	buf := make([]byte, 8<<10)
	for f.found.Remote == 0 {
		_, err := f.Read(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, fmt.Errorf("look for pictures in a message: %w", err)
		}
	}
	return f.found.Remote > 0, nil
}

// Policy is the Content-Security-Policy of the document that holds cleaned
// HTML. It must be the document's own: the page around it has another.
func Policy(remote bool) string {
	pictures := "data:"
	if remote {
		pictures += " https:"
	}
	return "default-src 'none'; img-src " + pictures + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'self'; sandbox " + Sandbox
}

// Sandbox is what the frame's document may do: open a link in a new tab, which
// is then an ordinary one.
const Sandbox = "allow-popups allow-popups-to-escape-sandbox"

// pictureWriter puts the message's own pictures in where the filter left their
// numbers. bluemonday writes one whole tag at a time.
type pictureWriter struct {
	w      *bufio.Writer
	filter *filter
	open   func(cid string) (io.Reader, error)
	left   int64
}

const numbered = ` src="cid:`

func (p *pictureWriter) Write(b []byte) (int, error) { return p.WriteString(string(b)) }

// WriteString takes one token of the cleaned HTML. Text can't look like a
// picture's tag in it: its < is an entity there.
func (p *pictureWriter) WriteString(s string) (int, error) {
	before, after, ok := strings.Cut(s, numbered)
	if !ok || !strings.HasPrefix(s, "<img ") {
		return p.w.WriteString(s)
	}
	number, after, _ := strings.Cut(after, `"`)
	p.w.WriteString(before)
	if err := p.picture(number); err != nil {
		return 0, err
	}
	_, err := p.w.WriteString(after)
	return len(s), err
}

// picture writes the src of a picture of the message; nothing if it is none
// that every browser shows without running anything.
func (p *pictureWriter) picture(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(p.filter.cids) || p.open == nil {
		return nil
	}
	body, err := p.open(p.filter.cids[n])
	if errors.Is(err, ErrNoPicture) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open a picture of a message: %w", err)
	}
	in := bufio.NewReaderSize(body, 4096)
	head, err := in.Peek(512)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read a picture of a message: %w", err)
	}
	media := PictureType(head)
	most := min(MaxPicture, p.left)
	if media == "" || most <= 0 {
		return nil
	}
	p.w.WriteString(` src="data:` + media + `;base64,`)
	text := base64.NewEncoder(base64.StdEncoding, p.w)
	copied, err := io.Copy(text, io.LimitReader(in, most))
	if err != nil {
		return fmt.Errorf("copy a picture of a message: %w", err)
	}
	p.left -= copied
	p.filter.found.Cut = p.filter.found.Cut || copied == most
	text.Close()
	p.w.WriteByte('"')
	return nil
}

// PictureType tells by its first 512 octets what kind of picture a file is, of
// those that are pictures and nothing else; "" for any other. SVG is a document
// that can run things, so it is none.
func PictureType(head []byte) string {
	switch t := http.DetectContentType(head); t {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		return t
	}
	return ""
}
