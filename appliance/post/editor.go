package post

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Limits on the header of a submitted message, in octets.
const (
	MaxHeader       = 256 << 10 // all fields together
	MaxAuthor       = 16 << 10  // From, and Sender
	maxFieldName    = 128
	headerTooLarge  = "header is larger than 256 KiB"
	authorTooLarge  = "a From or Sender field is larger than 16 KiB"
	malformedHeader = "a header line is neither a field nor the continuation of one"
)

// editor is the part of a submission server that mends messages (RFC 6409
// section 8), as a filter: the header is edited while it streams to w and the
// body passes untouched. Bcc, Resent-Bcc, Return-Path and the times to send at
// are taken out, Date and Message-ID are put at the end of the header when they
// are missing. The raw From and Sender fields are kept for the check of the
// author, and the times.
//
// Only the name of the current field, the output of the current Write and the
// fields kept are in memory.
type editor struct {
	w               io.Writer
	date, messageID string // values to add

	state   editState
	name    []byte // of the field being read, as written
	dropped bool   // the field being read is taken out
	keep    *[]byte
	size    int

	hasDate, hasMessageID bool
	from, sender          [][]byte // raw values, one for each field
	sendAt                [][]byte // of X-Send-At and Deferred-Delivery
	draft                 bool     // also take out what mail programs note in drafts
}

type editState uint8

const (
	atLine  editState = iota // at the beginning of a header line
	atCR                     // after a CR at the beginning of a line
	inName                   // in a field's name
	inValue                  // in a field's value or a continuation line
	inBody
)

// Write edits p. It returns an ErrHeader for what cannot be mended and else
// the errors of the writer behind it.
func (e *editor) Write(p []byte) (int, error) {
	n := len(p)
	if e.state == inBody {
		return e.w.Write(p)
	}
	out := make([]byte, 0, len(p)+maxFieldName)
	for len(p) > 0 && e.state != inBody {
		if e.size++; e.size > MaxHeader {
			return 0, fmt.Errorf("%w: %s", ErrHeader, headerTooLarge)
		}
		var err error
		if out, err = e.step(out, p[0]); err != nil {
			return 0, err
		}
		p = p[1:]
	}
	if _, err := e.w.Write(append(out, p...)); err != nil {
		return 0, err
	}
	return n, nil
}

// step takes one octet of the header and appends what goes out for it.
func (e *editor) step(out []byte, c byte) ([]byte, error) {
	switch e.state {
	case atLine:
		return e.startLine(out, c)
	case atCR:
		if c != '\n' {
			return nil, fmt.Errorf("%w: %s", ErrHeader, malformedHeader)
		}
		e.state = inBody
		return append(e.additions(out), '\r', '\n'), nil
	case inName:
		return e.nameOctet(out, c)
	}
	return e.valueOctet(out, c)
}

func (e *editor) startLine(out []byte, c byte) ([]byte, error) {
	switch {
	case c == '\r':
		e.state = atCR
		return out, nil
	case c == '\n': // only in BINARYMIME bodies, where line ends are the sender's affair
		e.state = inBody
		return append(e.additions(out), '\r', '\n'), nil
	case c == ' ' || c == '\t':
		if e.name == nil {
			return nil, fmt.Errorf("%w: it begins with a continuation line", ErrHeader)
		}
		e.state = inValue
		return e.valueOctet(out, c)
	}
	e.state, e.name = inName, e.name[:0]
	return e.nameOctet(out, c)
}

// nameOctet collects a field's name up to its colon. RFC 5322 section 4.5.8
// lets old messages have white space before it.
func (e *editor) nameOctet(out []byte, c byte) ([]byte, error) {
	switch {
	case c == ':' && len(bytes.TrimRight(e.name, " \t")) > 0:
		e.field(strings.ToLower(string(bytes.TrimRight(e.name, " \t"))))
		e.state = inValue
		if !e.dropped {
			out = append(append(out, e.name...), ':')
		}
		return out, nil
	case c == ' ' || c == '\t':
	case c <= ' ' || c >= 0x7f || c == ':' || len(e.name) == maxFieldName || bytes.ContainsAny(e.name, " \t"):
		return nil, fmt.Errorf("%w: %s", ErrHeader, malformedHeader)
	}
	if len(e.name) == maxFieldName {
		return nil, fmt.Errorf("%w: %s", ErrHeader, malformedHeader)
	}
	e.name = append(e.name, c)
	return out, nil
}

// field decides about the field whose name was read.
func (e *editor) field(name string) {
	e.dropped, e.keep = e.draft && strings.HasPrefix(name, "x-posthorn-"), nil
	switch name {
	case "bcc", "resent-bcc", "return-path", "authentication-results":
		e.dropped = true
	case "x-send-at", "deferred-delivery":
		e.dropped = true
		e.sendAt = append(e.sendAt, nil)
		e.keep = &e.sendAt[len(e.sendAt)-1]
	case "fcc", "x-mozilla-draft-info", "x-mozilla-status", "x-mozilla-status2", "x-mozilla-keys",
		"x-identity-key", "x-account-key":
		e.dropped = e.draft
	case "date":
		e.hasDate = true
	case "message-id":
		e.hasMessageID = true
	case "from":
		e.from = append(e.from, nil)
		e.keep = &e.from[len(e.from)-1]
	case "sender":
		e.sender = append(e.sender, nil)
		e.keep = &e.sender[len(e.sender)-1]
	}
}

func (e *editor) valueOctet(out []byte, c byte) ([]byte, error) {
	if c == '\n' {
		e.state = atLine
	}
	if e.keep != nil {
		if len(*e.keep) == MaxAuthor {
			return nil, fmt.Errorf("%w: %s", ErrHeader, authorTooLarge)
		}
		*e.keep = append(*e.keep, c)
	}
	if e.dropped {
		return out, nil
	}
	return append(out, c), nil
}

// additions appends the fields that are missing.
func (e *editor) additions(out []byte) []byte {
	if !e.hasDate {
		out = append(out, "Date: "+e.date+"\r\n"...)
	}
	if !e.hasMessageID {
		out = append(out, "Message-ID: <"+e.messageID+">\r\n"...)
	}
	return out
}

// finish ends the message. A message may end with its header, even without
// the empty line after it.
func (e *editor) finish() error {
	switch e.state {
	case inBody:
		return nil
	case inName, atCR:
		return fmt.Errorf("%w: %s", ErrHeader, malformedHeader)
	case inValue:
		return fmt.Errorf("%w: the last header line has no end", ErrHeader)
	}
	e.state = inBody
	_, err := e.w.Write(append(e.additions(nil), '\r', '\n'))
	return err
}
