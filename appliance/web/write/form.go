package write

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"posthorn/appliance/web/compose"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
)

// Limits of the form, beside those of a letter.
const (
	maxFields = 40
	maxField  = 16 << 10 // octets of a field but the text
)

// form is what the writing page sends. Its fields come before its files.
type form struct {
	fields map[string]string
	remove int // number of the file to be taken out; -1: none
}

func (f *form) get(name string) string { return f.fields[name] }

// submission is a form being read, with what it is about.
type submission struct {
	w      *Write
	p      *session.Person
	desk   *desk
	form   form
	letter *compose.Letter
	before *compose.Letter // the draft as it was; nil: there was none
	saving *saving         // once a file came
	wrong  error           // *compose.Problem: the letter can be kept, but not sent like this
}

// read reads the form. Files are streamed into a draft as they come.
func (s *submission) read(parts *multipart.Reader) error {
	s.form = form{fields: make(map[string]string), remove: -1}
	added := 0
	for range maxFields + compose.MaxFiles {
		part, err := parts.NextPart()
		if err == io.EOF {
			return s.end()
		}
		if err != nil {
			return err
		}
		switch {
		case part.FormName() == "files" && part.FileName() != "":
			if err := s.file(part, &added); err != nil {
				return err
			}
		case part.FormName() != "files":
			if err := s.field(part); err != nil {
				return err
			}
		}
	}
	return &compose.Problem{Word: "files", About: strconv.Itoa(compose.MaxFiles)}
}

func (s *submission) field(part *multipart.Part) error {
	limit := int64(maxField)
	if part.FormName() == "text" {
		limit = 2 * compose.MaxText // line ends of two octets
	}
	b, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return err
	}
	if int64(len(b)) > limit || !utf8.Valid(b) {
		return &compose.Problem{Word: "large", About: strconv.Itoa(compose.MaxText >> 10)}
	}
	if name := part.FormName(); name == "remove" {
		if n, err := strconv.Atoi(string(b)); err == nil {
			s.form.remove = n
		}
	} else {
		s.form.fields[name] = string(b)
	}
	return nil
}

// file takes a file in. The first one begins the draft.
func (s *submission) file(part *multipart.Part, added *int) error {
	if s.saving == nil {
		if err := s.compose(); err != nil {
			return err
		}
		s.letter.Date = time.Now()
		s.saving = s.w.newSaving(s.desk.maxSize)
		if err := s.saving.begin(s.letter, true); err != nil {
			return err
		}
	}
	if *added++; len(s.letter.Files)+*added > compose.MaxFiles {
		return &compose.Problem{Word: "files", About: strconv.Itoa(compose.MaxFiles)}
	}
	f := &compose.File{Name: compose.FileName(part.FileName()), Type: compose.MediaType(part.Header.Get("Content-Type"))}
	return s.saving.add(f, part)
}

// end finishes the letter, and keeps the draft if files came.
func (s *submission) end() error {
	if s.letter == nil {
		if err := s.compose(); err != nil {
			return err
		}
	}
	if s.saving != nil {
		if err := s.saving.keep(s.p.Account, s.letter.MessageID); err != nil {
			return err
		}
		saved, err := s.w.draft(s.p.Account, s.letter.MessageID)
		if err != nil || saved == nil {
			return errors.Join(err, errors.New("draft is gone as soon as it is saved"))
		}
		s.letter, s.before = saved, saved
	}
	if n := s.form.remove; n >= 0 && n < len(s.letter.Files) {
		s.letter.Files = append(s.letter.Files[:n:n], s.letter.Files[n+1:]...)
	}
	return nil
}

// compose makes the letter of the fields, with the files it has already: those
// of its draft, or of the message it passes on.
func (s *submission) compose() error {
	f := &s.form
	id := f.get("id")
	if id == "" {
		return page.Refuse(http.StatusBadRequest, "frame.problem.stale")
	}
	before, err := s.w.draft(s.p.Account, id)
	if err != nil {
		return err
	}
	s.before = before
	from, ok := s.desk.identity(f.get("from"))
	if !ok {
		return page.Refuse(http.StatusForbidden, "write.problem.notyours", f.get("from"))
	}
	l := &compose.Letter{From: from, MessageID: id, Subject: strings.TrimSpace(f.get("subject")),
		Text: strings.ReplaceAll(f.get("text"), "\r\n", "\n")}
	begun := before
	if begun == nil {
		if begun, err = s.w.begin(s.p, s.desk, f.get("about"), nil); err != nil {
			return err
		}
	}
	l.About, l.InReplyTo, l.References, l.Files = begun.About, begun.InReplyTo, begun.References, begun.Files
	s.letter = l
	for _, to := range []struct {
		name string
		list *[]compose.Address
	}{{"To", &l.To}, {"Cc", &l.Cc}, {"Bcc", &l.Bcc}} {
		typed := f.get(strings.ToLower(to.name))
		list, err := compose.ParseAddresses(typed, s.desk.domain)
		if compose.IsProblem(err) != nil {
			s.rough(to.name, typed)
			if s.wrong == nil {
				s.wrong = err
			}
			continue
		}
		*to.list = list
	}
	l.SendAt, err = sendTime(f.get("when"), f.get("at"), time.Now().In(s.p.TimeZone))
	if s.wrong == nil {
		s.wrong = err
	}
	return l.Check()
}

// rough keeps what is half typed.
func (s *submission) rough(name, typed string) {
	if s.letter.Rough == nil {
		s.letter.Rough = make(map[string]string)
	}
	s.letter.Rough[name] = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, typed)
}

// abort gives up what was not kept.
func (s *submission) abort() {
	if s.saving != nil {
		s.saving.abort()
	}
}
