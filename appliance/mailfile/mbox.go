package mailfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// readMboxes visits one mbox file, or every mbox file below a directory.
func readMboxes(path string, v Visitor) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		ok, err := isMbox(path)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s is no mbox file: it does not begin with a line \"From \"", path)
		}
		return readMbox(path, "", v)
	}
	return walkMbox(path, "", 0, v)
}

func walkMbox(dir, name string, depth int, v Visitor) error {
	if depth > MaxDepth {
		v.Skipped(dir, fmt.Errorf("directories lie more than %d deep", MaxDepth))
		return nil
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		v.Skipped(dir, err)
		return nil
	}
	for _, e := range list {
		path, child := filepath.Join(dir, e.Name()), mboxName(name, e)
		if e.IsDir() {
			if err := walkMbox(path, child, depth+1, v); err != nil {
				return err
			}
			continue
		}
		if !e.Type().IsRegular() {
			continue
		}
		if ok, err := isMbox(path); err != nil || !ok {
			if err != nil {
				v.Skipped(path, err)
			}
			continue // an index or another program's file; no mail
		}
		if err := readMbox(path, child, v); err != nil {
			return err
		}
	}
	return nil
}

// mboxName is the folder a file or directory stands for. Thunderbird keeps
// the folders below A in A.sbd.
func mboxName(parent string, e fs.DirEntry) string {
	base := e.Name()
	if e.IsDir() {
		base = strings.TrimSuffix(base, ".sbd")
	} else {
		base = strings.TrimSuffix(base, ".mbox")
	}
	base = decodeName(base)
	if parent == "" {
		return base
	}
	return parent + "/" + base
}

// isMbox tells whether a file begins as an mbox does. An empty file is an
// mbox without messages if its name says so.
func isMbox(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var start [5]byte
	n, err := io.ReadFull(f, start[:])
	if n == 0 && err == io.EOF {
		return strings.HasSuffix(path, ".mbox"), nil
	}
	return string(start[:n]) == "From ", nil
}

func readMbox(path, name string, v Visitor) error {
	if err := v.Folder(name); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		v.Skipped(path, err)
		return nil
	}
	defer f.Close()
	box := &mboxReader{r: bufio.NewReaderSize(f, bufSize)}
	before := int64(0)
	for {
		m, err := box.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if m == nil {
			continue
		}
		m.Mailbox = name
		m.Body = &counted{r: m.Body, box: box, before: before, m: m}
		if err := v.Message(m); err != nil {
			return err
		}
		before = box.octets
	}
}

// counted notes how much of the file a message took.
type counted struct {
	r      io.Reader
	box    *mboxReader
	before int64 // octets of the file before it
	m      *Message
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.m.Octets = c.box.octets - c.before
	return n, err
}

// mboxReader cuts a file into messages. A message begins with a From_ line
// that has a date in it, at the start of the file or after an empty line; a
// ">" before "From " is a quoted one (the form called mboxrd). It is the
// reader of its current message's lines.
type mboxReader struct {
	r       *bufio.Reader
	from    []byte // the From_ line of the next message
	started bool
	ended   bool   // the current message has been read to its end
	mid     bool   // the last segment did not end its line
	blank   []byte // an empty line that may belong to the next From_ line
	rest    []byte // of the current segment
	octets  int64  // read from the file
}

// next returns the next message, or nil for one that its mail program had
// deleted. What is unread of the one before is passed over.
func (b *mboxReader) next() (*Message, error) {
	if !b.started {
		b.started = true
		line, err := b.r.ReadSlice('\n')
		if len(line) == 0 {
			return nil, err
		}
		b.octets += int64(len(line))
		b.from = bytes.Clone(line)
	} else if _, err := io.Copy(io.Discard, b); err != nil {
		return nil, err
	}
	if b.from == nil {
		return nil, io.EOF
	}
	m := &Message{Received: fromDate(string(b.from))}
	b.from, b.ended, b.mid, b.blank, b.rest = nil, false, false, nil, nil
	header, gone, err := b.header(m)
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, nil
	}
	m.Body = newCRLF(io.MultiReader(bytes.NewReader(header), b))
	return m, nil
}

// Read yields the current message's lines.
func (b *mboxReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if err := b.segment(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// segment reads on by a line, or by a buffer of a line that is longer.
func (b *mboxReader) segment() error {
	seg, err := b.r.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
		return err
	}
	if len(seg) == 0 {
		b.ended = true // the empty line before the end, if any, is the format's
		return nil
	}
	b.octets += int64(len(seg))
	starts := !b.mid
	b.mid = seg[len(seg)-1] != '\n'
	if !starts {
		b.rest = seg
		return nil
	}
	if b.blank != nil && isFromLine(seg) {
		b.from, b.ended = bytes.Clone(seg), true
		return nil
	}
	held := b.blank
	b.blank = nil
	if len(bytes.TrimRight(seg, "\r\n")) == 0 && !b.mid {
		b.blank, b.rest = bytes.Clone(seg), held
		return nil
	}
	if quoted := bytes.TrimLeft(seg, ">"); len(quoted) < len(seg) && bytes.HasPrefix(quoted, []byte("From ")) {
		seg = seg[1:]
	}
	if held != nil {
		seg = append(held, seg...)
	}
	b.rest = seg
	return nil
}

// line returns the next whole line of the current message, "" at its end.
func (b *mboxReader) line() (string, error) {
	var out strings.Builder
	var one [1]byte
	for out.Len() < maxHeader {
		if _, err := io.ReadFull(b, one[:]); err == io.EOF {
			break
		} else if err != nil {
			return "", err
		}
		out.WriteByte(one[0])
		if one[0] == '\n' {
			break
		}
	}
	return out.String(), nil
}

// header reads the message's header, takes its flags out and returns the
// rest, with the empty line. A header over maxHeader is searched no further.
func (b *mboxReader) header(m *Message) (header []byte, gone bool, err error) {
	var out bytes.Buffer
	var status mboxStatus
	taken := false // the field that is being continued was one of ours
	for out.Len() < maxHeader {
		line, err := b.line()
		if err != nil {
			return nil, false, err
		}
		if line == "" || strings.TrimRight(line, "\r\n") == "" {
			out.WriteString(line)
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, value, _ := strings.Cut(line, ":")
			taken = status.take(name, strings.TrimSpace(value))
		}
		if !taken {
			out.WriteString(line)
		}
	}
	m.Flags, m.Keywords = status.flags, status.keywords
	return out.Bytes(), status.gone, nil
}

// isFromLine tells a separator from a sentence that begins with From: it has
// a time of day and a year in it.
func isFromLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) && !fromDate(string(line)).IsZero()
}

// fromDate reads the date of a From_ line; zero if there is none.
func fromDate(line string) time.Time {
	words := strings.Fields(line)
	for i := range words {
		for _, form := range []string{
			"Mon Jan 2 15:04:05 2006",       // the classic, in UTC by custom
			"Mon Jan 2 15:04:05 -0700 2006", // Gmail's export
			"Mon Jan 2 15:04:05 MST 2006",
			"Mon Jan 2 15:04:05 2006 -0700",
			"Mon Jan 2 15:04 2006",
			"Mon, 2 Jan 2006 15:04:05 -0700",
		} {
			end := i + len(strings.Fields(form))
			if end > len(words) {
				continue
			}
			if t, err := time.Parse(form, strings.Join(words[i:end], " ")); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}
