// Bundle makes and signs updates.
//
//	go run ./scripts/bundle key FILE
//	go run ./scripts/bundle make KEYFILE BOARD VERSION BUILT SLOT OUT
//
// The first makes a key pair: FILE, which signs and is kept away from this
// tree, and FILE.pub, which goes into images (UPDATE_KEY=FILE.pub make image).
// The second makes a bundle of a slot that scripts/image left; BUILT is the
// number of seconds since 1970 that the image was built with.
package main

import (
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"aead.dev/minisign"

	"posthorn/appliance/update"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "key":
		err = makeKey(args[1])
	case len(args) == 7 && args[0] == "make":
		err = makeBundle(args[1], args[2], args[3], args[4], args[5], args[6])
	default:
		err = fmt.Errorf("usage: bundle key FILE, or bundle make KEYFILE BOARD VERSION BUILT SLOT OUT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func makeKey(file string) error {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	secret, err := private.MarshalText()
	if err != nil {
		return err
	}
	open, err := public.MarshalText()
	if err != nil {
		return err
	}
	// An old key is not overwritten: boxes that trust it would be cut off.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(secret); err != nil {
		return err
	}
	return os.WriteFile(file+".pub", open, 0o644)
}

func makeBundle(keyFile, board, version, built, slot, out string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	var key minisign.PrivateKey
	if err := key.UnmarshalText(text); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return err
	}
	in, err := os.Open(slot)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	m := update.Manifest{Board: board, Version: version, Built: time.Unix(seconds, 0).UTC(), Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if err := update.WriteHead(f, m, key); err != nil {
		return err
	}
	packed := gzip.NewWriter(f)
	if _, err := io.Copy(packed, in); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return f.Close()
}
