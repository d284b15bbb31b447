package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/message"
)

// memory is a message in memory, as a source.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func source(raw []byte) *Source {
	sc := message.NewScanner()
	sc.Write(raw)
	return &Source{Info: sc.Finish(), Open: func() (ReadAtCloser, error) { return memory{bytes.NewReader(raw)}, nil }}
}

func file(name, typ string, octets []byte) File {
	return File{Name: name, Type: typ, Size: int64(len(octets)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(octets)), nil }}
}

func full() *Letter {
	return &Letter{
		From:    Address{"Jürgen, genannt \"Jü\"", "juergen@mailbox.local"},
		To:      []Address{{"Alice", "alice@mailbox.local"}, {"", "odd name@example.org"}},
		Cc:      []Address{{"Bob (work)", "bob@example.org"}},
		Rough:   map[string]string{"Cc": "Bob (work) <bob@example.org>, jürgen m"},
		Bcc:     []Address{{"秘密", "secret@example.org"}},
		Subject: "Grüße aus dem Süden: " + strings.Repeat("schöne Zeit ", 20) + "ende",
		Text: "Hello,\n\n" + strings.Repeat("a paragraph longer than one line ", 10) + "ends.\n" +
			"> quoted " + strings.Repeat("text that is long ", 8) + "ends\n>> deeper\n From here\nFrom there\nümlaut\n\n-- \nJü",
		MessageID: "new@mailbox.local", InReplyTo: "old@example.org", References: []string{"first@example.org", "old@example.org"},
		Date:   time.Date(2026, 11, 22, 20, 15, 30, 0, time.FixedZone("", 3600)),
		SendAt: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), About: "answers/7/12",
		Files: []File{file("übersicht 2026.pdf", "application/pdf", bytes.Repeat([]byte{0, 255, 10, 13}, 5000)),
			file("empty.txt", "text/plain", nil)},
	}
}

// TestRound writes a letter, has Go's own mail packages read it, and reads it
// as a draft again: nothing is lost.
func TestRound(t *testing.T) {
	want := full()
	if err := want.Check(); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := want.Write(&raw); err != nil {
		t.Fatal(err)
	}
	for n, line := range bytes.Split(raw.Bytes(), []byte("\r\n")) {
		if len(line) > 78 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line %d is %q", n, line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != want.From.Name || from[0].Address != want.From.Address {
		t.Errorf("From is %v, %v", from, err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || to[1].Address != "odd name@example.org" {
		t.Errorf("To is %v, %v", to, err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, name := range []string{"", "übersicht 2026.pdf", "empty.txt"} {
		p, err := parts.NextPart()
		if err != nil || p.FileName() != name {
			t.Errorf("part %q: %v", name, err)
		}
	}
	got, err := source(raw.Bytes()).Read()
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Files {
		a, b := want.Files[i], got.Files[i]
		if a.Name != b.Name || a.Type != b.Type || !bytes.Equal(content(t, a), content(t, b)) {
			t.Errorf("file %d is %q %s, want %q %s", i, b.Name, b.Type, a.Name, a.Type)
		}
	}
	got.Files, want.Files = nil, nil
	if a, b := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", *want); strings.ReplaceAll(a, "+0000 +0000", "+0000 UTC") != b {
		t.Errorf("read back:\n%s\nwant:\n%s", a, b)
	}
}

func content(t *testing.T, f File) []byte {
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestInjection: no text that a person or another page can give begins a field
// of its own.
func TestInjection(t *testing.T) {
	for what, change := range map[string]func(l *Letter, evil string){
		"subject":    func(l *Letter, evil string) { l.Subject = evil },
		"from name":  func(l *Letter, evil string) { l.From.Name = evil },
		"from":       func(l *Letter, evil string) { l.From.Address = evil },
		"to name":    func(l *Letter, evil string) { l.To[0].Name = evil },
		"to":         func(l *Letter, evil string) { l.To[0].Address = evil },
		"cc":         func(l *Letter, evil string) { l.Cc[0].Address = evil },
		"bcc":        func(l *Letter, evil string) { l.Bcc[0].Name = evil },
		"message id": func(l *Letter, evil string) { l.MessageID = evil },
		"in reply":   func(l *Letter, evil string) { l.InReplyTo = evil },
		"references": func(l *Letter, evil string) { l.References[0] = evil },
		"about":      func(l *Letter, evil string) { l.About = evil },
		"rough":      func(l *Letter, evil string) { l.Rough["Cc"] = evil },
	} {
		for _, end := range []string{"\r\n", "\n", "\r", "\x00", "\u0085", "\xff"} {
			l := full()
			change(l, "x@example.org"+end+"X-Evil: yes")
			if IsProblem(l.Check()) == nil {
				t.Errorf("%s with %q was let through", what, end)
			}
		}
	}
	for _, typed := range []string{"a@example.org\r\nX-Evil: yes", "a@example.org\x00", "\"a\r\n b\" <a@example.org>", "<a@example.org\nX-Evil:yes>"} {
		list, err := ParseAddresses(typed, "mailbox.local")
		if err != nil {
			continue
		}
		l := full()
		l.To = list
		if l.Check() == nil && strings.Contains(header(t, l), "X-Evil") {
			t.Errorf("%q became a field", typed)
		}
	}
	l := full()
	l.Files[0].Name = FileName("a\"\r\nX-Evil: yes\r\n.pdf")
	if text := header(t, l); strings.Contains(text, "\nX-Evil") {
		t.Errorf("a file's name became a field:\n%s", text)
	}
}

// header is all of a letter but its files' octets.
func header(t *testing.T, l *Letter) string {
	var b bytes.Buffer
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFileName(t *testing.T) {
	for given, want := range map[string]string{
		"report.pdf":                           "report.pdf",
		"../../etc/passwd":                     "passwd",
		`C:\Users\me\..\letter.doc`:            "letter.doc",
		"..":                                   "file",
		"/":                                    "file",
		"":                                     "file",
		".htaccess":                            "htaccess",
		"a\x00b\r\nc.txt":                      "abc.txt",
		"invoice\u202efdp.exe":                 "invoicefdp.exe",
		"\xffx.png":                            "x.png",
		"ünïcode 文.txt":                        "ünïcode 文.txt",
		strings.Repeat("ä", 200) + ".jpeg":     strings.Repeat("ä", 72) + ".jpeg",
		strings.Repeat("a", 200) + ".x/../..":  "file",
		"dir/" + strings.Repeat("b", 300):      strings.Repeat("b", MaxFileName),
		"con/../nul/" + "tab\tname" + "\u200b": "tabname",
	} {
		if got := FileName(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	for typed, want := range map[string]string{
		"alice":                    "alice@mailbox.local",
		"Alice <alice>; bob":       "Alice <alice@mailbox.local>, bob@mailbox.local",
		" a@example.org ,,\n b@c ": "a@example.org, b@c",
		`"Miller, Ann" <a@example.org>, "O\"x" <b@example.org>`: `"Miller, Ann" <a@example.org>, "O\"x" <b@example.org>`,
		"Miller (Ann) <a@example.org>":                          `Miller (Ann) <a@example.org>`,
		"<a@example.org>":                                       "a@example.org",
		`"odd name"@example.org`:                                `"odd name"@example.org`,
		"Jürgen <j@bücher.example>":                             "Jürgen <j@bücher.example>",
		"a@[192.168.1.5]":                                       "a@[192.168.1.5]",
		"":                                                      "",
	} {
		list, err := ParseAddresses(typed, "mailbox.local")
		if err != nil || Join(list) != want {
			t.Errorf("%q: %q, %v; want %q", typed, Join(list), err, want)
		}
		again, err := ParseAddresses(want, "")
		if err != nil || !slices.Equal(list, again) {
			t.Errorf("%q does not survive being written and read", typed)
		}
	}
	for _, typed := range []string{"a@b@c", "two words", "a@", "@b", "Bcc: x@example.org", "a@example.org b@example.org", "<a@b", "a@b>"} {
		if list, err := ParseAddresses(typed, "mailbox.local"); IsProblem(err) == nil {
			t.Errorf("%q was taken as %v", typed, list)
		}
	}
	many := strings.Repeat("a@example.org,", MaxRecipients+1)
	if _, err := ParseAddresses(many, ""); IsProblem(err) == nil || IsProblem(err).Word != "recipients" {
		t.Errorf("too many: %v", err)
	}
}

func TestFlow(t *testing.T) {
	for _, text := range []string{
		"", "one", "one\n\ntwo", "> quoted\n> more\nanswer", ">> deep\n> less", " indented", "From me", "-- \nme",
		strings.Repeat("word ", 40) + "end", strings.Repeat("x", 300), "> " + strings.Repeat("quoted word ", 30) + "end",
		strings.Repeat("ä", 100) + " " + strings.Repeat("ö", 100), "a>b", "\n\nafter blank",
	} {
		flowed := Flow(text)
		for line := range strings.SplitSeq(flowed, "\r\n") {
			if n := len([]rune(line)); n > 78 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%q: line of %d characters: %q", text, n, line)
			}
		}
		if got := Unflow(flowed, false); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}

func TestReply(t *testing.T) {
	own := func(a string) bool { return strings.HasPrefix(strings.ToLower(a), "me@") }
	raw := strings.ReplaceAll(`From: Ann <ann@example.org>
Reply-To: Ann at home <ann@home.example>
To: Me@mailbox.local, Bob <bob@example.org>
Cc: ann@home.example, carol@example.org, bob@example.org
Subject: AW: Re: trip
Message-ID: <3@example.org>
References: <1@example.org> <bad id@example.org> <2@example.org>
Content-Type: text/plain; format=flowed

Are you `+`
coming?
> I might
--`+" "+`
Ann
`, "\n", "\r\n")
	s := source([]byte(raw))
	l, err := s.Reply(true, own, "Ann wrote:")
	if err != nil {
		t.Fatal(err)
	}
	if got := Join(l.To) + " | " + Join(l.Cc); got != "Ann at home <ann@home.example> | Bob <bob@example.org>, carol@example.org" {
		t.Errorf("reply all goes to %s", got)
	}
	if l.Subject != "Re: trip" || l.InReplyTo != "3@example.org" || strings.Join(l.References, " ") != "1@example.org badid@example.org 2@example.org 3@example.org" {
		t.Errorf("%q %q %q", l.Subject, l.InReplyTo, l.References)
	}
	if want := "\n\nAnn wrote:\n> Are you coming?\n>> I might\n"; l.Text != want {
		t.Errorf("quoted %q, want %q", l.Text, want)
	}
	if l, err = s.Reply(false, own, ""); err != nil || len(l.Cc) != 0 {
		t.Errorf("reply: %v %v", l.Cc, err)
	}
	mine := source([]byte("From: me@mailbox.local\r\nTo: bob@example.org\r\nSubject: x\r\n\r\ntext\r\n"))
	if l, err = mine.Reply(false, own, ""); err != nil || Join(l.To) != "bob@example.org" {
		t.Errorf("reply to own mail goes to %s, %v", Join(l.To), err)
	}
}

func TestForward(t *testing.T) {
	var raw bytes.Buffer
	original := full()
	if err := original.Write(&raw); err != nil {
		t.Fatal(err)
	}
	s := source(raw.Bytes())
	l, err := s.Forward(false, "Forwarded:")
	if err != nil || len(l.Files) != 2 || l.Files[0].Name != "übersicht 2026.pdf" || !strings.HasPrefix(l.Text, "\n\nForwarded:\n\nHello,\n") {
		t.Errorf("inline: %+v, %v", l, err)
	}
	l, err = s.Forward(true, "")
	if err != nil {
		t.Fatal(err)
	}
	l.MessageID = "fwd@mailbox.local"
	var again bytes.Buffer
	if err := l.Write(&again); err != nil {
		t.Fatal(err)
	}
	outer := source(again.Bytes())
	if n := len(outer.Info.Root.Children); n != 2 || outer.Info.Root.Children[1].Embedded == nil {
		t.Fatalf("the message has %d parts, the second is no message", n)
	}
	in := outer.Info.Root.Children[1]
	if got := again.Bytes()[in.BodyOffset : in.BodyOffset+in.BodySize]; !bytes.Equal(got, raw.Bytes()) {
		t.Errorf("the forwarded message is not what it was")
	}
	draft, err := outer.Read()
	if err != nil || len(draft.Files) != 1 || !draft.Files[0].Whole {
		t.Errorf("as a draft: %+v, %v", draft, err)
	}
	// Octets that a message can't have travel in base64.
	bad := source([]byte("Subject: x\n\nbare\n\x00"))
	l, err = bad.Forward(true, "")
	if err != nil || l.Files[0].Whole {
		t.Errorf("a broken message is passed on as it is: %v", err)
	}
}

// TestReadError: what goes wrong while reading a file comes through.
func TestReadError(t *testing.T) {
	broken := errors.New("broken card")
	l := full()
	l.Files[0].Open = func() (io.ReadCloser, error) { return nil, broken }
	if err := l.Write(io.Discard); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzAddresses: what is taken as addresses can be written into a header and
// comes back.
func FuzzAddresses(f *testing.F) {
	f.Add(`"Miller, Ann" <a@example.org>, bob; <c@d>`)
	f.Add("a\r\nb: <x@y>")
	f.Fuzz(func(t *testing.T, typed string) {
		list, err := ParseAddresses(typed, "mailbox.local")
		if err != nil || len(list) == 0 {
			return
		}
		l := &Letter{To: list, MessageID: "a@b"}
		if l.Check() != nil {
			return
		}
		var b bytes.Buffer
		if err := l.Write(&b); err != nil {
			t.Fatal(err)
		}
		got := source(b.Bytes()).Info.Envelope
		if len(got.From)+len(got.Cc)+len(got.Bcc) > 0 || len(got.To) != len(list) {
			t.Fatalf("%q became %+v", typed, got)
		}
	})
}
