package post

import (
	"fmt"
	"strings"

	"posthorn/appliance/origin"
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

// parseAuthors reads a From or Sender field strictly.
func parseAuthors(raw []byte) ([]string, error) {
	list, err := origin.Authors(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: From or Sender cannot be read (%s)", ErrHeader,
			strings.TrimPrefix(err.Error(), "mail: "))
	}
	return list, nil
}
