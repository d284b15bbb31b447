package message

import "strings"

// parseAddresses reads the body of an address field, folds undone, and returns
// at most limit addresses. It is tolerant: one broken address costs none of
// its neighbours, and keeps the text it has as its name or mailbox.
func parseAddresses(value string, limit int) []Address {
	r := addressReader{text: value, limit: limit}
	for r.at < len(r.text) && len(r.list) < limit {
		r.step()
	}
	r.endGroup()
	return r.list
}

// An addressReader reads an address list (RFC 5322 section 3.4). What it has
// read of the address under way is in phrase, comment and angle.
type addressReader struct {
	text    string
	at      int
	limit   int
	list    []Address
	inGroup bool

	phrase   strings.Builder // what stands outside of <> and ()
	quoted   bool            // some of phrase was a quoted string
	comment  string
	angle    string // what stands in <>
	hasAngle bool
	// open holds the brackets that are never closed from here on: each is
	// looked for in vain once, so that no text takes time by its square.
	open string
}

// step reads one character, or what it opens.
func (r *addressReader) step() {
	rest := r.text[r.at:]
	c := rest[0]
	if strings.IndexByte(r.open, c) < 0 {
		n := 0
		switch c {
		case '"':
			n = r.quotedString(rest)
		case '(':
			n = r.commentText(rest)
		case '<':
			n = r.angleAddress(rest)
		case '[':
			if n = strings.IndexByte(rest, ']') + 1; n > 0 {
				r.phrase.WriteString(rest[:n])
			}
		case '=': // an encoded word, perhaps with a comma in it
			if strings.HasPrefix(rest, "=?") {
				if w, ok := cutWord(rest); ok {
					r.at += w.size
					r.phrase.WriteString(rest[:w.size])
					return
				}
			}
		}
		if n > 0 {
			r.at += n
			return
		}
		if strings.IndexByte(`"(<[`, c) >= 0 {
			r.open += string(c)
		}
	}
	r.at++
	switch {
	case c == ',':
		r.endAddress()
	case c == ';':
		r.endGroup()
	case c == ':' && !r.inGroup && !r.hasAngle && !strings.Contains(r.phrase.String(), "@"):
		name := DecodeHeader(strings.TrimSpace(r.phrase.String()))
		if name == "" {
			name = r.comment
		}
		r.reset()
		r.inGroup = true
		if name == "" {
			name = MissingMailbox
		}
		r.list = append(r.list, Address{Mailbox: name})
	case c == '>' || c == '<': // astray
	default:
		r.phrase.WriteByte(c)
	}
}

// quotedString reads a quoted string and returns its length, 0 if it has no
// end. One with an @ after it is a local part: an address without <>.
func (r *addressReader) quotedString(rest string) int {
	text, after, ok := cutQuoted(rest)
	if !ok {
		return 0
	}
	n := len(rest) - len(after)
	if strings.HasPrefix(after, "@") && !r.hasAngle {
		host := strings.IndexAny(after, " \t,;<(")
		if host < 0 {
			host = len(after)
		}
		r.angle, r.hasAngle = text+after[:host], true
		return n + host
	}
	r.phrase.WriteString(text)
	r.quoted = true
	return n
}

// commentText reads a comment, with those nested in it, and returns its
// length, 0 if it has no end.
func (r *addressReader) commentText(rest string) int {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				r.comment = strings.TrimSpace(rest[1:i])
				return i + 1
			}
		}
	}
	return 0
}

// angleAddress reads what stands in angle brackets and returns its length, 0
// if they have no end. If another < comes before, this one ends at the comma.
func (r *addressReader) angleAddress(rest string) int {
	skip := len(rest) - len(strings.TrimLeft(rest, "<"))
	n := strings.IndexByte(rest[skip:], '>')
	text := ""
	switch {
	case n < 0:
		return 0
	case strings.IndexByte(rest[skip:skip+n], '<') >= 0:
		n = strings.IndexAny(rest[skip:], "<,")
		text = rest[skip : skip+n]
		n += skip
	default:
		text = rest[skip : skip+n]
		n += skip + len(">")
	}
	if !r.hasAngle || r.angle == "" {
		r.angle, r.hasAngle = text, true
	}
	return n
}

// endAddress adds the address that was read, if there is one.
func (r *addressReader) endAddress() {
	phrase := strings.Join(strings.Fields(r.phrase.String()), " ")
	angle, hasAngle, quoted, comment := r.angle, r.hasAngle, r.quoted, r.comment
	r.reset()
	if !hasAngle {
		phrase, angle = splitPhrase(phrase, quoted)
	}
	if phrase == "" {
		phrase = comment
	}
	if phrase == "" && angle == "" && !hasAngle || len(r.list) >= r.limit {
		return
	}
	mailbox, host := splitAddress(angle)
	r.list = append(r.list, Address{Name: DecodeHeader(phrase), Mailbox: mailbox, Host: host})
}

// endGroup ends the address under way and the group it is in, if any.
func (r *addressReader) endGroup() {
	r.endAddress()
	if r.inGroup {
		r.inGroup = false
		r.list = append(r.list, Address{})
	}
}

func (r *addressReader) reset() {
	r.phrase.Reset()
	r.comment, r.angle, r.quoted, r.hasAngle = "", "", false, false
}

// closeGroup adds the end of a group whose end was cut off.
func closeGroup(list []Address) []Address {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Host != "" {
			continue
		}
		if list[i].Mailbox != "" {
			list = append(list, Address{})
		}
		break
	}
	return list
}

// splitPhrase finds the address in text without angle brackets: all of it, its
// last word with an @, or, if it has no @, a single word that was not quoted.
func splitPhrase(phrase string, quoted bool) (name, address string) {
	if !strings.Contains(phrase, "@") {
		if quoted || strings.ContainsAny(phrase, " ?") {
			return phrase, ""
		}
		return "", phrase
	}
	words := strings.Fields(phrase)
	for i := len(words) - 1; i >= 0; i-- {
		if at := strings.IndexByte(words[i], '@'); at > 0 && at < len(words[i])-1 {
			name = strings.Join(append(words[:i:i], words[i+1:]...), " ")
			return name, words[i]
		}
	}
	return "", strings.Join(words, "") // "a @ b . c", an old form
}

// splitAddress splits an addr-spec, without the route that old mail may have
// before it. Both halves are set whatever comes.
func splitAddress(s string) (mailbox, host string) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "@") { // RFC 5322 section 4.4
		if _, after, ok := strings.Cut(s, ":"); ok {
			s = after
		}
	}
	mailbox = s
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		mailbox, host = s[:at], s[at+1:]
	}
	mailbox, host = strings.TrimSpace(mailbox), strings.TrimSpace(host)
	if strings.HasPrefix(mailbox, `"`) {
		if text, _, ok := cutQuoted(mailbox); ok {
			mailbox = text
		}
	}
	if mailbox == "" {
		mailbox = MissingMailbox
	}
	if host == "" {
		host = MissingHost
	}
	return decodeText(mailbox), decodeText(host)
}
