// Package compose makes messages of what people write, and the other way
// round: it reads drafts and prepares replies and forwards.
//
//	form fields -> Letter -> WriteTo -> RFC 5322 message, streamed
//	message -> Read -> Letter                       a draft that goes on
//	message -> Reply, Forward -> Letter             an answer
//
// A Letter holds its text; files are readers, copied to the message when it is
// written and never held. What a Letter is written to is fit for any mail
// program: text/plain in UTF-8, flowed (RFC 3676) so that phones and wide
// screens break lines as they like, quoted-printable where it is not ASCII, so
// that no server on the way has to change what was signed.
//
// # Nothing slips in
//
// Every text that becomes part of a header is checked by Check: a line end or
// another control character in it is refused, for it could begin a field of its
// own. File names are reduced to a last part without separators.
package compose

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of one letter. The size of the whole message is limited by the
// settings of the box.
const (
	MaxRecipients = 200 // in To, Cc and Bcc together
	MaxAddress    = 320 // octets of an address, RFC 5321 section 4.5.3.1
	MaxName       = 200 // octets of a person's name
	MaxSubject    = 900 // octets; a field's line has at most 998 (RFC 5322 section 2.1.1)
	MaxText       = 512 << 10
	MaxRough      = 8 << 10 // octets typed into To, Cc or Bcc
	MaxFiles      = 50
	MaxFileName   = 150 // octets; the ending is kept
)

// Problem is a reason why a letter can't be written, by a word the pages have a
// sentence for, and what it is about.
type Problem struct {
	Word  string // address, recipients, control, long, files, large, nobody
	About string
}

func (p *Problem) Error() string {
	if p.About == "" {
		return "letter can't be written: " + p.Word
	}
	return fmt.Sprintf("letter can't be written: %s: %q", p.Word, p.About)
}

// IsProblem returns the problem err is, nil if it is another error.
func IsProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// Address is somebody who writes or is written to.
type Address struct {
	Name    string
	Address string // local@domain
}

// Letter is a message as a person sees it while writing.
type Letter struct {
	From        Address
	To, Cc, Bcc []Address
	// Rough is what was typed for To, Cc and Bcc as far as it is not made of
	// addresses yet: a draft keeps it, by the name of the field.
	Rough   map[string]string
	Subject string
	Text    string // lines end in \n; a paragraph is one line

	// MessageID is without angle brackets; it stays the same from the first
	// draft to the message that is sent.
	MessageID  string
	Date       time.Time
	InReplyTo  string   // Message-ID of what is answered, or ""
	References []string // of the thread, oldest first
	SendAt     time.Time
	// About is the place of the message this letter answers or passes on, as
	// the pages name it: kept in drafts, so that it can be marked once the
	// letter is sent.
	About string

	Files []File
}

// File is an attachment.
type File struct {
	Name string // without directories; see FileName
	Type string // media type, "application/octet-stream" if nothing is known
	Size int64  // octets, decoded; about right for files of messages
	// Open returns the octets; the caller closes them. It is called once for
	// each WriteTo.
	Open func() (io.ReadCloser, error)
	// Whole says that Open yields a message that can travel as it is
	// (message/rfc822), EightBit that it has octets over 127.
	Whole, EightBit bool
}

// Check returns a *Problem unless the letter can be written and keeps to the
// limits. It need not be complete: a draft has no recipients yet.
func (l *Letter) Check() error {
	if len(l.To)+len(l.Cc)+len(l.Bcc) > MaxRecipients {
		return &Problem{"recipients", fmt.Sprint(MaxRecipients)}
	}
	for _, list := range [][]Address{{l.From}, l.To, l.Cc, l.Bcc} {
		for _, a := range list {
			if err := a.check(); err != nil {
				return err
			}
		}
	}
	switch {
	case len(l.Subject) > MaxSubject:
		return &Problem{"long", cut(l.Subject, 40)}
	case len(l.Text) > MaxText:
		return &Problem{"large", fmt.Sprint(MaxText >> 10)}
	case len(l.Files) > MaxFiles:
		return &Problem{"files", fmt.Sprint(MaxFiles)}
	}
	for _, text := range l.Rough {
		if !clean(text) || len(text) > MaxRough {
			return &Problem{"control", cut(text, 40)}
		}
	}
	for _, text := range append([]string{l.Subject, l.MessageID, l.InReplyTo, l.About}, l.References...) {
		if !clean(text) {
			return &Problem{"control", text}
		}
	}
	for _, id := range append([]string{l.MessageID, l.InReplyTo}, l.References...) {
		if len(id) > 900 || strings.ContainsAny(id, "<> \t") || !ascii(id) {
			return &Problem{"control", id}
		}
	}
	return nil
}

// Recipients are the addresses the letter goes to, once each.
func (l *Letter) Recipients() (all []Address) {
	seen := make(map[string]bool)
	for _, list := range [][]Address{l.To, l.Cc, l.Bcc} {
		for _, a := range list {
			if key := strings.ToLower(a.Address); !seen[key] {
				seen[key] = true
				all = append(all, a)
			}
		}
	}
	return all
}

// NewMessageID makes an ID for a letter written on a host.
func NewMessageID(host string) string { return strings.ToLower(rand.Text()) + "@" + host }

func (a Address) check() error {
	switch {
	case !clean(a.Name) || !clean(a.Address):
		return &Problem{"control", a.Name + " " + a.Address}
	case len(a.Name) > MaxName:
		return &Problem{"long", cut(a.Name, 40)}
	case len(a.Address) > MaxAddress || strings.ContainsAny(a.Address, "<>"):
		return &Problem{"address", a.Address}
	}
	return nil
}

// clean tells whether text can stand in a header field: Unicode without
// control characters.
func clean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// FileName makes a name that came with an upload, or with a message, fit to be
// attached or saved under: the part after the last separator of any system,
// without control characters and marks that turn the direction of text, not
// hidden, and at most MaxFileName octets with its ending kept. It is "file" if
// nothing is left.
func FileName(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	name = strings.TrimLeft(strings.TrimSpace(name), ".")
	if len(name) > MaxFileName {
		ending := ""
		if dot := strings.LastIndexByte(name, '.'); dot >= len(name)-12 {
			ending = name[dot:]
		}
		name = cut(name, MaxFileName-len(ending)) + ending
	}
	if name == "" {
		return "file"
	}
	return name
}
