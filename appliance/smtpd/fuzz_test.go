package smtpd

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// FuzzServer sends whatever it likes to port 25 through a real socket. The
// server must neither fail nor fall silent, and no message may come to be
// that was not ended by CR LF dot CR LF or a last chunk.
func FuzzServer(f *testing.F) {
	const begin = "HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<alice@mailbox.local>\r\n"
	f.Add([]byte(begin + "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"))
	f.Add([]byte(begin + "BDAT 5\r\nA: b\r\nBDAT 2 LAST\r\n\r\n"))
	f.Add([]byte(begin + "DATA\r\nx\n.\r\nMAIL FROM:<b@example.com>\r\n\r\r\n.\r\nQUIT\r\nNOOP\r\n"))
	f.Add([]byte("EHLO x\r\nMAIL FROM:<\"a b\"@x> SIZE=1 BODY=BINARYMIME RET=FULL ENVID=+2B SMTPUTF8\r\nRCPT TO:<alice+\xc3\xbc@mailbox.local> NOTIFY=NEVER ORCPT=utf-8;x\\x{FC}\r\n"))
	f.Add([]byte("STARTTLS\r\n\x16\x03\x01"))
	b := newBox(f, boxOptions{limits: Limits{FaultPause: 50 * time.Millisecond, HandshakeTimeout: 50 * time.Millisecond}})
	before := 0
	f.Fuzz(func(t *testing.T, in []byte) {
		c := b.dial(t, "25")
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(io.Discard, c.conn)
		}()
		c.conn.Write(in)
		c.conn.(interface{ CloseWrite() error }).CloseWrite()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("server neither answers nor closes")
		}
		after := len(b.mail(t, "alice", "INBOX"))
		if after > before && !bytes.Contains(in, []byte("\r\n.\r\n")) && !bytes.Contains(bytes.ToUpper(in), []byte("LAST")) {
			t.Error("a message without an end was taken")
		}
		before = after
		for line := range strings.Lines(b.log.String()) {
			// A connection that ends just as go-smtp begins a BDAT has its
			// session taken away under the library's own goroutine. The library
			// catches that; nothing was accepted and nobody is left to answer.
			if strings.Contains(line, "session failed") && !strings.Contains(line, "handleBdat.func1") {
				t.Fatal(line)
			}
		}
	})
}

// FuzzText compares the scanner with the definition: a text ends at the first
// CR LF dot CR LF (the first CR LF may be that of DATA), and is sound if no
// CR, LF stands alone and there is no NUL.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\n", "a\n.\r\n", ".\r\n", "\r\r\n.\r\n", "a\r\n..\r\n.\r\nb", "\r\n.\r\r\n.\r\n", "\x00\r\n.\r\n"} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = size&0xff + 1
		end := bytes.Index(append([]byte("\r\n"), in...), []byte("\r\n.\r\n")) + len(".\r\n")
		found := end >= len(".\r\n")
		if !found {
			end = len(in)
		}
		text := in[:end]
		if !found { // a CR at the very end is not alone until the next octet says so
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		bad := bytes.ContainsAny(bytes.ReplaceAll(text, []byte("\r\n"), nil), "\r\n\x00")
		scanner := textScanner{dots: true}
		var clean, used int
		ended := false
		for at := 0; at < len(in) && !ended; at += size {
			c, u, e := scanner.scan(in[at:min(at+size, len(in))])
			clean, used, ended = clean+c, used+u, e
		}
		if ended != found || used != end {
			t.Fatalf("%q ends at %d %v, want %d %v", in, used, ended, end, found)
		}
		if sick := scanner.fault != sound; sick != bad && len(in) < MaxTextLine {
			t.Fatalf("%q: fault %v, want %v", in, scanner.fault, bad)
		}
		if scanner.fault == sound && clean != used || clean > used {
			t.Fatalf("%q: %d clean of %d", in, clean, used)
		}
	})
}
