package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// static serves an area's files. Their URL has the hash of all of them in it,
// so a browser may keep them for ever and asks for none twice; modules that
// import each other by relative path stay together.
type static struct {
	prefix string // /static/AREA/HASH/
	files  map[string]*file
}

// file is a static file, as it is and compressed if that pays.
type file struct {
	kind        string
	plain, gzip []byte
}

// newStatic reads static/ of files; nil if there is no such folder.
func newStatic(files fs.FS, area string) (*static, error) {
	st := &static{files: make(map[string]*file)}
	all := sha256.New()
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		all.Write([]byte(name))
		all.Write(text)
		st.files[strings.TrimPrefix(name, "static/")] = newFile(name, text)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	st.prefix = "/static/" + area + "/" + hex.EncodeToString(all.Sum(nil)[:6]) + "/"
	return st, err
}

func newFile(name string, text []byte) *file {
	f := &file{kind: kindOf(name), plain: text}
	var small bytes.Buffer
	z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // the level is one there is
	z.Write(text)
	z.Close()
	if small.Len() < len(text)*9/10 {
		f.gzip = small.Bytes()
	}
	return f
}

// kindOf is a file's media type; the system's own list is not asked, since
// boards have none.
func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		return mime.TypeByExtension(ext)
	}
}

// url is where a file is; a name there is no file of is a mistake in a
// template, which a missing file's URL shows in tests.
func (st *static) url(name string) string {
	if st == nil || st.files[name] == nil {
		return "/static/missing/" + name
	}
	return st.prefix + name
}

func (st *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := st.files[strings.TrimPrefix(r.URL.Path, st.prefix)]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := f.plain
	if f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
