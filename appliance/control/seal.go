package control

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"unicode/utf8"

	"filippo.io/age"

	"posthorn/store"
)

// Limits of encrypted backups. scrypt takes 1 KiB of memory times two to the
// power of the factor: 64 MiB when a backup is made, which the smallest board
// has, and 128 MiB at most when one is read.
const (
	// MinPassphrase is how many characters a passphrase has at least.
	MinPassphrase = 10
	maxPassphrase = 1000 // octets
	sealFactor    = 16
	openFactor    = 17
)

// sealedStart is how a file begins that age has encrypted
// (https://age-encryption.org/v1).
const sealedStart = "age-encryption.org/"

// Errors of passphrases.
var (
	// ErrPassphraseShort says that a passphrase is too short to protect anything, or too long.
	ErrPassphraseShort = fmt.Errorf("a passphrase has at least %d characters, and at most %d", MinPassphrase, maxPassphrase)
	// ErrPassphraseNeeded says that a backup is encrypted and no passphrase was given.
	ErrPassphraseNeeded = errors.New("the backup is encrypted: its passphrase is needed")
	// ErrPassphrase says that a backup can't be decrypted with the passphrase given.
	ErrPassphrase = errors.New("the passphrase is not that of the backup")
)

// Seal returns a writer that encrypts to w with a passphrase, in the format of
// age, which "age --decrypt" reads as well. What is written is complete when
// Close has returned. Nothing is held in memory but 64 KiB and, at the start,
// what scrypt needs. Errors: [ErrPassphraseShort].
func Seal(w io.Writer, passphrase string) (io.WriteCloser, error) {
	if !mayProtect(passphrase) {
		return nil, ErrPassphraseShort
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypt backup: %w", err)
	}
	r.SetWorkFactor(sealFactor)
	defer debug.FreeOSMemory() // what scrypt took is a good part of a small board
	out, err := age.Encrypt(w, r)
	if err != nil {
		return nil, fmt.Errorf("encrypt backup: %w", err)
	}
	return out, nil
}

// mayProtect tells whether a passphrase is neither too short nor too long.
func mayProtect(passphrase string) bool {
	return utf8.RuneCountInString(passphrase) >= MinPassphrase && len(passphrase) <= maxPassphrase
}

// Unseal returns a reader of the backup in r, which is decrypted if it is
// encrypted. Errors: [ErrPassphraseNeeded], [ErrPassphrase]; of reading,
// [store.ErrBackup].
func Unseal(r io.Reader, passphrase string) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	start, err := in.Peek(len(sealedStart))
	if err != nil || !bytes.Equal(start, []byte(sealedStart)) {
		return in, nil // whoever reads on says what it is, or that it is too short
	}
	if passphrase == "" {
		return nil, ErrPassphraseNeeded
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt backup: %w", err)
	}
	id.SetMaxWorkFactor(openFactor)
	defer debug.FreeOSMemory()
	out, err := age.Decrypt(in, id)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt backup: %w", err)
	}
	return unsealed{out}, nil
}

// unsealed is a backup being decrypted.
type unsealed struct{ io.Reader }

// Read implements io.Reader.
func (u unsealed) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: it is damaged, or cut short: %w", store.ErrBackup, err)
	}
	return n, err
}
