package login

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// Limits of a password.
const (
	MinPassword = 8    // characters of a new password
	MaxPassword = 1024 // octets of any password
)

// Cost of a hash made on this machine; the reasons are in the package
// comment.
const (
	memoryKiB = 7 * 1024
	passes32  = 1 // on a 32-bit processor
	passes64  = 5
	saltSize  = 16 // octets
	keySize   = 32 // octets
)

// The most that a stored hash may cost: one made elsewhere must not be able
// to take the board's memory or a minute of its time.
const (
	maxMemoryKiB = 64 * 1024
	maxPasses    = 16
	maxLanes     = 8
)

var errNotArgon2id = errors.New("not an argon2id hash in PHC form")

// hash is an argon2id hash (RFC 9106).
type hash struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   []byte
	key    []byte
}

// HashPassword returns the PHC string ($argon2id$v=19$...) of a new password
// for store.Account.Password. It takes this board's 7 MiB and a quarter of a
// second; in a process that serves mail use [Keeper.SetPassword], which waits
// its turn. A password that cannot be used gives a [*PasswordError].
func HashPassword(password string) (string, error) {
	prepared, err := CheckPassword(password)
	if err != nil {
		return "", err
	}
	return newHash(prepared).String(), nil
}

// CheckPassword tells whether password may become someone's password: 8
// characters at least, 1024 octets at most, and nothing that RFC 8265
// section 4.2 forbids. It returns the form in which it is compared, or a
// [*PasswordError].
func CheckPassword(password string) (string, error) {
	if len(password) > MaxPassword {
		return "", &PasswordError{fmt.Sprintf("it is longer than %d bytes", MaxPassword)}
	}
	prepared, err := prepare(password)
	if err != nil {
		return "", &PasswordError{"it is empty or has characters that cannot be typed everywhere, such as control characters"}
	}
	if utf8.RuneCountInString(prepared) < MinPassword {
		return "", &PasswordError{fmt.Sprintf("it has fewer than %d characters", MinPassword)}
	}
	return prepared, nil
}

// prepare gives a password the form in which it is hashed and compared:
// PRECIS OpaqueString (RFC 8265 section 4.2), so that "ä" typed on one
// keyboard equals "ä" typed on another.
func prepare(password string) (string, error) {
	if len(password) > MaxPassword {
		return "", errors.New("password is too long")
	}
	if !utf8.ValidString(password) { // precis would let it pass
		return "", errors.New("password is not UTF-8")
	}
	return precis.OpaqueString.String(password)
}

// newHash hashes a prepared password with a fresh salt at this board's cost.
func newHash(prepared string) *hash {
	h := decoy()
	rand.Read(h.salt)
	h.key = h.compute(prepared)
	return h
}

// decoy is a hash of this board's cost that no password matches.
func decoy() *hash {
	return &hash{memory: memoryKiB, passes: passes(), lanes: 1,
		salt: make([]byte, saltSize), key: make([]byte, keySize)}
}

func passes() uint32 {
	if strconv.IntSize == 32 {
		return passes32
	}
	return passes64
}

func (h *hash) compute(prepared string) []byte {
	return argon2.IDKey([]byte(prepared), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
}

// matches computes the hash of a prepared password and compares.
func (h *hash) matches(prepared string) bool {
	return subtle.ConstantTimeCompare(h.compute(prepared), h.key) == 1
}

// weaker tells whether the hash costs less than one made here would.
func (h *hash) weaker() bool {
	return uint64(h.memory)*uint64(h.passes) < memoryKiB*uint64(passes())
}

// String returns the PHC form.
func (h *hash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.memory, h.passes, h.lanes, b64(h.salt), b64(h.key))
}

// parseHash reads the PHC form and refuses costs above the limits.
func parseHash(s string) (*hash, error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" {
		return nil, errNotArgon2id
	}
	if f[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, fmt.Errorf("argon2id version %q is not known", f[2])
	}
	h := &hash{}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); n != 3 || err != nil {
		return nil, errNotArgon2id
	}
	if h.memory > maxMemoryKiB || h.passes > maxPasses || h.lanes > maxLanes || h.passes < 1 || h.lanes < 1 {
		return nil, fmt.Errorf("argon2id cost %s is beyond this box (m=%d,t=%d,p=%d at most)",
			f[3], maxMemoryKiB, maxPasses, maxLanes)
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil {
		return nil, fmt.Errorf("salt of the hash: %w", err)
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil {
		return nil, fmt.Errorf("key of the hash: %w", err)
	}
	if len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return nil, errNotArgon2id
	}
	return h, nil
}
