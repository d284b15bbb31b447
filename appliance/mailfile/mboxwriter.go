package mailfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mboxWriter writes one file per folder below root: A.mbox, A/B.mbox, and
// INBOX.mbox for the top. A file gets its name when it is complete.
type mboxWriter struct {
	root   string
	folder string
	file   *os.File // NAME.mbox.part
	out    *bufio.Writer
}

func newMboxWriter(root string) (*mboxWriter, error) {
	return &mboxWriter{root: root}, os.MkdirAll(root, 0o700)
}

func (w *mboxWriter) Folder(name string) error {
	if err := w.finish(); err != nil {
		return err
	}
	if name == "" {
		name = "INBOX"
	}
	path := w.root
	for level := range strings.SplitSeq(name, "/") {
		also := "/\\"
		if level == "." || level == ".." {
			also += "."
		}
		path = filepath.Join(path, encodeName(level, also))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".mbox.part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w.folder, w.file, w.out = name, f, bufio.NewWriterSize(f, bufSize)
	return nil
}

// Put writes From_ line, header with state, and body (mboxrd quoting).
func (w *mboxWriter) Put(m *Message) (bool, error) {
	if w.file == nil {
		return false, errors.New("message before its folder")
	}
	io.WriteString(w.out, "From MAILER-DAEMON "+m.Received.UTC().Format("Mon Jan _2 15:04:05 2006")+"\n")
	in := bufio.NewReaderSize(m.Body, bufSize)
	inHeader, starts := true, true
	for {
		seg, err := in.ReadSlice('\n')
		if len(seg) > 0 {
			ends := seg[len(seg)-1] == '\n'
			if ends && len(seg) > 1 && seg[len(seg)-2] == '\r' {
				seg[len(seg)-2] = '\n'
				seg = seg[:len(seg)-1]
			}
			if starts && inHeader && len(seg) == 1 && ends {
				io.WriteString(w.out, mboxFields(m))
				inHeader = false
			}
			if starts && bytes.HasPrefix(bytes.TrimLeft(seg, ">"), []byte("From ")) {
				w.out.WriteByte('>')
			}
			w.out.Write(seg)
			starts = ends
		}
		if err == io.EOF {
			break
		}
		if err != nil && err != bufio.ErrBufferFull {
			return false, err
		}
	}
	if !starts {
		w.out.WriteByte('\n')
	}
	if inHeader { // header alone, without the empty line that ends it
		io.WriteString(w.out, mboxFields(m))
	}
	w.out.WriteByte('\n')
	return true, w.out.Flush()
}

// finish gives the file in hand its name.
func (w *mboxWriter) finish() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	if err := errors.Join(w.out.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), strings.TrimSuffix(f.Name(), ".part"))
}

func (w *mboxWriter) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	return syncTree(w.root)
}
