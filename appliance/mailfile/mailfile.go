// Package mailfile reads and writes mail that lies in files: mbox files and
// Maildir directories, as other mail programs leave them behind and take them
// up.
//
//	           folders                           flags and keywords          received
//	maildir    .A.B (Maildir++) or A/B (nested)  file name, dovecot-keywords mtime
//	mbox       A.mbox, A/B.mbox, A.sbd/B         Status, X-Status,           From_ line
//	                                             X-Keywords, X-Mozilla-*
//
// A message leaves a reader with CRLF line ends and without the fields an mbox
// keeps its flags in, and enters a file with LF line ends, which is how each
// format is defined. Bodies are streamed.
package mailfile

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"posthorn/store"
)

// Format is a way to keep mail in files.
type Format string

// The formats.
const (
	Mbox    Format = "mbox"
	Maildir Format = "maildir"
)

// Limits of what a reader follows.
const (
	MaxDepth  = 32        // levels of directories below the path given
	maxHeader = 256 << 10 // octets of an mbox message's header searched for flags
	bufSize   = 64 << 10
)

// Message is one message on its way from or into a file.
type Message struct {
	// Mailbox is the folder with levels divided by '/'; "" is the top one.
	Mailbox  string
	Flags    store.Flags
	Keywords []string
	Received time.Time // zero: not known
	// Name is unique within Mailbox and stays the same for the same message;
	// writers build file names from it. Readers leave it empty.
	Name string
	// Octets is the message's size in its file, for a progress bar. Readers
	// of mbox files leave it 0 until the body is read.
	Octets int64
	// Body is the message with CRLF line ends. A reader's is valid until its
	// Message call returns.
	Body io.Reader
}

// Visitor is what a reader calls, in the order in which it meets things.
type Visitor struct {
	// Folder is called for each folder before its messages; "" is the top.
	Folder func(name string) error
	// Message is called for each message.
	Message func(*Message) error
	// Skipped is told of a file that was passed over because it could not be
	// read or is no mail.
	Skipped func(path string, err error)
}

// Read walks the mail at path, a file or a directory, in the format. It ends
// at the first error of a Visitor function, or when path itself can't be read.
func (f Format) Read(path string, v Visitor) error {
	switch f {
	case Mbox:
		return readMboxes(path, v)
	case Maildir:
		return readMaildirs(path, v)
	}
	return fmt.Errorf("format %q is not known; use mbox or maildir", f)
}

// Writer takes messages into files.
type Writer interface {
	// Folder prepares a folder, so that empty ones exist too.
	Folder(name string) error
	// Put writes one message; written is false when it was there already.
	Put(m *Message) (written bool, err error)
	// Close finishes the files and has them on disk.
	Close() error
}

// NewWriter returns a writer below the directory dir, which is made if absent.
func (f Format) NewWriter(dir string) (Writer, error) {
	switch f {
	case Mbox:
		return newMboxWriter(dir)
	case Maildir:
		return newMaildirWriter(dir)
	}
	return nil, fmt.Errorf("format %q is not known; use mbox or maildir", f)
}

// withCRLF gives each line feed its carriage return.
type withCRLF struct {
	r    *bufio.Reader
	cr   bool // the last octet was CR
	left bool // a line feed is owed after the CR that was added
}

func newCRLF(r io.Reader) io.Reader { return &withCRLF{r: bufio.NewReaderSize(r, bufSize)} }

func (c *withCRLF) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.left {
			p[n], c.left, c.cr = '\n', false, false
			n++
			continue
		}
		if n > 0 && c.r.Buffered() == 0 {
			break // give what there is before waiting for more
		}
		b, err := c.r.ReadByte()
		if err != nil {
			if n > 0 {
				break
			}
			return 0, err
		}
		if b == '\n' && !c.cr {
			p[n], c.left = '\r', true
		} else {
			p[n], c.cr = b, b == '\r'
		}
		n++
	}
	return n, nil
}

// withLF writes a line end of CRLF as LF.
type withLF struct {
	w  *bufio.Writer
	cr bool // a CR is held back until the next octet is known
}

func (l *withLF) Write(p []byte) (int, error) {
	for _, b := range p {
		if l.cr && b != '\n' {
			l.w.WriteByte('\r')
		}
		if l.cr = b == '\r'; !l.cr {
			l.w.WriteByte(b)
		}
	}
	return len(p), nil
}

// flush writes what is held back.
func (l *withLF) flush() error {
	if l.cr {
		l.w.WriteByte('\r')
		l.cr = false
	}
	return l.w.Flush()
}
