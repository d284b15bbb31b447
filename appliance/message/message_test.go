package message

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// scan reads a message in one piece.
func scan(raw string) *Info {
	s := NewScanner()
	s.Write([]byte(raw))
	return s.Finish()
}

// crlf gives a literal the line ends of mail.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// check verifies what the package promises of any message at all.
func check(t *testing.T, raw []byte, i *Info) {
	t.Helper()
	if i.Size != int64(len(raw)) {
		t.Fatalf("Size is %d of %d bytes", i.Size, len(raw))
	}
	c := checker{t: t, raw: raw}
	c.info(i, 0, i.Size)
	if c.parts > MaxParts+MaxDepth {
		t.Fatalf("%d parts", c.parts)
	}
	b, err := i.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxMarshalled {
		t.Fatalf("marshalled to %d bytes", len(b))
	}
	back, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	full, err := i.encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(full) <= MaxMarshalled {
		if !reflect.DeepEqual(i, back) {
			t.Fatalf("came back as\n%+v\nfrom\n%+v", back, i)
		}
		return
	}
	c = checker{t: t, raw: raw, trimmed: true}
	c.info(back, 0, back.Size)
}

type checker struct {
	t       *testing.T
	raw     []byte
	trimmed bool // structure may have become opaque
	parts   int
	depth   int
}

func (c *checker) info(i *Info, from, to int64) {
	t := c.t
	t.Helper()
	if i.Root.HeaderOffset != from || from+i.Size != to || i.HeaderSize != i.Root.HeaderSize {
		t.Fatalf("message at %d to %d has root at %d, size %d, header %d and %d", from, to, i.Root.HeaderOffset, i.Size, i.HeaderSize, i.Root.HeaderSize)
	}
	if want := lineCount(c.raw[from:i.Root.BodyOffset]) + i.Root.Lines; i.Lines != want {
		t.Fatalf("message at %d has %d lines, want %d", from, i.Lines, want)
	}
	e := i.Envelope
	c.text(append([]string{e.DateText, e.Subject, e.MessageID}, append(e.InReplyTo, i.References...)...)...)
	for _, list := range [][]Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		if len(list) > MaxAddresses+1 {
			t.Fatalf("%d addresses", len(list))
		}
		open := false
		for _, a := range list {
			c.text(a.Name, a.Mailbox, a.Host)
			if a.Host == "" && open == (a.Mailbox != "") {
				t.Fatalf("group does not start or end in turn: %#v", list)
			}
			open = a.Host == "" && a.Mailbox != "" || open && a.Host != ""
			if a.Mailbox == "" && a.Host != "" {
				t.Fatalf("address %+v has no mailbox", a)
			}
		}
		if open {
			t.Fatalf("group does not end: %#v", list)
		}
	}
	c.part(&i.Root, from, to)
}

func (c *checker) part(p *Part, from, to int64) {
	t := c.t
	t.Helper()
	c.parts++
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > MaxDepth+1 {
		t.Fatalf("depth %d", c.depth)
	}
	end := p.BodyOffset + p.BodySize
	if p.HeaderOffset < from || p.HeaderSize < 0 || p.HeaderOffset+p.HeaderSize != p.BodyOffset || p.BodySize < 0 || end > to {
		t.Fatalf("part %s/%s at %d+%d, %d+%d is not in %d to %d", p.Type, p.Subtype, p.HeaderOffset, p.HeaderSize, p.BodyOffset, p.BodySize, from, to)
	}
	if want := lineCount(c.raw[p.BodyOffset:end]); p.Lines != want {
		t.Fatalf("part at %d has %d lines, want %d: %q", p.HeaderOffset, p.Lines, want, c.raw[p.BodyOffset:end])
	}
	c.text(p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.Disposition, p.Location, p.MD5)
	c.text(p.Language...)
	for _, params := range []map[string]string{p.Params, p.DispositionParams} {
		for k, v := range params {
			c.text(k, v)
		}
		for k, v := range ASCIIParams(params) {
			if !ascii([]byte(k + v)) {
				t.Fatalf("parameter %q=%q is not ASCII", k, v)
			}
		}
	}
	if p.Type == "" || p.Subtype == "" || p.Encoding == "" {
		t.Fatalf("part at %d has type %q/%q, encoding %q", p.HeaderOffset, p.Type, p.Subtype, p.Encoding)
	}
	message := p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global")
	if p.Multipart() != (len(p.Children) > 0) || message != (p.Embedded != nil) {
		t.Fatalf("part at %d is %s/%s with %d children, message %v", p.HeaderOffset, p.Type, p.Subtype, len(p.Children), p.Embedded != nil)
	}
	if p.Embedded != nil {
		c.info(p.Embedded, p.BodyOffset, end)
	}
	at := p.BodyOffset
	for n := range p.Children {
		child := &p.Children[n]
		c.part(child, at, end)
		line := c.raw[at:child.HeaderOffset]
		if b := bytes.LastIndexByte(bytes.TrimRight(line, "\r\n"), '\n'); b >= 0 {
			line = line[b+1:]
		}
		if !bytes.HasPrefix(line, []byte("--")) {
			t.Fatalf("part at %d does not follow a boundary but %q", child.HeaderOffset, line)
		}
		at = child.BodyOffset + child.BodySize
	}
}

// text verifies that strings are fit to be shown and sent.
func (c *checker) text(texts ...string) {
	c.t.Helper()
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexFunc(s, control) >= 0 {
			c.t.Fatalf("text %q", s)
		}
	}
}

func lineCount(b []byte) int64 {
	n := bytes.Count(b, []byte{'\n'})
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return int64(n)
}

// outline writes a tree as "mixed(text/plain text/html) ...".
func outline(p *Part) string {
	s := p.Type + "/" + p.Subtype
	if p.Embedded != nil {
		s += "[" + outline(&p.Embedded.Root) + "]"
	}
	if p.Multipart() {
		var c []string
		for n := range p.Children {
			c = append(c, outline(&p.Children[n]))
		}
		s = p.Subtype + "(" + strings.Join(c, " ") + ")"
	}
	return s
}

// TestStructure shows what becomes of well-formed and of hostile trees.
func TestStructure(t *testing.T) {
	const multi = "Content-Type: multipart/mixed; boundary=b\n\n"
	tests := []struct{ name, raw, want string }{
		{"nothing", "", "text/plain"},
		{"header only", "Subject: x", "text/plain"},
		{"body only", "\nhello\n", "text/plain"},
		{"bad type", "Content-Type: text\n\nx", "text/plain"},
		{"type without subtype", "Content-Type: text/\n\nx", "text/plain"},
		{"type of signs", "Content-Type: te(xt)/pl,ain\n\nx", "text/plain"},
		{"upper case", "CONTENT-TYPE: TEXT/HTML\n\nx", "text/html"},
		{"spaces in type", "Content-Type: text / html ; charset=x\n\nx", "text/html"},
		{"two parts", multi + "--b\n\none\n--b\nContent-Type: image/png\n\ntwo\n--b--\n", "mixed(text/plain image/png)"},
		{"preamble and epilogue", multi + "pre\n--b\n\none\n--b--\n--b\nepilogue\n", "mixed(text/plain)"},
		{"no end boundary", multi + "--b\n\none\n--b\n\ntwo", "mixed(text/plain text/plain)"},
		{"no line end after end boundary", multi + "--b\n\none\n--b--", "mixed(text/plain)"},
		{"blanks after boundary", multi + "--b \t \n\none\n--b-- \n", "mixed(text/plain)"},
		{"no parts", multi + "text\n", "text/plain"},
		{"no parts, only the end", multi + "--b--\n", "text/plain"},
		{"no body", "Content-Type: multipart/mixed; boundary=b", "text/plain"},
		{"no boundary parameter", "Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n", "text/plain"},
		{"empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n----\n", "text/plain"},
		{"long boundary", "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", MaxBoundary+1) + "\n\nx", "text/plain"},
		{"part without empty line", multi + "--b\n--b\nSubject: x\n--b--\n", "mixed(text/plain text/plain)"},
		{"nested", multi + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n1\n--c\nContent-Type: text/html\n\n2\n--c--\n--b\nContent-Type: image/png\n\n3\n--b--\n",
			"mixed(alternative(text/plain text/html) image/png)"},
		{"nested, inner end missing", multi + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n1\n--b\nContent-Type: image/png\n\n3\n--b--\n",
			"mixed(alternative(text/plain) image/png)"},
		{"inner boundary starts with the outer", multi + "--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\n1\n--bb--\n--b\nContent-Type: image/png\n\n3\n--b--\n",
			"mixed(alternative(text/plain) image/png)"},
		{"outer boundary starts with the inner", "Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b--\n--bb\nContent-Type: image/png\n\n3\n--bb--\n",
			"mixed(alternative(text/plain) image/png)"},
		{"boundary that ends as an end", "Content-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\n1\n--b----\n", "mixed(text/plain)"},
		{"same boundary inside", multi + "--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b--\n--b\nContent-Type: image/png\n\n3\n--b--\n",
			"mixed(alternative(text/plain) image/png)"},
		{"message", multi + "--b\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: text/html\n\nx\n--b--\n", "mixed(message/rfc822[text/html])"},
		{"multipart in message", multi + "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nx\n--b--\n",
			"mixed(message/rfc822[alternative(text/plain)])"},
		{"empty message", multi + "--b\nContent-Type: message/rfc822\n\n--b--\n", "mixed(message/rfc822[text/plain])"},
		{"message cut in its header", multi + "--b\nContent-Type: message/rfc822\n--b--\n", "mixed(message/rfc822[text/plain])"},
		{"message in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAo=\n", "application/octet-stream"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: 1\n\nx\n--b\nContent-Type: text/plain\n\n2\n--b--\n",
			"digest(message/rfc822[text/plain] text/plain)"},
		{"bad type in digest", "Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: %\n\nx\n--b--\n", "digest(text/plain)"},
		{"first Content-Type counts", "Content-Type: text/html\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n", "text/html"},
		{"first boundary counts", "Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n", "mixed(text/plain)"},
		{"folded", "Content-Type: multipart/mixed;\n\tboundary=\"b\"\n\n--b\n\nx\n", "mixed(text/plain)"},
		{"no header at all", "hello\nContent-Type: text/html\n\nx\n", "text/plain"},
		{"no header in parts", multi + "--b\nhello\n--b--\n", "mixed(text/plain)"},
		{"no header in a digest", "Content-Type: multipart/digest; boundary=b\n\n--b\nhello\n--b--\n", "digest(message/rfc822[text/plain])"},
		{"junk in the header", "Subject: x\njunk\nContent-Type: text/html\n\nx\n", "text/html"},
		{"mbox line", "From alice Sun Nov 22 20:00:00 2026\nContent-Type: text/html\n\nx\n", "text/html"},
		{"boundary in pieces", "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n", "mixed(text/plain)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, raw := range []string{tt.raw, crlf(tt.raw)} {
				i := scan(raw)
				check(t, []byte(raw), i)
				if got := outline(&i.Root); got != tt.want {
					t.Errorf("%q\n got %s\nwant %s", raw, got, tt.want)
				}
			}
		})
	}
}

// TestBounds shows that deep and wide trees cost little and stay readable.
func TestBounds(t *testing.T) {
	var deep, wide, bushy, rfc822 strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", n, n)
		rfc822.WriteString("Content-Type: message/rfc822\r\n\r\n")
	}
	wide.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for range 100_000 {
		wide.WriteString("--b\r\n\r\nx\r\n")
	}
	wide.WriteString("--b--\r\nepilogue\r\n")
	for n := range 40 {
		fmt.Fprintf(&bushy, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", n, n)
	}
	for n := 39; n >= 0; n-- {
		bushy.WriteString(strings.Repeat(fmt.Sprintf("\r\n--b%d\r\n\r\nx", n), 100))
		fmt.Fprintf(&bushy, "\r\n--b%d--", n)
	}
	for name, raw := range map[string]string{"deep": deep.String(), "wide": wide.String(), "bushy": bushy.String(), "messages": rfc822.String()} {
		t.Run(name, func(t *testing.T) {
			i := scan(raw)
			check(t, []byte(raw), i)
			if name == "wide" {
				last := i.Root.Children[len(i.Root.Children)-1]
				if len(i.Root.Children) != MaxParts || last.Type != "application" {
					t.Errorf("%d parts, last one %s", len(i.Root.Children), outline(&last))
				}
				if end := last.BodyOffset + last.BodySize; raw[end:] != "\r\n--b--\r\nepilogue\r\n" {
					t.Errorf("last part ends before %.40q", raw[end:])
				}
			}
			allocs := testing.AllocsPerRun(1, func() { scan(raw) })
			if allocs > 20_000 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

// TestMemory shows what is kept of messages made to be kept much of, and that
// the size of a body costs nothing.
func TestMemory(t *testing.T) {
	const head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	tests := []struct {
		name, first, again string
		kept               uint64 // bytes, at most
	}{
		{"attachment", head + "--b\r\n\r\n", strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz\r\n", 1000), 20 << 10},
		{"addresses", head, "--b\r\nContent-Type: message/rfc822\r\n\r\nTo: " + strings.Repeat("a@b, ", 3000) + "\r\n\r\n", 2 << 20},
		{"ids", head, "--b\r\nContent-Type: message/rfc822\r\n\r\nReferences: " + strings.Repeat("<a> ", 5000) + "\r\n\r\n", 2 << 20},
		{"parameters", head, "--b\r\nContent-Type: a/b " + strings.Repeat("c", 5000) + strings.Repeat("; x=yyyyy", 1000) + "\r\n\r\n", 2 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, again := []byte(tt.first), []byte(tt.again)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := NewScanner()
			s.Write(first)
			for range 1100 {
				s.Write(again)
			}
			i := s.Finish()
			runtime.GC()
			runtime.ReadMemStats(&after)
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > int64(tt.kept) {
				t.Errorf("%d bytes kept of %d", kept, i.Size)
			}
			if all := after.TotalAlloc - before.TotalAlloc; tt.name == "attachment" && all > tt.kept {
				t.Errorf("%d bytes allocated for %d", all, i.Size)
			}
			if b, err := i.Marshal(); err != nil || len(b) > MaxMarshalled {
				t.Errorf("marshalled to %d bytes, %v", len(b), err)
			}
		})
	}
}

// TestMarks shows which bytes are noticed.
func TestMarks(t *testing.T) {
	type marks struct{ lf, cr, nul, head, body bool }
	tests := []struct {
		raw  string
		want marks
	}{
		{"A: b\r\n\r\nc\r\n", marks{}},
		{"A: b\n\r\nc\r\n", marks{lf: true}},
		{"A: b\r\n\r\nc\rd\r\n", marks{cr: true}},
		{"A: b\r\n\r\nc\r", marks{cr: true}},
		{"A: b\r\n\r\nc\r\r\n", marks{cr: true}},
		{"A: b\r\n\r\nc\n\r", marks{lf: true, cr: true}},
		{"A: b\r\n\r\n\x00", marks{nul: true}},
		{"A: \xc3\xa9\r\n\r\n", marks{head: true}},
		{"A: b\r\n\r\n\xc3\xa9 and more of it\r\n", marks{body: true}},
		{"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: \xe9\r\n\r\n--b--\r\n", marks{head: true}},
	}
	for _, tt := range tests {
		for size := 1; size <= len(tt.raw); size++ {
			s := NewScanner()
			for rest := tt.raw; rest != ""; {
				n := min(len(rest), size)
				s.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			i := s.Finish()
			if got := (marks{i.BareLF, i.BareCR, i.NUL, i.EightBitHeader, i.EightBitBody}); got != tt.want {
				t.Errorf("%q in pieces of %d: %+v, want %+v", tt.raw, size, got, tt.want)
			}
		}
	}
}
