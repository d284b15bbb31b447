package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"posthorn/store"
)

// The box's certificate authority is what the household's devices came to
// trust. It lives in two files that package certs reads; copies in the store
// have every backup carry it, so that a box restored onto a new card is the
// box the devices know.
//
// The copies win: a key that differs from them is that of a card which was set
// up anew and then restored. What the two agree on is refreshed from the files,
// for the authority's certificate is renewed now and then.
const (
	authorityKey  = "ca.key"
	authorityCert = "ca.pem"
)

// recallIdentity puts the authority that the store knows where package certs
// reads it. It must run before the certificates are opened.
func recallIdentity(data string, s *store.Store) error {
	kept := make(map[string][]byte)
	err := s.View(func(tx *store.Tx) error {
		for _, name := range []string{authorityKey, authorityCert} {
			v, err := tx.Value("tls/" + name)
			if err != nil {
				return err
			}
			kept[name] = v
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recall the box's certificate authority: %w", err)
	}
	dir := filepath.Join(data, "tls")
	if now, err := os.ReadFile(filepath.Join(dir, authorityKey)); err == nil && bytes.Equal(now, kept[authorityKey]) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The certificate first: without its key it is set aside and made anew,
	// a key without its certificate would be certified with other names.
	for _, name := range []string{authorityCert, authorityKey} {
		if err := writeSynced(filepath.Join(dir, name), string(kept[name])); err != nil {
			return fmt.Errorf("recall the box's certificate authority: %w", err)
		}
	}
	return nil
}

// keepIdentity copies the authority into the store where the copy differs. A
// full disk is no reason not to start.
func keepIdentity(data string, s *store.Store) error {
	return s.Update(func(tx *store.Tx) error {
		for _, name := range []string{authorityKey, authorityCert} {
			now, err := os.ReadFile(filepath.Join(data, "tls", name))
			if err != nil {
				return err
			}
			if kept, err := tx.Value("tls/" + name); err == nil && bytes.Equal(kept, now) {
				continue
			}
			if err := tx.PutValue("tls/"+name, now); err != nil {
				return err
			}
		}
		return nil
	})
}
