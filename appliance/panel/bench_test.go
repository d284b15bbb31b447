package panel

import (
	"fmt"
	"testing"
	"time"

	"posthorn/hw"
	"posthorn/store"
)

func BenchmarkDraw(b *testing.B) {
	f := household()
	for _, size := range hw.Sizes() {
		b.Run(size.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Draw(f, View{Page: Home}, size)
			}
		})
	}
}

// BenchmarkGather reads a household of twenty with 200 unread messages each,
// after a change that leaves the INBOXes as they are.
func BenchmarkGather(b *testing.B) {
	s, err := store.Open(store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for person := range 20 {
		blob := s.NewBlob()
		if _, err := blob.Write([]byte(mail)); err != nil {
			b.Fatal(err)
		}
		err := s.Update(func(tx *store.Tx) error {
			a := &store.Account{Name: fmt.Sprintf("person%d", person)}
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			in, err := tx.MailboxByRole(a.ID, store.RoleInbox)
			if err != nil {
				return err
			}
			id, err := tx.PutMessage(blob, time.Now(), nil)
			if err != nil {
				return err
			}
			for range 200 {
				if _, err := tx.Append(in.ID, id, 0, nil); err != nil {
					return err
				}
			}
			return nil
		})
		blob.Abort()
		if err != nil {
			b.Fatal(err)
		}
	}
	g := gatherer{store: s, sys: b.TempDir(), proc: b.TempDir()}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := g.gather(time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
