package mailfile

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/store"
)

// The letters of a Maildir file name after ":2,". P, passed on, is a keyword
// in IMAP.
var maildirFlags = []struct {
	letter byte
	flag   store.Flags
}{{'D', store.Draft}, {'F', store.Flagged}, {'R', store.Answered}, {'S', store.Seen}, {'T', store.Deleted}}

const forwarded = "$Forwarded"

// keywordsFile is where Dovecot keeps which keyword a letter a to z is.
const keywordsFile = "dovecot-keywords"

func readMaildirs(root string, v Visitor) error {
	if !isMaildir(root) {
		// A directory of Maildirs is fine too; a file or nothing is not.
		if _, err := os.ReadDir(root); err != nil {
			return err
		}
	}
	return walkMaildir(root, "", 0, v)
}

func isMaildir(dir string) bool {
	for _, sub := range []string{"cur", "new"} {
		if info, err := os.Stat(filepath.Join(dir, sub)); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

func walkMaildir(dir, name string, depth int, v Visitor) error {
	if depth > MaxDepth {
		v.Skipped(dir, fmt.Errorf("directories lie more than %d deep", MaxDepth))
		return nil
	}
	if isMaildir(dir) {
		if err := v.Folder(name); err != nil {
			return err
		}
		if err := readMaildir(dir, name, v); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		v.Skipped(dir, err)
		return nil
	}
	for _, e := range list {
		base := e.Name()
		if !e.IsDir() || base == "cur" || base == "new" || base == "tmp" {
			continue
		}
		if err := walkMaildir(filepath.Join(dir, base), childName(name, base), depth+1, v); err != nil {
			return err
		}
	}
	return nil
}

// childName is the folder that a directory below folder name stands for: a
// nested one, or with a leading dot a Maildir++ one with its levels in one.
func childName(name, base string) string {
	var levels []string
	if name != "" {
		levels = append(levels, name)
	}
	dotted, ok := strings.CutPrefix(base, ".")
	if !ok {
		return strings.Join(append(levels, decodeName(base)), "/")
	}
	for level := range strings.SplitSeq(dotted, ".") {
		if level != "" {
			levels = append(levels, decodeName(level))
		}
	}
	return strings.Join(levels, "/")
}

// readMaildir visits one folder's messages by date, so that they keep their
// order in a mailbox.
func readMaildir(dir, name string, v Visitor) error {
	type file struct {
		path string
		info fs.FileInfo
	}
	var files []file
	for _, sub := range []string{"cur", "new"} {
		list, err := os.ReadDir(filepath.Join(dir, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			v.Skipped(filepath.Join(dir, sub), err)
			continue
		}
		for _, e := range list {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue // gone since, or no message
			}
			files = append(files, file{filepath.Join(dir, sub, e.Name()), info})
		}
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(a.path, b.path))
	})
	names := readKeywords(dir)
	for _, f := range files {
		m := &Message{Mailbox: name, Received: f.info.ModTime(), Octets: f.info.Size()}
		if _, letters, ok := strings.Cut(filepath.Base(f.path), ":2,"); ok {
			m.Flags, m.Keywords = maildirInfo(letters, names)
		}
		if err := visitFile(f.path, m, v); err != nil {
			return err
		}
	}
	return nil
}

func visitFile(path string, m *Message, v Visitor) error {
	f, err := os.Open(path)
	if err != nil {
		v.Skipped(path, err)
		return nil
	}
	defer f.Close()
	m.Body = newCRLF(f)
	return v.Message(m)
}

// maildirInfo reads the letters of a file name; names are the folder's
// keywords by letter.
func maildirInfo(letters string, names map[byte]string) (flags store.Flags, keywords []string) {
	letters, _, _ = strings.Cut(letters, ",") // Dovecot may add more after a comma
	for i := range len(letters) {
		c := letters[i]
		for _, m := range maildirFlags {
			if c == m.letter {
				flags |= m.flag
			}
		}
		if c == 'P' {
			keywords = append(keywords, forwarded)
		} else if k, ok := names[c]; ok {
			keywords = append(keywords, k)
		}
	}
	return flags, keywords
}

func readKeywords(dir string) map[byte]string {
	b, err := os.ReadFile(filepath.Join(dir, keywordsFile))
	if err != nil {
		return nil // most Maildirs have none
	}
	names := make(map[byte]string)
	for line := range strings.Lines(string(b)) {
		number, keyword, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < 26 && keyword != "" {
			names['a'+byte(n)] = keyword
		}
	}
	return names
}

// maildirWriter writes Maildir++ below root.
type maildirWriter struct {
	root    string
	folder  string              // the one in hand
	dir     string              // its directory
	present map[string]struct{} // file names in its cur and new, up to the info
	names   []string            // its keywords, by letter
}

func newMaildirWriter(root string) (*maildirWriter, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	w := &maildirWriter{root: root}
	return w, w.Folder("")
}

func (w *maildirWriter) Folder(name string) error {
	if err := w.saveKeywords(); err != nil {
		return err
	}
	dir := w.root
	if name != "" {
		var b strings.Builder
		for level := range strings.SplitSeq(name, "/") {
			b.WriteString("." + encodeName(level, "./\\"))
		}
		dir = filepath.Join(w.root, b.String())
	}
	w.folder, w.dir, w.present, w.names = name, dir, make(map[string]struct{}), nil
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
		list, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return err
		}
		for _, e := range list {
			if sub != "tmp" {
				unique, _, _ := strings.Cut(e.Name(), ":")
				w.present[unique] = struct{}{}
			}
		}
	}
	for letter, keyword := range readKeywords(dir) {
		for len(w.names) <= int(letter-'a') {
			w.names = append(w.names, "")
		}
		w.names[letter-'a'] = keyword
	}
	if name != "" {
		// Maildir++ marks its folders with an empty file.
		return os.WriteFile(filepath.Join(dir, "maildirfolder"), nil, 0o600)
	}
	return nil
}

func (w *maildirWriter) Put(m *Message) (bool, error) {
	if m.Mailbox != w.folder {
		if err := w.Folder(m.Mailbox); err != nil {
			return false, err
		}
	}
	if _, ok := w.present[m.Name]; ok {
		return false, nil
	}
	tmp := filepath.Join(w.dir, "tmp", m.Name)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	out := &withLF{w: bufio.NewWriterSize(f, bufSize)}
	if _, err := bufio.NewReaderSize(m.Body, bufSize).WriteTo(out); err != nil {
		return false, err
	}
	if err := out.flush(); err != nil {
		return false, err
	}
	if !m.Received.IsZero() {
		if err := os.Chtimes(tmp, time.Time{}, m.Received); err != nil {
			return false, err
		}
	}
	w.present[m.Name] = struct{}{}
	return true, os.Rename(tmp, filepath.Join(w.dir, "cur", m.Name+":2,"+w.letters(m)))
}

// letters writes flags and keywords, in ASCII order as the format asks. A
// folder has letters for 26 keywords; what is beyond that stays behind.
func (w *maildirWriter) letters(m *Message) string {
	var out []byte
	for _, f := range maildirFlags {
		if m.Flags&f.flag != 0 {
			out = append(out, f.letter)
		}
	}
	for _, k := range m.Keywords {
		if strings.EqualFold(k, forwarded) {
			out = append(out, 'P')
			continue
		}
		i := slices.Index(w.names, k)
		if i < 0 && len(w.names) < 26 {
			i = len(w.names)
			w.names = append(w.names, k)
		}
		if i >= 0 {
			out = append(out, 'a'+byte(i))
		}
	}
	slices.Sort(out)
	return string(out)
}

func (w *maildirWriter) saveKeywords() error {
	if len(w.names) == 0 {
		return nil
	}
	var b strings.Builder
	for i, k := range w.names {
		if k != "" {
			fmt.Fprintf(&b, "%d %s\n", i, k)
		}
	}
	return os.WriteFile(filepath.Join(w.dir, keywordsFile), []byte(b.String()), 0o600)
}

func (w *maildirWriter) Close() error {
	if err := w.saveKeywords(); err != nil {
		return err
	}
	return syncTree(w.root)
}
