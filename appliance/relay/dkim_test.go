package relay

import (
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"posthorn/store"
)

func TestDKIM(t *testing.T) {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	made, err := NewKey("Bücher.example")
	if err != nil {
		t.Fatal(err)
	}
	var k *Key
	err = s.Update(func(tx *store.Tx) error {
		if err := made.Put(tx); err != nil {
			return err
		}
		k, err = DomainKey(tx, "bücher.EXAMPLE")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name, record, err := k.Record()
	if err != nil || name != "posthorn._domainkey.xn--bcher-kva.example" {
		t.Fatalf("record is at %s, %v", name, err)
	}
	text := "From: a@xn--bcher-kva.example\r\nSubject: x\r\n\r\nbody\r\n\r\n"
	field, err := k.Sign(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(text string) error {
		t.Helper()
		found, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{LookupTXT: func(asked string) ([]string, error) {
			if asked != name {
				t.Errorf("key is looked for at %s", asked)
			}
			return []string{record}, nil
		}})
		if err != nil || len(found) != 1 {
			t.Fatalf("verify: %v, %d signatures", err, len(found))
		}
		return found[0].Err
	}
	if err := verify(field + text); err != nil {
		t.Errorf("signature does not verify: %v", err)
	}
	if verify(field+strings.Replace(text, "body", "bodies", 1)) == nil || verify(field+"From: other@example.com\r\n"+text) == nil {
		t.Error("a changed message verifies")
	}
}
