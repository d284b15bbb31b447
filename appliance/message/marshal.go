package message

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// version is the first byte of what Marshal returns. Another one means that
// the message must be scanned again.
const version = 1

// Marshal returns the Info as compact CBOR (RFC 8949): some 300 bytes for a
// common mail and never more than MaxMarshalled. To keep to that, texts are
// cut and lists shortened, and if that does not do, the innermost multiparts
// and embedded messages become opaque leaves.
func (i *Info) Marshal() ([]byte, error) {
	b, err := i.encode()
	for _, t := range []trim{{400, 100, MaxDepth}, {100, 30, MaxDepth}, {30, 5, MaxDepth}, {30, 5, 4}, {30, 5, 2}, {30, 5, 1}, {30, 5, 0}} {
		if err != nil || len(b) <= MaxMarshalled {
			break
		}
		b, err = t.info(i, 0).encode()
	}
	return b, err
}

func (i *Info) encode() ([]byte, error) {
	mode, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical}.EncMode()
	if err != nil {
		return nil, fmt.Errorf("encoding message structure: %w", err)
	}
	b, err := mode.Marshal(i)
	if err != nil {
		return nil, fmt.Errorf("encoding message structure: %w", err)
	}
	return append([]byte{version}, b...), nil
}

// Unmarshal reads what Marshal returned. It fails on anything else, and on
// what another version of this package wrote; then scan the message again.
func Unmarshal(b []byte) (*Info, error) {
	if len(b) == 0 || b[0] != version {
		return nil, fmt.Errorf("stored message structure is not of version %d; scan the message again", version)
	}
	mode, err := cbor.DecOptions{MaxNestedLevels: 8 * MaxDepth}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("decoding message structure: %w", err)
	}
	i := new(Info)
	if err := mode.Unmarshal(b[1:], i); err != nil {
		return nil, fmt.Errorf("decoding message structure: %w", err)
	}
	i.derive()
	return i, nil
}

// derive fills in what is not stored because it follows from what is.
func (i *Info) derive() {
	i.Envelope.Date = parseDate(i.Envelope.DateText)
	i.HeaderSize = i.Root.HeaderSize
	i.Root.derive()
}

func (p *Part) derive() {
	p.BodyOffset = p.HeaderOffset + p.HeaderSize
	for c := range p.Children {
		p.Children[c].derive()
	}
	if p.Embedded != nil {
		p.Embedded.derive()
	}
}

// A trim makes smaller copies: texts of so many bytes, lists of so many items,
// structure of such a depth.
type trim struct{ text, list, depth int }

func (t trim) info(i *Info, depth int) *Info {
	c := *i
	c.References, c.ListID = t.strings(i.References), t.string(i.ListID)
	c.DeliveredTo = t.strings(i.DeliveredTo)
	e := &c.Envelope
	e.Subject, e.MessageID = t.string(e.Subject), t.string(e.MessageID)
	e.InReplyTo = t.strings(e.InReplyTo)
	for _, list := range []*[]Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		*list = closeGroup(slices.Clone((*list)[:min(len(*list), t.list)]))
		for n := range *list {
			a := &(*list)[n]
			a.Name, a.Mailbox, a.Host = t.string(a.Name), t.string(a.Mailbox), t.string(a.Host)
		}
	}
	c.Root = t.part(i.Root, depth)
	return &c
}

func (t trim) part(p Part, depth int) Part {
	p.ID, p.Description, p.Location = t.string(p.ID), t.string(p.Description), t.string(p.Location)
	p.Params, p.DispositionParams = t.params(p.Params), t.params(p.DispositionParams)
	p.Language = t.strings(p.Language)
	if (p.Multipart() || p.Embedded != nil) && depth >= t.depth {
		p.Children, p.Embedded = nil, nil
		return opaque(p)
	}
	p.Children = slices.Clone(p.Children)
	for n := range p.Children {
		p.Children[n] = t.part(p.Children[n], depth+1)
	}
	if p.Embedded != nil {
		p.Embedded = t.info(p.Embedded, depth+1)
	}
	return p
}

func (t trim) string(s string) string { return cut(s, t.text) }

// strings shortens a list of ids: the first, which names the thread, and the
// last ones stay.
func (t trim) strings(list []string) []string {
	if n := len(list); n > t.list {
		list = append(list[:1:1], list[n-t.list+1:]...)
	}
	list = slices.Clone(list)
	for n := range list {
		list[n] = t.string(list[n])
	}
	return list
}

func (t trim) params(params map[string]string) map[string]string {
	if params == nil {
		return nil
	}
	kept := make(map[string]string)
	for _, name := range []string{"charset", "boundary", "name", "filename", "format", "delsp", "type"} {
		if v, ok := params[name]; ok {
			kept[name] = t.string(v)
		}
	}
	return kept
}

// cut cuts text to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
