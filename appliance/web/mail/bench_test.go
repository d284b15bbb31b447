package mail

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"posthorn/store"
)

// BenchmarkPages is what a person of 100,000 messages in one folder waits for:
// whole answers, from the request over TLS to the last octet.
func BenchmarkPages(b *testing.B) {
	const n = 100_000
	h := newHome(b, b.TempDir())
	for at := 0; at < n; at += 500 {
		h.update(func(tx *store.Tx) error {
			for i := at; i < at+500; i++ {
				raw := fmt.Sprintf("From: Sender %d <s%d@example.org>\nTo: alice@mailbox.local\nSubject: Letter number %d\nMessage-ID: <%d@example.org>\nReferences: <%d@example.org>\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nHello.\n", i%100, i%100, i, i, i-i%3)
				if _, err := h.add(tx, "INBOX", store.Flags(i%2), nil, raw); err != nil {
					return err
				}
			}
			return nil
		})
	}
	page := func(b *testing.B, path string) {
		b.ReportAllocs()
		for b.Loop() {
			if resp, text := h.get(path); resp.StatusCode != http.StatusOK {
				b.Fatal(resp.Status, text)
			}
		}
	}
	list := h.path("INBOX")
	b.Run("first-visit", func(b *testing.B) { page(b, list) })
	for more := true; more; {
		var err error
		if more, err = h.mail.index.Prepare(h.boxes["INBOX"]); err != nil {
			b.Fatal(err)
		}
	}
	h.update(func(tx *store.Tx) error {
		for i := range 100 {
			if _, err := h.add(tx, "Archive", 0, nil, mailFrom("Letter number "+strconv.Itoa(i), "", "Hello.")); err != nil {
				return err
			}
		}
		return nil
	})
	b.Run("list-of-100", func(b *testing.B) { page(b, h.path("Archive")) })
	b.Run("list", func(b *testing.B) { page(b, list) })
	b.Run("list-in-the-middle", func(b *testing.B) { page(b, list+"?before=50000") })
	b.Run("search-rare", func(b *testing.B) { page(b, "/mail/search?part=rows&q=number+54321&in="+h.id("INBOX")) })
	b.Run("search-nothing", func(b *testing.B) { page(b, "/mail/search?part=rows&q=zebra&in="+h.id("INBOX")) })
	b.Run("search-frequent", func(b *testing.B) { page(b, "/mail/search?part=rows&q=s50") })
	b.Run("message", func(b *testing.B) { page(b, list+"/50000") })
}
