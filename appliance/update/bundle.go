package update

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"aead.dev/minisign"
)

// Limits of a bundle's head, which is read before its signature is known to be
// good.
const (
	maxManifest  = 4 << 10 // octets
	maxSignature = 1 << 10
	// MaxSlot is the size of the largest slot, in octets.
	MaxSlot = 512 << 20
)

const magic = "posthorn update 1\n"

// Manifest is what is signed.
type Manifest struct {
	Board   string    `json:"board"`   // such as "rpi4"
	Version string    `json:"version"` // for people
	Built   time.Time `json:"built"`   // of the source; decides what is older
	Size    int64     `json:"size"`    // of the slot, in octets
	SHA256  string    `json:"sha256"`  // of the slot, in hexadecimal
}

// The reasons for which a bundle is refused before anything is written.
var (
	ErrNoBundle  = errors.New("this is not an update for this kind of box")
	ErrSignature = errors.New("the update is not signed by the maker of this box's system; get it from where the system came from")
	ErrBoard     = errors.New("the update is for another board")
	ErrOlder     = errors.New("the update is older than what runs, or the same")
	// ErrDamaged is found while the slot is written; the box goes on starting
	// from the other one.
	ErrDamaged = errors.New("the update is damaged; fetch it again")
)

// Refused tells whether an error is about the bundle, and not about the card.
func Refused(err error) bool {
	return slices.ContainsFunc([]error{ErrNoBundle, ErrSignature, ErrBoard, ErrOlder, ErrDamaged},
		func(reason error) bool { return errors.Is(err, reason) })
}

// WriteHead writes the signed head of a bundle. The slot, compressed by gzip,
// follows it.
func WriteHead(w io.Writer, m Manifest, key minisign.PrivateKey) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	signature := minisign.Sign(key, text)
	if len(text) > maxManifest || len(signature) > maxSignature {
		return errors.New("the bundle's head is too long")
	}
	_, err = fmt.Fprintf(w, "%s%s\n%d\n%s", magic, text, len(signature), signature)
	return err
}

// readHead reads a bundle's head and checks its signature, and nothing else.
func readHead(r *bufio.Reader, key minisign.PublicKey) (m Manifest, err error) {
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(r, start); err != nil || string(start) != magic {
		return m, ErrNoBundle
	}
	text, err := line(r, maxManifest)
	if err != nil {
		return m, err
	}
	count, err := line(r, 5)
	if err != nil {
		return m, err
	}
	var n int
	if _, err := fmt.Sscanf(string(count), "%d", &n); err != nil || n < 1 || n > maxSignature {
		return m, ErrNoBundle
	}
	signature := make([]byte, n)
	if _, err := io.ReadFull(r, signature); err != nil {
		return m, ErrNoBundle
	}
	if !minisign.Verify(key, text, signature) {
		return m, ErrSignature
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	if m.Size < 1<<20 || m.Size > MaxSlot || m.Size%sector != 0 {
		return m, fmt.Errorf("%w: a slot of %d octets", ErrNoBundle, m.Size)
	}
	return m, nil
}

// line reads a line of at most so many octets, and leaves its end away.
func line(r *bufio.Reader, most int) ([]byte, error) {
	var out bytes.Buffer
	for out.Len() <= most {
		b, err := r.ReadByte()
		if err != nil {
			return nil, ErrNoBundle
		}
		if b == '\n' {
			return out.Bytes(), nil
		}
		out.WriteByte(b)
	}
	return nil, ErrNoBundle
}
