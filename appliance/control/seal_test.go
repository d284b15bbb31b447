package control

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"

	"posthorn/store"
)

func TestSeal(t *testing.T) {
	const passphrase = "a long enough one"
	text := bytes.Repeat([]byte("everything the store holds "), 10_000)
	var sealed bytes.Buffer
	w, err := Seal(&sealed, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed.Bytes(), []byte("the store")) {
		t.Error("not encrypted")
	}
	// Whoever has no box any more reads it with age.
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := age.Decrypt(bytes.NewReader(sealed.Bytes()), id); err != nil {
		t.Errorf("age: %v", err)
	} else if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
		t.Errorf("age reads %d octets, %v", len(got), err)
	}
	for _, c := range []struct {
		name, passphrase string
		from             []byte
		want             error
	}{
		{"right", passphrase, sealed.Bytes(), nil},
		{"wrong", passphrase + "x", sealed.Bytes(), ErrPassphrase},
		{"none", "", sealed.Bytes(), ErrPassphraseNeeded},
		{"cut short", passphrase, sealed.Bytes()[:sealed.Len()-1000], store.ErrBackup},
		{"not sealed", passphrase, text, nil},
		{"empty", "", nil, nil},
	} {
		r, err := Unseal(bytes.NewReader(c.from), c.passphrase)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
		}
		switch {
		case !errors.Is(err, c.want):
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		case err == nil && len(c.from) > 0 && !bytes.Equal(got, text):
			t.Errorf("%s: %d octets", c.name, len(got))
		}
	}
	for _, short := range []string{"", "123456789", strings.Repeat("x", maxPassphrase+1)} {
		if _, err := Seal(io.Discard, short); !errors.Is(err, ErrPassphraseShort) {
			t.Errorf("%d characters: %v", len(short), err)
		}
	}
}

// What asks for more memory than a board has is refused before it is taken.
func TestUnsealLimitsMemory(t *testing.T) {
	head := "age-encryption.org/v1\n-> scrypt bBKFKFmoWJh5VPTbB5RSBQ 24\nC1hw3J6CPiBoLm7PUYHbMhtwoaU8uJ+nIIjZmZ6YVnY\n--- mA6O7Fo3xfaJIXLZZoJ4NVBBTx8/XIAYPJiFMWdOJ3E\n"
	if _, err := Unseal(strings.NewReader(head), "a long enough one"); err == nil || !strings.Contains(err.Error(), "work factor") {
		t.Errorf("16 GiB: %v", err)
	}
}

func TestBackupOfABox(t *testing.T) {
	b := newBox(t)
	if _, err := batch(t, b, "Subject: kept\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	if err := b.Backup(t.Context(), &sealed, "short"); !errors.Is(err, ErrPassphraseShort) || sealed.Len() > 0 {
		t.Errorf("a short passphrase: %v", err)
	}
	if err := b.Backup(t.Context(), &sealed, "a long enough one"); err != nil {
		t.Fatal(err)
	}
	st, err := b.Status()
	if err != nil || st.Backup.IsZero() {
		t.Errorf("the backup is not remembered: %v", err)
	}
	plain, err := Unseal(&sealed, "a long enough one")
	if err != nil {
		t.Fatal(err)
	}
	o := store.Options{Dir: t.TempDir()}
	if err := store.Restore(t.Context(), o, plain); err != nil {
		t.Fatal(err)
	}
	if in, err := inspect(o); err != nil || in.Messages != 1 || in.People[0] != "alice" {
		t.Errorf("%+v, %v", in, err)
	}
}
