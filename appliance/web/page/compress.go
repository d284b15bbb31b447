package page

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// minCompress is the least that is worth compressing, in octets.
const minCompress = 1400 // one packet

// takesGzip tells whether the browser accepts gzip (RFC 9110 section 12.5.3).
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.TrimSpace(params) != "q=0"
		}
	}
	return false
}

// send writes a whole answer, compressed where that is safe: the length of a
// compressed page tells whoever watches the line how alike two parts of it
// are, so what another site made the browser ask for goes as it is (BREACH).
// Tokens are masked besides.
func (s *Site) send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) >= minCompress && takesGzip(r) && !strings.HasPrefix(r.Header.Get("Sec-Fetch-Site"), "cross") {
		var small bytes.Buffer
		z, ok := s.zips.Get().(*gzip.Writer)
		if !ok {
			z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one there is
		}
		z.Reset(&small)
		z.Write(body)
		z.Close()
		s.zips.Put(z)
		h.Set("Content-Encoding", "gzip")
		body = small.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
