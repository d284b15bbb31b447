package imapd

import (
	"bytes"
	"errors"
	"strconv"
)

// Reading one line of a command: where it ends in a literal, and whether it can
// be given to the library as it is.

// literal is the header of a literal at the end of a line, RFC 9051 section 4.3.
type literal struct {
	size   int64
	wait   bool // synchronizing: the client waits for "+"
	octets bool // literal8, "~{n}"
}

var (
	errLineControl  = errors.New("a command must not contain NUL, CR or other control characters")
	errLineQuote    = errors.New("the line ends inside a quoted string")
	errLiteralSize  = errors.New("the size of the literal is not a number a mailbox could hold")
	errLiteralBreak = errors.New("a line break is not allowed in this string")
	errLiteralNUL   = errors.New("a NUL byte is not allowed in a string")
)

// scanLine looks at one line without its end. It returns the literal the line
// ends with, or nil, and the line without the literal's header.
//
// The library reads a quoted string across line ends and takes the text after
// a lone CR for the next command, so such lines never reach it.
func scanLine(line []byte) (text []byte, lit *literal, err error) {
	quoted, escaped := false, false
	for _, b := range line {
		switch {
		case b < ' ' && b != '\t', b == 0x7f:
			err = errLineControl
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		}
	}
	if quoted {
		return line, nil, errLineQuote
	}
	text, lit, litErr := cutLiteral(line)
	if litErr != nil {
		err = litErr
	}
	return text, lit, err
}

// cutLiteral splits "... {123}", "... {123+}" and "... ~{123}". With an error
// the literal is still returned, with size -1 when it cannot be read past.
func cutLiteral(line []byte) ([]byte, *literal, error) {
	if !bytes.HasSuffix(line, []byte("}")) {
		return line, nil, nil
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return line, nil, nil
	}
	lit := &literal{wait: true}
	digits := line[open+1 : len(line)-1]
	if d, ok := bytes.CutSuffix(digits, []byte("+")); ok {
		digits, lit.wait = d, false
	}
	if len(digits) == 0 {
		return line, nil, nil
	}
	for _, b := range digits {
		if b < '0' || b > '9' {
			return line, nil, nil
		}
	}
	text := line[:open]
	if t, ok := bytes.CutSuffix(text, []byte("~")); ok {
		text, lit.octets = t, true
	}
	size, err := strconv.ParseInt(string(digits), 10, 63)
	if err != nil {
		lit.size = -1
		return text, lit, errLiteralSize
	}
	lit.size = size
	return text, lit, nil
}

// quote writes a literal's bytes as a quoted string. Both are the same "string"
// of RFC 9051 section 4.3; as a quoted one it stays inside its line, so that
// the library, after an error, cannot take its content for commands. With
// breaks, line breaks become spaces (for SEARCH, which treats them alike);
// without, they are refused.
func quote(dst, data []byte, breaks bool) ([]byte, error) {
	dst = append(dst, '"')
	for _, b := range data {
		switch {
		case b == 0:
			return dst, errLiteralNUL
		case b == '\r' || b == '\n':
			if !breaks {
				return dst, errLiteralBreak
			}
			b = ' '
		case b == '"' || b == '\\':
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"'), nil
}
