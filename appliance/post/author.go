package post

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"

	"posthorn/store"
)

// checkAuthor refuses a submitted message that is not its sender's own: there
// must be one From field and at most one Sender, and each address in them must
// be one of the account's. Two From fields, where one program shows the first
// and another the last, are the usual way to forge.
func (d *directory) checkAuthor(account store.AccountID, e *editor) error {
	switch {
	case len(e.from) == 0:
		return fmt.Errorf("%w: it has no From field", ErrHeader)
	case len(e.from) > 1:
		return fmt.Errorf("%w: it has %d From fields", ErrHeader, len(e.from))
	case len(e.sender) > 1:
		return fmt.Errorf("%w: it has %d Sender fields", ErrHeader, len(e.sender))
	}
	for _, raw := range append(e.sender, e.from...) {
		authors, err := parseAuthors(raw)
		if err != nil {
			return err
		}
		for _, address := range authors {
			if err := d.maySend(account, address); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseAuthors reads an address list strictly: what cannot be understood here
// might be understood differently elsewhere. Only display names are taken in
// any charset, as they play no part.
func parseAuthors(raw []byte) ([]string, error) {
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{
		CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil },
	}}
	unfolded := strings.NewReplacer("\r\n", "", "\n", "", "\r", "").Replace(string(bytes.ToValidUTF8(raw, []byte("?"))))
	list, err := p.ParseList(unfolded)
	if err != nil {
		return nil, fmt.Errorf("%w: From or Sender cannot be read (%s)", ErrHeader,
			strings.TrimPrefix(err.Error(), "mail: "))
	}
	addresses := make([]string, len(list))
	for i, a := range list {
		addresses[i] = a.Address
	}
	return addresses, nil
}
