package message

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
)

// KnownEncoding tells whether Decode can take the Content-Transfer-Encoding
// off: the five of RFC 2045 section 6.1, in lower case.
func KnownEncoding(encoding string) bool {
	switch encoding {
	case "", "7bit", "8bit", "binary", "base64", "quoted-printable":
		return true
	}
	return false
}

// Decode returns a reader of r with a Content-Transfer-Encoding taken off. It
// is tolerant and fails only with r's error: what is not of the encoding is
// skipped in base64 and kept in quoted-printable. An unknown encoding is kept
// as it is.
func Decode(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}
