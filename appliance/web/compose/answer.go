package compose

import (
	"regexp"
	"slices"
	"strings"
)

// maxReferences is how many messages of a thread an answer names: the first and
// the last ones.
const maxReferences = 20

// maxQuoted is how many octets of a message are quoted.
const maxQuoted = 64 << 10

// Reply begins an answer to the message: to its author, with all also to
// everybody else it went to, but not to the addresses that are the person's
// own. lead is the line before the quoted text, "Alice wrote:". The errors are
// those of reading the message.
func (s *Source) Reply(all bool, own func(address string) bool, lead string) (*Letter, error) {
	e := &s.Info.Envelope
	l := &Letter{Subject: prefixed("Re: ", e.Subject)}
	s.thread(l)
	author := Addresses(e.ReplyTo)
	if len(author) == 0 {
		author = Addresses(e.From)
	}
	if len(author) > 0 && !slices.ContainsFunc(author, func(a Address) bool { return !own(a.Address) }) {
		author = Addresses(e.To) // one's own mail is gone on with
	}
	known := func(list ...[]Address) func(Address) bool {
		return func(a Address) bool {
			for _, others := range list {
				for _, b := range others {
					if strings.EqualFold(a.Address, b.Address) {
						return true
					}
				}
			}
			return own(a.Address)
		}
	}
	l.To = author
	if all {
		for _, a := range append(Addresses(e.To), Addresses(e.Cc)...) {
			if !known(l.To, l.Cc)(a) && len(l.To)+len(l.Cc) < MaxRecipients {
				l.Cc = append(l.Cc, a)
			}
		}
	}
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := s.text(r)
	if err != nil {
		return nil, err
	}
	l.Text = "\n\n" + lead + "\n" + quote(text)
	return l, nil
}

// Forward begins a letter that passes the message on: its text below lead with
// its files, or the whole message as one file.
func (s *Source) Forward(whole bool, lead string) (*Letter, error) {
	l := &Letter{Subject: prefixed("Fwd: ", s.Info.Envelope.Subject)}
	if id := s.Info.Envelope.MessageID; goodID(id) {
		l.References = []string{id}
	}
	if whole {
		l.Files = []File{s.whole()}
		return l, nil
	}
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := s.text(r)
	if err != nil {
		return nil, err
	}
	l.Text = "\n\n" + lead + "\n\n" + text
	l.Files = s.files()
	return l, nil
}

// thread names the messages an answer belongs to (RFC 5322 section 3.6.4).
func (s *Source) thread(l *Letter) {
	e := &s.Info.Envelope
	refs := s.Info.References
	if len(refs) == 0 && len(e.InReplyTo) == 1 {
		refs = e.InReplyTo
	}
	refs = goodIDs(append(slices.Clone(refs), e.MessageID))
	if n := len(refs); n > maxReferences {
		refs = append(refs[:1], refs[n-maxReferences+1:]...)
	}
	l.References = refs
	if goodID(e.MessageID) {
		l.InReplyTo = e.MessageID
	}
}

// goodID tells whether a Message-ID of somebody else can stand in our header.
func goodID(id string) bool {
	return id != "" && len(id) <= 500 && ascii(id) && clean(id) && !strings.ContainsAny(id, "<> \t")
}

func goodIDs(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !goodID(id) })
}

// prefixes are those that programs put before subjects of answers: the
// standard's, and those of programs that speak German, Indonesian and others.
var prefixes = regexp.MustCompile(`(?i)^((re|fwd?|aw|wg|bls|trs|sv|vs)(\[\d+\])?: *)+`)

// prefixed is a subject with the prefix and none of those it had before.
func prefixed(prefix, subject string) string {
	return cut(prefix+prefixes.ReplaceAllString(strings.TrimSpace(subject), ""), MaxSubject)
}

// cut is text of at most so many octets, whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// quote marks each line of a text, without the signature below it.
func quote(text string) string {
	if i := strings.LastIndex("\n"+text, "\n-- \n"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, "\n ")
	if len(text) > maxQuoted {
		text = cut(text, maxQuoted) + " …"
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteByte('>')
		if line != "" && line[0] != '>' {
			b.WriteByte(' ')
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
