package mail

import (
	"strconv"
	"strings"

	"posthorn/appliance/message"
	"posthorn/appliance/web/clean"
	"posthorn/appliance/web/compose"
)

// Limits of what a page shows of one message.
const (
	maxBodies = 10  // texts; further ones are files
	maxFiles  = 200 // files listed; the rest are in the archive of all
)

// piece is a part of a message with its number, as IMAP counts them ("1.2").
type piece struct {
	*message.Part
	Number string
}

// pieces are the parts of a message, sorted by what a reader wants of them.
type pieces struct {
	bodies []piece
	files  []piece
	// pictures are those the HTML may show, by Content-ID.
	pictures map[string]piece
	plain    bool // text is wanted where there is a choice
	choice   bool // there is one
}

func sortPieces(info *message.Info, plain bool) *pieces {
	p := &pieces{pictures: make(map[string]piece), plain: plain}
	root := piece{&info.Root, ""}
	if !root.Multipart() {
		root.Number = "1"
	}
	p.sort(root, false)
	return p
}

func (p piece) children() []piece {
	list := make([]piece, len(p.Children))
	for i := range p.Children {
		list[i] = piece{&p.Children[i], strings.TrimPrefix(p.Number+"."+strconv.Itoa(i+1), ".")}
	}
	return list
}

// sort puts a part where it belongs; related says that it is beside HTML that
// may show it.
func (p *pieces) sort(part piece, related bool) {
	switch {
	case part.Type == "multipart" && part.Subtype == "alternative":
		p.alternative(part)
	case part.Multipart():
		related = part.Subtype == "related"
		for _, c := range part.children() {
			p.sort(c, related)
		}
	case part.readable() && len(p.bodies) < maxBodies:
		p.bodies = append(p.bodies, part)
	default:
		id := strings.Trim(part.ID, "<> ")
		if id != "" && part.Type == "image" {
			p.pictures[id] = part
			if related && part.Disposition != "attachment" {
				return
			}
		}
		p.files = append(p.files, part)
	}
}

// alternative takes one of several forms of the same: HTML, or plain text if
// that is wanted or there is no HTML.
func (p *pieces) alternative(part piece) {
	var text, html, other []piece
	for _, c := range part.children() {
		switch {
		case c.readable() && c.Subtype == "plain":
			text = append(text, c)
		case c.holds("text", "html"):
			html = append(html, c)
		default:
			other = append(other, c)
		}
	}
	p.choice = p.choice || len(text) > 0 && len(html) > 0
	chosen := html
	if len(text) > 0 && (p.plain || len(html) == 0) {
		chosen = text
	}
	for _, c := range append(chosen, other...) {
		p.sort(c, false)
	}
}

// holds tells whether a part is of a type, or a multipart with one that is.
func (p piece) holds(media, subtype string) bool {
	if p.Type == media && p.Subtype == subtype {
		return p.Disposition != "attachment"
	}
	for _, c := range p.children() {
		if c.holds(media, subtype) {
			return true
		}
	}
	return false
}

// readable tells of text that is shown as such.
func (p piece) readable() bool {
	return p.Type == "text" && (p.Subtype == "plain" || p.Subtype == "html") && p.Disposition != "attachment"
}

// HTML tells whether a text is HTML.
func (p piece) HTML() bool { return p.Subtype == "html" }

func (p piece) flow() clean.Flow {
	return clean.Flow{Flowed: strings.EqualFold(p.Params["format"], "flowed"), DelSp: strings.EqualFold(p.Params["delsp"], "yes")}
}

// hasFiles tells whether something is attached, for lists.
func hasFiles(p *message.Part) bool {
	if p.Multipart() {
		for i := range p.Children {
			if hasFiles(&p.Children[i]) {
				return true
			}
		}
		return false
	}
	return p.Disposition == "attachment" || p.Embedded != nil ||
		p.Type != "text" && p.Type != "message" && p.ID == "" && p.Subtype != "pgp-signature" && p.Subtype != "pkcs7-signature"
}

// Name is the name a part is saved under: one without a path, and never empty.
func (p piece) Name() string {
	name := p.DispositionParams["filename"]
	if name == "" {
		name = p.Params["name"]
	}
	if name == "" && p.Embedded != nil {
		name = p.Embedded.Envelope.Subject + ".eml"
	}
	if name = reserved(compose.FileName(name)); name != "file" {
		return name
	}
	if ending, ok := endings[p.Media()]; ok {
		return "file-" + p.Number + ending
	}
	return "file-" + p.Number + ".bin"
}

// endings are those of files that came without a name.
var endings = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp",
	"application/pdf": ".pdf", "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "message/rfc822": ".eml",
	"message/delivery-status": ".txt", "application/zip": ".zip"}

// reserved makes a name fit for the systems it is saved on: without characters
// and names that mean something to Windows.
func reserved(name string) string {
	name = strings.TrimRight(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, name), ". ")
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch {
	case base == "CON", base == "PRN", base == "AUX", base == "NUL",
		len(base) == 4 && (base[:3] == "COM" || base[:3] == "LPT") && base[3] >= '0' && base[3] <= '9':
		return "_" + name
	case name == "":
		return "file"
	}
	return name
}

// Media is the part's media type.
func (p piece) Media() string { return p.Type + "/" + p.Subtype }

// Octets is about how many the part has, decoded.
func (p piece) Octets() int64 {
	if p.Encoding == "base64" {
		return p.BodySize * 57 / 78 // lines of 76 and their end
	}
	return p.BodySize
}

// Picture tells whether the part is said to be a picture that can be shown.
func (p piece) Picture() bool {
	switch p.Media() {
	case "image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}

// PDF tells whether the part is said to be a document to look at.
func (p piece) PDF() bool { return p.Media() == "application/pdf" }

// disposition writes Content-Disposition (RFC 6266): the name in ASCII for old
// programs, and as it is (RFC 8187).
func disposition(how, name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	value := how + `; filename="` + plain + `"`
	if plain == name {
		return value
	}
	const hex = "0123456789ABCDEF"
	encoded := []byte("; filename*=UTF-8''")
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			encoded = append(encoded, c)
		} else {
			encoded = append(encoded, '%', hex[c>>4], hex[c&15])
		}
	}
	return value + string(encoded)
}
