package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// chunkSize is how many octets of a body stand in one chunk. Reading at an
// offset decompresses one; larger ones compress a little better.
const chunkSize = 64 << 10

// How a chunk's octets are kept.
const (
	chunkPlain = 1
	chunkZstd  = 2
)

// codec packs and unpacks chunks. One encoder and one decoder serve everybody,
// a few at a time, for each holds several hundred kilobytes.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), // slow boards; better levels gain 3 % on mail
		zstd.WithWindowSize(chunkSize),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // the chunk has its own hash
		zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*chunkSize),
		zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	return &codec{enc, dec}, nil
}

// pack returns what is stored for raw: how it is kept, its hash, its length,
// and the octets, compressed if that saves an eighth.
func (c *codec) pack(raw []byte, compress bool) (v []byte, paid bool) {
	head := make([]byte, 1, 16+len(raw))
	head[0] = chunkPlain
	head = binary.LittleEndian.AppendUint64(head, xxhash.Sum64(raw))
	head = binary.AppendUvarint(head, uint64(len(raw)))
	if compress {
		if v = c.enc.EncodeAll(raw, head); len(v)-len(head) <= len(raw)-len(raw)/8 {
			v[0] = chunkZstd
			return bytes.Clone(v), true // without the room the plain form would take
		}
	}
	return append(head, raw...), false
}

// unpack appends a chunk's octets to dst, or returns ErrCorrupt.
func (c *codec) unpack(v, dst []byte) ([]byte, error) {
	bad := func(what string) ([]byte, error) { return nil, fmt.Errorf("chunk: %s: %w", what, ErrCorrupt) }
	if len(v) < 10 {
		return bad("too short")
	}
	how, sum := v[0], binary.LittleEndian.Uint64(v[1:])
	n, w := binary.Uvarint(v[9:])
	if w <= 0 || n > chunkSize {
		return bad("length")
	}
	start := len(dst)
	switch body := v[9+w:]; how {
	case chunkPlain:
		dst = append(dst, body...)
	case chunkZstd:
		var err error
		if dst, err = c.dec.DecodeAll(body, dst); err != nil {
			return bad(err.Error())
		}
	default:
		return bad("unknown form")
	}
	if uint64(len(dst)-start) != n || xxhash.Sum64(dst[start:]) != sum {
		return bad("hash or length differ")
	}
	return dst, nil
}
