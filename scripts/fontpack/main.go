// Fontpack packs the glyphs Posthorn's screens need out of an X11 bitmap font
// into the compact file that package hw/font embeds.
//
// The fonts are the "misc-fixed" family of X11 (font-misc-misc), which are in
// the public domain. Debian ships them, compiled, in the package xfonts-base:
//
//	go run ./scripts/fontpack -o hw/font/6x10.font /usr/share/fonts/X11/misc/6x10.pcf.gz
//
// The output is described in package hw/font.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// ranges are the code points a household's names and our own pages are made
// of: Latin with its extensions, Greek, Cyrillic, and a little punctuation.
var ranges = [][2]rune{
	{0x20, 0x7e}, {0xa0, 0x24f}, {0x37a, 0x3ff}, {0x400, 0x4ff},
	{0x2010, 0x2026}, {0x2030, 0x203a}, {0x20ac, 0x20ac}, {0x2116, 0x2116},
	{0x2190, 0x2193}, {0xfffd, 0xfffd},
}

func main() {
	out := flag.String("o", "", "file to write")
	ascii := flag.Bool("ascii", false, "keep only U+0020 to U+007E")
	flag.Parse()
	if flag.NArg() != 1 || *out == "" {
		fmt.Fprintln(os.Stderr, "usage: fontpack [-ascii] -o FILE.font FONT.pcf.gz")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out, *ascii); err != nil {
		fmt.Fprintln(os.Stderr, "fontpack:", err)
		os.Exit(1)
	}
}

func run(in, out string, ascii bool) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	font, err := readPCF(data)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	wanted := ranges
	if ascii {
		wanted = ranges[:1]
	}
	return os.WriteFile(out, font.pack(wanted), 0o644)
}

// pack writes width, height, the number of glyphs, their code points in
// ascending order, and their rows from the top, each padded to whole bytes
// with the leftmost dot in the highest bit.
func (p *pcf) pack(wanted [][2]rune) []byte {
	var codes, bits bytes.Buffer
	n := 0
	for _, r := range wanted {
		for c := r[0]; c <= r[1]; c++ {
			rows := p.glyph(c)
			if rows == nil {
				continue
			}
			binary.Write(&codes, binary.BigEndian, uint16(c))
			bits.Write(rows)
			n++
		}
	}
	head := []byte{byte(p.width), byte(p.ascent + p.descent), byte(n >> 8), byte(n)}
	return append(append(head, codes.Bytes()...), bits.Bytes()...)
}

// pcf is a fixed-width font in X11's Portable Compiled Format.
type pcf struct {
	width, ascent, descent int
	metrics                []metric
	offsets                []uint32
	bitmap                 []byte
	pad                    int // rows are padded to this many bytes
	firstCol, lastCol      int // low byte of a code point
	firstRow, lastRow      int // high byte
	indices                []uint16
}

type metric struct{ left, right, width, ascent, descent int }

// Table types and format bits of the PCF.
const (
	tableMetrics   = 1 << 2
	tableBitmaps   = 1 << 3
	tableEncodings = 1 << 5
	tableBDFAccel  = 1 << 8

	formatCompressed = 0x100
	formatByteMSB    = 1 << 2
	formatBitMSB     = 1 << 3
)

var errFormat = errors.New("not a PCF font as Debian builds them (most significant bit first)")

func readPCF(data []byte) (p *pcf, err error) {
	// A short file makes a slice expression panic; this is a build tool fed
	// with a distribution's own file, so one message for all of them will do.
	defer func() {
		if recover() != nil {
			p, err = nil, errFormat
		}
	}()
	if string(data[:4]) != "\x01fcp" {
		return nil, errFormat
	}
	p = &pcf{}
	for i := range int(binary.LittleEndian.Uint32(data[4:])) {
		entry := data[8+16*i:]
		kind := binary.LittleEndian.Uint32(entry)
		table := data[binary.LittleEndian.Uint32(entry[12:]):]
		format := binary.LittleEndian.Uint32(table)
		var order binary.ByteOrder = binary.LittleEndian
		if format&formatByteMSB != 0 {
			order = binary.BigEndian
		}
		switch kind {
		case tableMetrics:
			p.readMetrics(table[4:], order, format)
		case tableBitmaps:
			if format&formatBitMSB == 0 {
				return nil, errFormat
			}
			p.readBitmaps(table[4:], order, format)
		case tableEncodings:
			p.readEncodings(table[4:], order)
		case tableBDFAccel:
			p.ascent = int(int32(order.Uint32(table[12:])))
			p.descent = int(int32(order.Uint32(table[16:])))
		}
	}
	for _, m := range p.metrics {
		p.width = max(p.width, m.width)
	}
	return p, nil
}

func (p *pcf) readMetrics(t []byte, order binary.ByteOrder, format uint32) {
	if format&formatCompressed != 0 {
		n := int(order.Uint16(t))
		for i := range n {
			b := t[2+5*i:]
			v := func(k int) int { return int(b[k]) - 0x80 }
			p.metrics = append(p.metrics, metric{v(0), v(1), v(2), v(3), v(4)})
		}
		return
	}
	n := int(order.Uint32(t))
	for i := range n {
		b := t[4+12*i:]
		v := func(k int) int { return int(int16(order.Uint16(b[2*k:]))) }
		p.metrics = append(p.metrics, metric{v(0), v(1), v(2), v(3), v(4)})
	}
}

func (p *pcf) readBitmaps(t []byte, order binary.ByteOrder, format uint32) {
	n := int(order.Uint32(t))
	for i := range n {
		p.offsets = append(p.offsets, order.Uint32(t[4+4*i:]))
	}
	p.pad = 1 << (format & 3)
	p.bitmap = t[4+4*n+16:]
}

func (p *pcf) readEncodings(t []byte, order binary.ByteOrder) {
	v := func(k int) int { return int(order.Uint16(t[2*k:])) }
	p.firstCol, p.lastCol, p.firstRow, p.lastRow = v(0), v(1), v(2), v(3)
	for i := range (p.lastCol - p.firstCol + 1) * (p.lastRow - p.firstRow + 1) {
		p.indices = append(p.indices, uint16(v(5+i)))
	}
}

// glyph returns the rows of one code point in the full cell, nil if the font
// lacks it.
func (p *pcf) glyph(c rune) []byte {
	row, col := int(c>>8), int(c&0xff)
	if row < p.firstRow || row > p.lastRow || col < p.firstCol || col > p.lastCol {
		return nil
	}
	i := p.indices[(row-p.firstRow)*(p.lastCol-p.firstCol+1)+col-p.firstCol]
	if i == 0xffff {
		return nil
	}
	m := p.metrics[i]
	stride := (m.right - m.left + 8*p.pad - 1) / (8 * p.pad) * p.pad
	cell := (p.width + 7) / 8
	rows := make([]byte, cell*(p.ascent+p.descent))
	src := p.bitmap[p.offsets[i]:]
	for y := range m.ascent + m.descent {
		for x := range m.right - m.left {
			if src[y*stride+x/8]&(0x80>>(x%8)) == 0 {
				continue
			}
			dx, dy := x+m.left, y+p.ascent-m.ascent
			if dx >= 0 && dx < p.width && dy >= 0 && dy < p.ascent+p.descent {
				rows[dy*cell+dx/8] |= 0x80 >> (dx % 8)
			}
		}
	}
	return rows
}
