package message

import "bytes"

// Prepend adds header fields on top of a message that was scanned without
// them: whole lines, none of which the Info tells of.
func (i *Info) Prepend(fields []byte) {
	size, lines := int64(len(fields)), int64(bytes.Count(fields, []byte{'\n'}))
	i.Size += size
	i.Lines += lines
	i.HeaderSize += size
	for _, c := range fields {
		i.EightBitHeader = i.EightBitHeader || c >= 0x80
	}
	i.Root.HeaderSize += size
	i.Root.BodyOffset += size
	i.Root.shift(size)
}

// shift moves everything within a part.
func (p *Part) shift(by int64) {
	for n := range p.Children {
		c := &p.Children[n]
		c.HeaderOffset += by
		c.BodyOffset += by
		c.shift(by)
	}
	if p.Embedded != nil {
		r := &p.Embedded.Root
		r.HeaderOffset += by
		r.BodyOffset += by
		r.shift(by)
	}
}
