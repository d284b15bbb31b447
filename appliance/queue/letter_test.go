package queue

import (
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"posthorn/appliance/post"
	"posthorn/appliance/relay"
)

// submitText sends a message of alice's with another text than submit does.
func (b *box) submitText(e *post.Envelope, text string) {
	b.t.Helper()
	e.From, e.Submitter, e.Protocol = "alice@mailbox.local", &b.alice, "ESMTPSA"
	e.Recipients = []post.Recipient{{Address: "x@far.example"}}
	if _, err := b.Office.Accept(b.t.Context(), e, strings.NewReader(text)); err != nil {
		b.t.Fatal(err)
	}
}

// TestPlainServer sends text beyond ASCII to a server without 8BITMIME: it is
// encoded, and signed as it arrives.
func TestPlainServer(t *testing.T) {
	e := newElsewhere(t)
	e.hides = "8BITMIME"
	b := newBox(t, e, -1)
	key, err := relay.NewKey("mailbox.local")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Update(key.Put); err != nil {
		t.Fatal(err)
	}
	_, record, err := key.Record()
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("Gr\u00fc\u00dfe\r\n", 5000)
	const header = "From: alice@mailbox.local\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	b.submitText(&post.Envelope{}, header+"\r\n"+body)
	b.submitText(&post.Envelope{Body: "BINARYMIME"}, "From: alice@mailbox.local\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\n\xff")
	b.run()
	eventually(t, "they arrive", func() bool { return len(e.got()) == 2 && len(b.waiting()) == 0 })
	text, binary := e.got()[0].text, e.got()[1].text
	if strings.Contains(binary, "quoted-printable") {
		text, binary = binary, text
	}
	found, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{record}, nil }})
	if err != nil || len(found) != 1 || found[0].Err != nil {
		t.Errorf("signature of what arrived: %v, %+v", err, found)
	}
	_, encoded, _ := strings.Cut(text, "\r\n\r\n")
	if got, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(encoded))); err != nil || string(got) != body {
		t.Errorf("%d octets arrived of %d, %v", len(got), len(body), err)
	}
	if !strings.Contains(binary, "Content-Transfer-Encoding: base64\r\n\r\nAAr/") {
		t.Errorf("binary message arrives as\n%s", binary)
	}
	// What is signed by its author comes back.
	b.submitText(&post.Envelope{}, "From: alice@mailbox.local\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"+
		"--b\r\n\r\nGr\u00fc\u00dfe\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n")
	eventually(t, "the notice", func() bool { return len(b.mailbox("alice", "INBOX")) == 1 && len(b.waiting()) == 0 })
	notice := b.mailbox("alice", "INBOX")[0]
	for _, want := range []string{"Status: 5.6.3", "a part of it is signed, and changing that would break it", "Send it without its signature"} {
		if !strings.Contains(notice, want) {
			t.Errorf("notice lacks %q:\n%s", want, notice)
		}
	}
	if len(e.got()) != 2 {
		t.Error("the signed message arrived")
	}
}

// TestRequireTLSBounce has a message with REQUIRETLS meet a server that does not
// promise it: it comes back at once, and others to the same server leave.
func TestRequireTLSBounce(t *testing.T) {
	e := newElsewhere(t)
	b := newBox(t, e, -1)
	// A copy that bob has forwarded comes back to him whole: he has no other.
	b.bobForwards(post.Forward{To: []string{"bob@work.example"}})
	in := &post.Envelope{From: "friend@far.example", Protocol: "ESMTPS", Secure: true, Recipients: []post.Recipient{{Address: "bob@mailbox.local"}}}
	if _, err := b.Office.Accept(t.Context(), in, strings.NewReader("From: friend@far.example\r\n\r\nthe only copy\r\n")); err != nil {
		t.Fatal(err)
	}
	b.submitText(&post.Envelope{Secure: true, Return: "FULL"}, "From: alice@mailbox.local\r\nSubject: secret\r\n\r\nhush\r\n")
	b.submit("", "y@far.example")
	b.run()
	eventually(t, "the notice", func() bool { return len(b.mailbox("alice", "INBOX")) == 1 && len(b.waiting()) == 0 })
	if bobs := b.mailbox("bob", "INBOX"); len(bobs) != 1 || !strings.Contains(bobs[0], "the only copy") {
		t.Errorf("bob has %q", bobs)
	}
	notice := b.mailbox("alice", "INBOX")[0]
	if !strings.Contains(notice, "Status: 5.7.30") || !strings.Contains(notice, "may travel encrypted only") || strings.Contains(notice, "hush") {
		t.Errorf("notice is\n%s", notice)
	}
	if got := e.got(); len(got) != 1 || got[0].to[0] != "y@far.example" {
		t.Errorf("server got %+v", got)
	}
}
