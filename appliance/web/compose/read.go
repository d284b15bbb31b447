package compose

import (
	"io"
	"net/mail"
	"slices"
	"strings"

	"posthorn/appliance/message"
)

// Source is a stored message.
type Source struct {
	Info *message.Info
	// Open opens the message's octets, which the caller closes.
	Open func() (ReadAtCloser, error)
}

// ReadAtCloser is what a stored message is read from.
type ReadAtCloser interface {
	io.ReaderAt
	io.Closer
}

// Read makes a letter of a draft, which may be of another mail program. HTML is
// read as text. The errors are those of opening and reading the message.
func (s *Source) Read() (*Letter, error) {
	e := &s.Info.Envelope
	l := &Letter{To: Addresses(e.To), Cc: Addresses(e.Cc), Bcc: Addresses(e.Bcc), Subject: cut(e.Subject, MaxSubject),
		Date: e.Date, References: goodIDs(s.Info.References)}
	if goodID(e.MessageID) {
		l.MessageID = e.MessageID
	}
	if from := Addresses(e.From); len(from) > 0 {
		l.From = from[0]
	}
	if ids := goodIDs(e.InReplyTo); len(ids) > 0 {
		l.InReplyTo = ids[0]
	}
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	fields, err := message.ReadHeader(r, 0, s.Info.HeaderSize)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		switch {
		case len(f.Name) > len(roughField) && strings.EqualFold(f.Name[:len(roughField)], roughField) && !strings.EqualFold(f.Name, aboutField):
			if text := message.DecodeHeader(f.Value()); clean(text) && len(l.Rough) < 3 {
				if l.Rough == nil {
					l.Rough = make(map[string]string)
				}
				l.Rough[f.Name[len(roughField):]] = text
			}
		case strings.EqualFold(f.Name, aboutField):
			if about := f.Value(); clean(about) {
				l.About = about
			}
		case strings.EqualFold(f.Name, sendAtField):
			if at, err := mail.ParseDate(f.Value()); err == nil {
				l.SendAt = at
			}
		}
	}
	if l.Text, err = s.text(r); err != nil {
		return nil, err
	}
	l.Files = s.files()
	return l, nil
}

// text is what a person wrote, one line a paragraph, at most MaxText octets.
func (s *Source) text(r io.ReaderAt) (string, error) {
	p := body(&s.Info.Root, "plain")
	if p == nil {
		p = body(&s.Info.Root, "html")
	}
	if p == nil {
		return "", nil
	}
	b, err := io.ReadAll(io.LimitReader(message.PartText(r, p), MaxText))
	if err != nil {
		return "", err
	}
	text := strings.ToValidUTF8(string(b), "")
	if p.Subtype == "plain" && strings.EqualFold(p.Params["format"], "flowed") {
		return Unflow(text, strings.EqualFold(p.Params["delsp"], "yes")), nil
	}
	return strings.TrimRight(normalize(text), "\n "), nil
}

// body finds the first part of a text subtype that is shown as text.
func body(p *message.Part, subtype string) *message.Part {
	if p.Type == "text" && p.Subtype == subtype && p.Disposition != "attachment" {
		return p
	}
	for i := range p.Children {
		if found := body(&p.Children[i], subtype); found != nil {
			return found
		}
	}
	return nil
}

// files are the parts that are not the text, MaxFiles at most.
func (s *Source) files() (all []File) {
	text := body(&s.Info.Root, "plain")
	if text == nil {
		text = body(&s.Info.Root, "html")
	}
	var walk func(p *message.Part, choice bool)
	walk = func(p *message.Part, choice bool) {
		if p.Multipart() {
			for i := range p.Children {
				walk(&p.Children[i], choice || p.Subtype == "alternative")
			}
			return
		}
		if p == text || choice && p.Type == "text" || len(all) == MaxFiles {
			return
		}
		all = append(all, s.file(p))
	}
	walk(&s.Info.Root, false)
	return all
}

// file is a part as an attachment.
func (s *Source) file(p *message.Part) File {
	name := p.DispositionParams["filename"]
	if name == "" {
		name = p.Params["name"]
	}
	f := File{Name: FileName(name), Type: MediaType(p.Type + "/" + p.Subtype), Size: p.BodySize}
	if p.Encoding == "base64" {
		f.Size = (p.BodySize - p.BodySize/78*2) / 4 * 3 // lines of 76 and their ends
	}
	if p.Embedded != nil && s.travels() && p.Encoding != "base64" && p.Encoding != "quoted-printable" {
		f.Whole, f.EightBit = true, s.Info.EightBitBody || s.Info.EightBitHeader
		if name == "" {
			f.Name = FileName(p.Embedded.Envelope.Subject + ".eml")
		}
	}
	offset, size, encoding := p.BodyOffset, p.BodySize, p.Encoding
	f.Open = func() (io.ReadCloser, error) {
		r, err := s.Open()
		if err != nil {
			return nil, err
		}
		return readCloser{message.Decode(io.NewSectionReader(r, offset, size), encoding), r}, nil
	}
	return f
}

// travels tells whether the message's octets are fit to be part of another:
// proper line ends, no NUL.
func (s *Source) travels() bool { return !s.Info.BareCR && !s.Info.BareLF && !s.Info.NUL }

// whole is the message itself as an attachment.
func (s *Source) whole() File {
	f := File{Name: FileName(s.Info.Envelope.Subject + ".eml"), Type: MediaType(""), Size: s.Info.Size,
		Whole: s.travels(), EightBit: s.Info.EightBitBody || s.Info.EightBitHeader}
	f.Open = func() (io.ReadCloser, error) {
		r, err := s.Open()
		if err != nil {
			return nil, err
		}
		return readCloser{io.NewSectionReader(r, 0, s.Info.Size), r}, nil
	}
	return f
}

type readCloser struct {
	io.Reader
	io.Closer
}

// Addresses are those of a field that mail can be sent to.
func Addresses(list []message.Address) (all []Address) {
	for _, a := range list {
		if a.Host == "" || a.Host == message.MissingHost || a.Mailbox == message.MissingMailbox {
			continue
		}
		one := Address{Name: a.Name, Address: a.String()}
		if len(one.Name) > MaxName {
			one.Name = ""
		}
		if one.check() == nil {
			all = append(all, one)
		}
	}
	return slices.Clip(all)
}
