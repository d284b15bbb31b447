package message

import "mime"

// DecodeHeader returns the text of a raw header field body as UTF-8: folds
// undone, encoded words (RFC 2047) decoded, raw 8-bit bytes taken as UTF-8 or
// else as Windows-1252, control characters made spaces.
func DecodeHeader(raw string) string {
	t, err := new(mime.WordDecoder).DecodeHeader(raw)
	if err != nil {
		return raw
	}
	return t
}
