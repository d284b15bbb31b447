package queue

import (
	"bytes"
	"errors"
	"io"

	"posthorn/appliance/message"
	"posthorn/appliance/relay"
)

// letter is the text of a message as it goes to one server.
type letter struct {
	open func() io.ReadCloser // the same text each time
	size int64                // octets of it
	body string               // 8BITMIME or ""
}

// write makes the letter of a stored message. Where the server takes ASCII only,
// or the message is binary, its parts are encoded; what can't be without doing
// harm is a failure for good.
func write(j *job, stored io.ReaderAt, eightBit bool) (*letter, error) {
	skip, err := returnPath(stored)
	if err != nil {
		return nil, err
	}
	beyond := j.info.EightBitBody || j.info.EightBitHeader
	if j.record.Body != "BINARYMIME" && (eightBit || !beyond) {
		l := &letter{size: j.info.Size - skip}
		l.open = func() io.ReadCloser { return io.NopCloser(io.NewSectionReader(stored, skip, l.size)) }
		if beyond {
			l.body = "8BITMIME"
		}
		return l, nil
	}
	plain, err := message.NewSevenBit(stored, skip, j.info)
	if errors.Is(err, message.ErrSevenBit) {
		return nil, &relay.Failure{Status: "5.6.3", Permanent: true, Text: "the next server takes plain text only: " + err.Error()}
	}
	if err != nil {
		return nil, err
	}
	l := &letter{open: plain.Open}
	text := plain.Open()
	defer text.Close()
	l.size, err = io.Copy(io.Discard, text)
	return l, err
}

// sign returns the field that signs the letter.
func (l *letter) sign(k *relay.Key) (string, error) {
	text := l.open()
	defer text.Close()
	return k.Sign(text)
}

// maxReturnPath is the longest Return-Path field looked for.
const maxReturnPath = 1024

// returnPath returns how long the Return-Path field is that a stored message
// begins with; it stays here (RFC 5321 section 4.4).
func returnPath(r io.ReaderAt) (int64, error) {
	buf := make([]byte, maxReturnPath)
	n, err := r.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	buf = buf[:n]
	if !bytes.HasPrefix(buf, []byte("Return-Path:")) {
		return 0, nil
	}
	return int64(bytes.IndexByte(buf, '\n') + 1), nil
}
