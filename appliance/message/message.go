// Package message reads Internet mail: RFC 5322 headers and the MIME
// structure of RFC 2045 to 2049, in one streaming pass and constant memory.
//
// # One pass
//
// A Scanner is an io.Writer. The message is written to it while it goes to
// the disk, in pieces of any size, and Finish returns an Info: the envelope,
// the tree of parts with the place of each part in the message, and a few
// counts. What the pieces were makes no difference to the result. From then
// on nobody parses the message again: an Info is small, is kept beside the
// message (Marshal, Unmarshal), and answers a mail program's questions about
// envelope and structure alone. Sections of the body are served by offset
// (Info.Open) from whatever io.ReaderAt holds the bytes.
//
// # Mail is hostile
//
// A Scanner never fails and never panics. What cannot be understood degrades:
// a broken Content-Type is text/plain (RFC 2045 section 5.2), a multipart
// without parts is a text/plain leaf, a part below MaxDepth or beyond MaxParts
// is an opaque application/octet-stream leaf, and an address that is no address
// keeps the name it came with. So a reader of an Info may rely on this:
//
//   - a Part of type multipart has at least one child, and no other has any;
//   - a Part of type message/rfc822 or message/global has Embedded set, and no
//     other has;
//   - offsets are in the message, children lie inside their parent's body, in
//     order and without overlap.
//
// Sizes and counts are bounded by the constants below, whatever comes.
//
// # Reading the source
//
// This file has the nouns. scanner.go finds lines, parts and their places,
// fields.go uses the header fields on the way, with address.go, date.go,
// words.go, mediatype.go and charset.go for what is in them. section.go and
// header.go answer IMAP and POP3 from an Info; decode.go, text.go and html.go
// make bodies readable for a search; marshal.go is the stored form.
package message

import (
	"time"
)

// Limits of what a Scanner looks at and keeps. Bytes beyond them still count
// into sizes and offsets: nothing of a message is ever cut.
const (
	// MaxDepth is how many multiparts and embedded messages may lie within
	// each other; one deeper is an opaque leaf.
	MaxDepth = 50
	// MaxParts is how many parts a message may have in all. After that the
	// rest of each multipart still open is one opaque leaf.
	MaxParts = 1000
	// MaxHeader is how many bytes of one header are looked at. Fields beyond
	// are not, but for the Received fields, which are all counted.
	MaxHeader = 256 << 10
	// MaxField is how many bytes of one header field are looked at.
	MaxField = 64 << 10
	// MaxFields is how many fields of one header are looked at.
	MaxFields = 2000
	// MaxBoundary is the longest multipart boundary in bytes; RFC 2046
	// section 5.1.1 allows 70. A multipart with a longer one is a leaf.
	MaxBoundary = 200
	// MaxAddresses is how many addresses of one kind (To, Cc, ...) are kept.
	MaxAddresses = 1000
	// MaxReferences is how many message ids of References are kept: the first,
	// which names the thread, and the last ones.
	MaxReferences = 100
	// MaxText is the longest text in bytes kept of one name, subject,
	// parameter and the like; longer ones are cut.
	MaxText = 2000
	// MaxKept is how many bytes of text (names, subjects, parameters, ...) one
	// Info keeps in all, 16 more counted for each text.
	MaxKept = 256 << 10
	// MaxMarshalled is the greatest length in bytes of what Marshal returns.
	MaxMarshalled = 48 << 10
)

// An Info is what one pass over a message found. It is also what is known of
// a message inside a message (Part.Embedded).
type Info struct {
	// Size is the length of the message in bytes, header and body.
	Size int64 `cbor:"1,keyasint,omitempty"`
	// HeaderSize is the length of the header in bytes, with the empty line
	// that ends it if there is one.
	HeaderSize int64 `cbor:"-"`
	// Lines counts the lines of the message, header and body. A last line
	// without an end counts.
	Lines    int64    `cbor:"3,keyasint,omitempty"`
	Envelope Envelope `cbor:"4,keyasint,omitempty"`
	// Root is the message as a MIME part. Its offsets, and those of all parts
	// below it, count from the start of the outermost message.
	Root Part `cbor:"5,keyasint,omitempty"`
	// Received is the number of Received fields: how many servers the message
	// has passed, to find loops (RFC 5321 section 6.3).
	Received int `cbor:"6,keyasint,omitempty"`
	// References are the message ids of the References field, without angle
	// brackets, oldest first; at most MaxReferences.
	References []string `cbor:"7,keyasint,omitempty"`
	// ListID is the List-Id field of a mailing list's mail (RFC 2919), decoded:
	// perhaps a description, and the list's name in angle brackets.
	ListID string `cbor:"13,keyasint,omitempty"`

	// Automatic tells that the header says no person wrote the message to its
	// recipient: a list's mail, a notice, an automatic answer (RFC 3834).
	Automatic bool `cbor:"14,keyasint,omitempty"`
	// DeliveredTo are the Delivered-To fields from the top, at most
	// MaxDeliveredTo: who has had the message before and passed it on.
	DeliveredTo []string `cbor:"15,keyasint,omitempty"`

	// BareLF tells of a line feed without a carriage return before it, and
	// BareCR of the reverse; RFC 5322 section 2.3 allows neither. NUL tells of
	// a zero byte. The five marks are set on the outermost message only.
	BareLF bool `cbor:"8,keyasint,omitempty"`
	BareCR bool `cbor:"9,keyasint,omitempty"`
	NUL    bool `cbor:"10,keyasint,omitempty"`
	// EightBitHeader tells of bytes over 127 in a header, the message's or a
	// part's (it needs SMTPUTF8 to travel), and EightBitBody of such bytes
	// elsewhere (8BITMIME).
	EightBitHeader bool `cbor:"11,keyasint,omitempty"`
	EightBitBody   bool `cbor:"12,keyasint,omitempty"`
}

// An Envelope holds the header fields of IMAP's ENVELOPE (RFC 9051 section
// 7.5.2). Text is UTF-8 without control characters, with encoded words (RFC
// 2047) decoded. Absent fields are empty; see WithDefaults.
type Envelope struct {
	// Date is the Date field, read tolerantly; zero when it makes no sense.
	Date time.Time `cbor:"-"`
	// DateText is the Date field as it was written.
	DateText string    `cbor:"1,keyasint,omitempty"`
	Subject  string    `cbor:"2,keyasint,omitempty"`
	From     []Address `cbor:"3,keyasint,omitempty"`
	Sender   []Address `cbor:"4,keyasint,omitempty"`
	ReplyTo  []Address `cbor:"5,keyasint,omitempty"`
	To       []Address `cbor:"6,keyasint,omitempty"`
	Cc       []Address `cbor:"7,keyasint,omitempty"`
	Bcc      []Address `cbor:"8,keyasint,omitempty"`
	// InReplyTo and MessageID are message ids without their angle brackets.
	InReplyTo []string `cbor:"9,keyasint,omitempty"`
	MessageID string   `cbor:"10,keyasint,omitempty"`
}

// WithDefaults returns the envelope as IMAP shows it: where Sender or Reply-To
// is absent, From stands in (RFC 9051 section 7.5.2).
func (e Envelope) WithDefaults() Envelope {
	if len(e.Sender) == 0 {
		e.Sender = e.From
	}
	if len(e.ReplyTo) == 0 {
		e.ReplyTo = e.From
	}
	return e
}

// An Address is one mailbox of an address field, or one end of a group (RFC
// 5322 section 3.4): Host is empty for both ends, and Mailbox is the group's
// name at its start and empty at its end, as in IMAP's ENVELOPE.
//
// A mailbox always has both: where the text had none they are MissingMailbox
// and MissingHost.
type Address struct {
	_       struct{} `cbor:",toarray"`
	Name    string   // display name, decoded to UTF-8
	Mailbox string   // local part, without quotes
	Host    string   // domain, or an address literal in its brackets
}

// What stands for the missing half of an address. Other IMAP servers use the
// same words.
const (
	MissingMailbox = "MISSING_MAILBOX"
	MissingHost    = "MISSING_DOMAIN"
)

// String returns mailbox@host, or "" for the ends of a group.
func (a Address) String() string {
	if a.Host == "" {
		return ""
	}
	return a.Mailbox + "@" + a.Host
}

// A Part is one node of the MIME tree (RFC 2045 section 2.4).
type Part struct {
	// Type and Subtype are the media type in lower case, "text" and "plain"
	// when there is none.
	Type    string `cbor:"1,keyasint,omitempty"`
	Subtype string `cbor:"2,keyasint,omitempty"`
	// Params are the parameters of Content-Type: names in lower case, values
	// decoded to UTF-8 (RFC 2231). See ASCIIParams for the wire.
	Params map[string]string `cbor:"3,keyasint,omitempty"`
	// ID is Content-ID with its angle brackets, as IMAP shows it.
	ID string `cbor:"4,keyasint,omitempty"`
	// Description is Content-Description, decoded to UTF-8.
	Description string `cbor:"5,keyasint,omitempty"`
	// Encoding is Content-Transfer-Encoding in lower case, "7bit" when there
	// is none. It may be a word nobody knows; see KnownEncoding.
	Encoding string `cbor:"6,keyasint,omitempty"`
	// Disposition is "inline", "attachment" or another word in lower case, ""
	// when there is no Content-Disposition (RFC 2183).
	Disposition       string            `cbor:"7,keyasint,omitempty"`
	DispositionParams map[string]string `cbor:"8,keyasint,omitempty"`
	Language          []string          `cbor:"9,keyasint,omitempty"`
	Location          string            `cbor:"10,keyasint,omitempty"`
	MD5               string            `cbor:"11,keyasint,omitempty"`

	// HeaderOffset and BodyOffset count bytes from the start of the outermost
	// message. HeaderSize includes the empty line that ends the header if
	// there is one. BodySize does not include the line end before a boundary:
	// it belongs to the boundary (RFC 2046 section 5.1.1).
	HeaderOffset int64 `cbor:"12,keyasint,omitempty"`
	HeaderSize   int64 `cbor:"13,keyasint,omitempty"`
	BodyOffset   int64 `cbor:"-"`
	BodySize     int64 `cbor:"15,keyasint,omitempty"`
	// Lines counts the lines of the body. A last line without an end counts.
	Lines int64 `cbor:"16,keyasint,omitempty"`

	// Children are the parts of a multipart, at least one; nil for any other.
	Children []Part `cbor:"17,keyasint,omitempty"`
	// Embedded is the message in a message/rfc822 or message/global part; nil
	// for any other.
	Embedded *Info `cbor:"18,keyasint,omitempty"`
}

// Multipart tells whether the part is a multipart, that is, has children.
func (p *Part) Multipart() bool { return p.Type == "multipart" }
