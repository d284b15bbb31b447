package post

import (
	"bytes"
	"io"
	"strings"
)

// maxHeld is how many octets of a header field are held until it is known
// whether it stays; longer ones stay, unless they claim to be a result.
const maxHeld = 16 << 10

// maxFrom is how many From fields are kept: one is right, more are looked at
// to find forgeries.
const maxFrom = 8

// sieve passes a message on without the Authentication-Results fields that
// bear a name of this box: who reads one must be able to believe that the box
// wrote it (RFC 8601 section 5). It keeps the raw From fields.
type sieve struct {
	w    io.Writer
	ours func(id string) bool

	from [][]byte

	field []byte // being read, whole lines and perhaps part of one
	line  bool   // its last line has ended
	body  bool
	large sieved // what is done with the rest of a field too large to hold
}

type sieved uint8

const (
	holding sieved = iota
	passing
	dropping
)

// Write returns the errors of the writer behind the sieve.
func (s *sieve) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.body {
		if s.line && p[0] != ' ' && p[0] != '\t' {
			if err := s.endField(); err != nil {
				return 0, err
			}
		}
		i := bytes.IndexByte(p, '\n')
		s.line = i >= 0
		if !s.line {
			i = len(p) - 1
		}
		if err := s.take(p[:i+1]); err != nil {
			return 0, err
		}
		p = p[i+1:]
	}
	if len(p) == 0 {
		return n, nil
	}
	if _, err := s.w.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}

// take adds to the field, or ends the header at an empty line.
func (s *sieve) take(p []byte) (err error) {
	switch s.large {
	case passing:
		_, err = s.w.Write(p)
		return err
	case dropping:
		return nil
	}
	s.field = append(s.field, p...)
	// Exactly as the rest of the box reads it: what comes after a line of more
	// than its end is still header.
	if end := string(s.field); end == "\r\n" || end == "\n" {
		s.body = true
		return s.flush()
	}
	if len(s.field) <= maxHeld {
		return nil
	}
	if name, _ := cutField(s.field); name == "authentication-results" {
		s.large, s.field = dropping, s.field[:0]
		return nil
	}
	s.large = passing
	return s.flush()
}

// endField decides about a field.
func (s *sieve) endField() error {
	s.large = holding
	switch name, value := cutField(s.field); name {
	case "authentication-results":
		if s.ours(resultsID(value)) {
			s.field = s.field[:0]
		}
	case "from":
		if len(s.from) < maxFrom {
			s.from = append(s.from, bytes.Clone(value))
		}
	}
	return s.flush()
}

func (s *sieve) flush() error {
	if len(s.field) == 0 {
		return nil
	}
	_, err := s.w.Write(s.field)
	s.field = s.field[:0]
	return err
}

// finish ends a message, which may end within its header.
func (s *sieve) finish() error {
	if s.body {
		return nil
	}
	s.body = true
	return s.endField()
}

// cutField divides a field into its name, in lower case, and its value.
func cutField(field []byte) (name string, value []byte) {
	n, value, _ := bytes.Cut(field, []byte{':'})
	return strings.ToLower(string(bytes.TrimRight(n, " \t"))), value
}

// resultsID reads the name of the system that wrote an Authentication-Results
// field (RFC 8601 section 2.2): the first word after comments, perhaps quoted.
func resultsID(value []byte) string {
	depth := 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0, c == ' ', c == '\t', c == '\r', c == '\n':
		case c == '"':
			quoted, _, _ := bytes.Cut(value[i+1:], []byte{'"'})
			return strings.ReplaceAll(string(quoted), `\`, "")
		default:
			word := value[i:]
			if end := bytes.IndexAny(word, " \t\r\n;("); end >= 0 {
				word = word[:end]
			}
			return string(word)
		}
	}
	return ""
}
