package message

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// A header is the state of a header being read, field by field.
type header struct {
	name     string // the field being read, in lower case; "" if it is of no use
	value    []byte // its body so far, unfolded
	size     int64  // bytes of the header read so far
	fields   int    // fields begun
	boundary []byte // of Content-Type, byte for byte
}

// headerLine reads a line of the innermost part's header. empty says that it
// is the line that ends it; next is the offset of the line after it. A line
// that is no field is skipped, but if it is the first there is no header.
func (s *Scanner) headerLine(line []byte, empty bool, next int64) {
	if empty {
		s.endHeader(next, s.lines+1)
		return
	}
	h := &s.head
	text := bytes.TrimRight(line, "\r\n")
	if line[0] != ' ' && line[0] != '\t' {
		s.endField()
		name := fieldName(line)
		if name == nil && h.fields == 0 && !mboxLine(line) {
			s.endHeader(s.offset, s.lines) // no header at all: show the text
			if s.inner().inHeader {        // of a message in a digest
				s.endHeader(s.offset, s.lines)
			}
			return
		}
		h.fields++
		h.name = usedField(name, s.inner().info != nil)
		text = text[min(len(text), bytes.IndexByte(line, ':')+1):]
		if h.name == "received" {
			s.inner().info.Received++
			h.name = ""
		}
	}
	h.size += next - s.offset
	if h.fields > MaxFields || h.size > MaxHeader {
		h.name = ""
	}
	if h.name != "" {
		h.value = append(h.value, text[:min(len(text), MaxField-len(h.value))]...)
	}
}

// mboxLine tells whether a line is the one that mbox files have before each
// message, perhaps quoted.
func mboxLine(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimPrefix(line, []byte(">")), []byte("From "))
}

// usedField returns the name in lower case if the scanner uses the field: one
// of MIME in any header, one of RFC 5322 in a message's.
func usedField(name []byte, message bool) string {
	var small [len("content-transfer-encoding")]byte
	if len(name) == 0 || len(name) > len(small) {
		return ""
	}
	for i, c := range name {
		small[i] = lower(c)
	}
	switch n := string(small[:len(name)]); n {
	case "content-type", "content-transfer-encoding", "content-id", "content-description",
		"content-disposition", "content-language", "content-location", "content-md5":
		return n
	case "date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc",
		"message-id", "in-reply-to", "references", "received", "list-id", "delivered-to",
		"auto-submitted", "precedence", "x-auto-response-suppress",
		"list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive":
		if message {
			return n
		}
	}
	return ""
}

// endField uses the field that was read, if any. Where a field may stand once
// the first that says something counts; lists of addresses are joined.
func (s *Scanner) endField() {
	h := &s.head
	name, value := h.name, string(bytes.TrimSpace(h.value))
	h.name, h.value = "", h.value[:0]
	if name == "" || value == "" {
		return
	}
	e := s.inner()
	if strings.HasPrefix(name, "content-") {
		s.mimeField(e, name, value)
		return
	}
	v := &e.info.Envelope
	e.info.Automatic = e.info.Automatic || automatic(name, value)
	switch name {
	case "date":
		if v.DateText == "" {
			v.DateText = s.keep(DecodeHeader(value), 100)
			v.Date = parseDate(v.DateText)
		}
	case "subject":
		if v.Subject == "" {
			v.Subject = s.keep(DecodeHeader(value), MaxText)
		}
	case "from":
		s.addresses(&v.From, value)
	case "sender":
		s.addresses(&v.Sender, value)
	case "reply-to":
		s.addresses(&v.ReplyTo, value)
	case "to":
		s.addresses(&v.To, value)
	case "cc":
		s.addresses(&v.Cc, value)
	case "bcc":
		s.addresses(&v.Bcc, value)
	case "message-id":
		if ids := messageIDs(value); v.MessageID == "" && len(ids) > 0 {
			v.MessageID = s.keep(ids[0], MaxText)
		}
	case "in-reply-to":
		if v.InReplyTo == nil {
			v.InReplyTo = s.ids(value)
		}
	case "references":
		if e.info.References == nil {
			e.info.References = s.ids(value)
		}
	case "delivered-to":
		if len(e.info.DeliveredTo) < MaxDeliveredTo {
			e.info.DeliveredTo = append(e.info.DeliveredTo, s.keep(strings.Trim(value, "<>"), 320))
		}
	case "list-id":
		if e.info.ListID == "" {
			e.info.ListID = s.keep(DecodeHeader(value), 300)
		}
	}
}

// mimeField uses a field of RFC 2045, 2183, 2557, 1864 or 3282.
func (s *Scanner) mimeField(e *entity, name, value string) {
	p := &e.part
	switch name {
	case "content-type":
		if !e.typed {
			e.typed = true
			s.contentType(p, value)
		}
	case "content-transfer-encoding":
		if p.Encoding == "" {
			p.Encoding = s.encoding(value)
		}
	case "content-disposition":
		if p.Disposition == "" {
			word, params := parseMedia(value)
			p.Disposition = s.keep(word, 64)
			p.DispositionParams = s.params(params)
		}
	case "content-id":
		if p.ID == "" {
			p.ID = s.keep(decodeText(value), MaxText)
		}
	case "content-description":
		if p.Description == "" {
			p.Description = s.keep(DecodeHeader(value), MaxText)
		}
	case "content-language":
		for _, tag := range strings.Split(value, ",") {
			if tag = strings.TrimSpace(tag); tag != "" && len(p.Language) < 20 {
				p.Language = append(p.Language, s.keep(decodeText(tag), 64))
			}
		}
	case "content-location":
		if p.Location == "" {
			p.Location = s.keep(DecodeHeader(value), MaxText)
		}
	case "content-md5":
		if p.MD5 == "" {
			p.MD5 = s.keep(decodeText(value), 64)
		}
	}
}

// contentType sets the media type from a Content-Type field. One that is
// broken means text/plain (RFC 2045 section 5.2).
func (s *Scanner) contentType(p *Part, value string) {
	media, params := parseMedia(value)
	typ, subtype, _ := strings.Cut(strings.Clone(media), "/")
	if !token(typ) || !token(subtype) {
		*p = plain(*p)
		return
	}
	s.head.boundary = []byte(params["boundary"])
	p.Type, p.Subtype = typ, subtype
	p.Params = s.params(params)
}

// encoding reads a Content-Transfer-Encoding field. What Decode knows is told
// however much is kept already.
func (s *Scanner) encoding(value string) string {
	word, _ := cutMedia(value)
	for _, known := range []string{"7bit", "8bit", "binary", "base64", "quoted-printable"} {
		if word == known {
			return known
		}
	}
	return s.keep(word, 64)
}

// addresses reads an address field and adds what it holds.
func (s *Scanner) addresses(to *[]Address, value string) {
	for _, a := range parseAddresses(value, MaxAddresses-len(*to)) {
		a.Name, a.Mailbox, a.Host = s.keep(a.Name, MaxText), s.keep(a.Mailbox, MaxText), s.keep(a.Host, MaxText)
		if s.room <= 0 {
			break
		}
		*to = append(*to, a)
	}
	*to = closeGroup(*to)
}

// ids reads a list of message ids and keeps the first and the last of them.
func (s *Scanner) ids(value string) []string {
	all := messageIDs(value)
	if n := len(all); n > MaxReferences {
		all = append(all[:1], all[n-MaxReferences+1:]...)
	}
	var ids []string
	for _, id := range all {
		if id = s.keep(id, MaxText); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// messageIDs returns what stands in angle brackets, or, if nothing does, the
// words that look like a message id (RFC 5322 section 3.6.4).
func messageIDs(value string) []string {
	var ids []string
	for rest := value; ; {
		_, after, ok := strings.Cut(rest, "<")
		if !ok {
			break
		}
		id, after, ok := strings.Cut(after, ">")
		if !ok {
			break
		}
		if id = strings.Join(strings.Fields(id), ""); id != "" {
			ids = append(ids, decodeText(id))
		}
		rest = after
	}
	if ids != nil {
		return ids
	}
	for _, word := range strings.Fields(value) {
		if word = strings.Trim(word, "<>,"); strings.Contains(word, "@") {
			ids = append(ids, decodeText(word))
		}
	}
	return ids
}

// params keeps parameters; nil if there are none.
func (s *Scanner) params(params map[string]string) map[string]string {
	var kept map[string]string                              // nil when empty, as it comes back from storage
	for _, name := range slices.Sorted(maps.Keys(params)) { // in order: room may not do for all
		value := s.keep(params[name], MaxText)
		if name = s.keep(name, 64); name != "" {
			if kept == nil {
				kept = make(map[string]string, len(params))
			}
			kept[name] = value
		}
	}
	return kept
}

// keep returns text as it goes into the Info: valid UTF-8 without control
// characters, cut to a number of bytes, and "" when the Info holds enough.
func (s *Scanner) keep(text string, most int) string {
	const overhead = 16 // of a string, so that many empty ones are not free
	text = cut(decodeText(text), most)
	if s.room < len(text)+overhead {
		s.room = 0
		return ""
	}
	s.room -= len(text) + overhead
	return strings.Clone(text)
}
