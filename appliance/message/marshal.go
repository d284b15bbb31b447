package message

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// version is the first byte of what Marshal returns. Another one means that
// the message must be scanned again.
const version = 1

// Marshal returns the Info as compact CBOR (RFC 8949), some 400 bytes for a
// common mail and never more than MaxMarshalled.
func (i *Info) Marshal() ([]byte, error) {
	mode, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical}.EncMode()
	if err != nil {
		return nil, err
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
		return nil, err
	}
	i := new(Info)
	if err := mode.Unmarshal(b[1:], i); err != nil {
		return nil, fmt.Errorf("decoding message structure: %w", err)
	}
	return i, nil
}
