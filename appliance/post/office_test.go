package post

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"posthorn/store"
)

// house is an office with accounts alice (owner), bob and carol (4000 octets),
// domains example.org and mailbox.local, and a few aliases.
func house(t testing.TB, opts store.Options, change func(*store.Settings)) *Office {
	t.Helper()
	s, err := store.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	var o *Office
	t.Cleanup(func() {
		if report, err := o.Store.Check(context.Background()); err != nil || report.Count > 0 {
			t.Error("check:", err, report)
		}
		o.Store.Close()
	})
	o = &Office{
		Store:    s,
		Hostname: func() string { return "mailbox" },
		Addresses: func() []netip.Addr {
			return []netip.Addr{netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("fd00::5")}
		},
	}
	err = s.Update(func(tx *store.Tx) error {
		for _, a := range []store.Account{
			{Name: "zoe"}, {Name: "alice", Owner: true}, {Name: "bob"}, {Name: "carol", Quota: 4000},
		} {
			if err := tx.CreateAccount(&a); err != nil {
				return err
			}
			if _, err := tx.CreateMailbox(a.ID, "Bank", ""); err != nil {
				return err
			}
			if _, err := tx.CreateMailbox(a.ID, "Bank/2026", ""); err != nil {
				return err
			}
		}
		for _, a := range []store.Alias{
			{Address: "family", Targets: []string{"alice", "bob@example.org"}},
			{Address: "everybody", Targets: []string{"family", "carol", "alice"}},
			{Address: "ally", Targets: []string{"alice"}},
			{Address: "info@example.org", Targets: []string{"bob"}},
			{Address: "round", Targets: []string{"about"}},
			{Address: "about", Targets: []string{"round"}},
			{Address: "bob", Targets: []string{"bob", "alice"}},
			{Address: "away", Targets: []string{"alice", "someone@example.com"}},
			{Address: "gone", Targets: []string{"dave"}},
			{Address: "abuse", Targets: []string{"carol"}},
			{Address: "filed", Targets: []string{"alice+bank"}},
		} {
			if err := tx.PutAlias(&a); err != nil {
				return err
			}
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Domains = []string{"example.org", "bücher.example"}
		if change != nil {
			change(&set)
		}
		return tx.PutSettings(set)
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// places follows an address and names the mailboxes it ends in.
func (o *Office) places(address string) (string, error) {
	var all []string
	err := o.Store.View(func(tx *store.Tx) error {
		d, err := o.directory(tx)
		if err != nil {
			return err
		}
		r, err := d.route(address)
		if err != nil {
			return err
		}
		for _, to := range r.local {
			a, err := tx.Account(to.account)
			if err != nil {
				return err
			}
			id, err := d.mailbox(to)
			if err != nil {
				return err
			}
			mb, err := tx.Mailbox(id)
			if err != nil {
				return err
			}
			all = append(all, a.Name+"/"+mb.Name)
		}
		return nil
	})
	return strings.Join(all, " "), err
}

func TestRoute(t *testing.T) {
	o := house(t, store.Options{}, nil)
	for address, want := range map[string]any{
		"alice@mailbox.local":         "alice/INBOX",
		"ALICE@Mailbox.LOCAL":         "alice/INBOX",
		"alice@mailbox.local.":        "alice/INBOX",
		"alice@example.org":           "alice/INBOX",
		"alice@BÜCHER.example":        "alice/INBOX",
		"alice@xn--bcher-kva.example": "alice/INBOX",
		"alice@[192.168.1.5]":         "alice/INBOX",
		"alice@[IPv6:fd00::5]":        "alice/INBOX",
		"alice@[IPv6:FD00:0::5]":      "alice/INBOX",
		"alice@[127.0.0.1]":           "alice/INBOX",
		"alice@[192.168.1.6]":         ErrNotLocal,
		"alice@[nonsense]":            ErrNotLocal,
		"alice@example.com":           ErrNotLocal,
		"alice@sub.example.org":       ErrNotLocal,
		"dave@example.org":            ErrNoSuchUser,

		"alice+bank@example.org":      "alice/Bank",
		"Alice+BANK@example.org":      "alice/Bank",
		"alice+bank/2026@example.org": "alice/Bank/2026",
		"alice+cinema@example.org":    "alice/INBOX",
		"alice+@example.org":          "alice/INBOX",
		"alice+trash@example.org":     "alice/INBOX",
		"alice+a+b@example.org":       "alice/INBOX",
		"+bank@example.org":           ErrNoSuchUser,
		"+@example.org":               ErrNoSuchUser,

		"family@mailbox.local":      "alice/INBOX bob/INBOX",
		"family+bank@mailbox.local": "alice/Bank bob/Bank",
		"everybody@mailbox.local":   "alice/INBOX bob/INBOX carol/INBOX",
		"filed@mailbox.local":       "alice/Bank",
		"filed+2026@mailbox.local":  "alice/Bank",
		"info@example.org":          "bob/INBOX alice/INBOX",
		"info@mailbox.local":        ErrNoSuchUser,
		"bob@mailbox.local":         "bob/INBOX alice/INBOX",
		"round@mailbox.local":       ErrAliasLoop,
		"gone@mailbox.local":        ErrNoSuchUser,
		"away@mailbox.local":        ErrNotLocal,

		"postmaster@example.org":   "alice/INBOX",
		"PostMaster@mailbox.local": "alice/INBOX",
		"abuse@example.org":        "carol/INBOX",

		"alice":                                  ErrAddress,
		"@example.org":                           ErrAddress,
		"alice@":                                 ErrAddress,
		"":                                       ErrAddress,
		"al\x00ice@example.org":                  ErrAddress,
		"al\r\nice@example.org":                  ErrAddress,
		"al\xffice@example.org":                  ErrAddress,
		"alice@exa mple.org":                     ErrAddress,
		"alice@[192.168.1.5":                     ErrAddress,
		strings.Repeat("a", 65) + "@example.org": ErrAddress,
		"alice@" + strings.Repeat("a.", 127) + "aa": ErrAddress,
	} {
		got, err := o.places(address)
		switch want := want.(type) {
		case string:
			if err != nil || got != want {
				t.Errorf("%q leads to %q, %v; want %q", address, got, err, want)
			}
		case error:
			if !errors.Is(err, want) {
				t.Errorf("%q leads to %q, %v; want %v", address, got, err, want)
			}
		}
	}
}

// A box that lost its name to another device goes on taking mail for it.
func TestFormerName(t *testing.T) {
	o := house(t, store.Options{}, nil)
	o.Hostname = func() string { return "mailbox-2" }
	if _, err := o.places("alice@mailbox.local"); !errors.Is(err, ErrNotLocal) {
		t.Errorf("a name of somebody else's: %v", err)
	}
	o.Formerly = func() []string { return []string{"mailbox"} }
	for _, address := range []string{"alice@mailbox.local", "alice@MAILBOX-2.local"} {
		if got, err := o.places(address); got != "alice/INBOX" || err != nil {
			t.Errorf("%s leads to %q, %v", address, got, err)
		}
	}
}

func TestCatchAll(t *testing.T) {
	o := house(t, store.Options{}, func(s *store.Settings) { s.CatchAll = "carol" })
	for address, want := range map[string]string{
		"whoever@example.org":      "carol/INBOX",
		"whoever+bank@example.org": "carol/Bank",
		"gone@example.org":         "carol/INBOX",
		"alice@example.org":        "alice/INBOX",
		"postmaster@example.org":   "alice/INBOX",
	} {
		if got, err := o.places(address); err != nil || got != want {
			t.Errorf("%q leads to %q, %v; want %q", address, got, err, want)
		}
	}
}

func TestCatchAllToNobody(t *testing.T) {
	o := house(t, store.Options{}, func(s *store.Settings) { s.CatchAll = "dave" })
	if _, err := o.places("whoever@example.org"); !errors.Is(err, ErrNoSuchUser) {
		t.Error(err)
	}
}

// TestAliasBomb: aliases that multiply cost a bounded number of steps.
func TestAliasBomb(t *testing.T) {
	o := house(t, store.Options{}, nil)
	err := o.Store.Update(func(tx *store.Tx) error {
		for level := range 8 {
			var targets []string
			for range 100 {
				targets = append(targets, "level"+string(rune('b'+level)))
			}
			if err := tx.PutAlias(&store.Alias{Address: "level" + string(rune('a'+level)), Targets: targets}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.places("levela@example.org"); !errors.Is(err, ErrAliasLoop) {
		t.Error(err)
	}
}

func TestMaySend(t *testing.T) {
	o := house(t, store.Options{}, func(s *store.Settings) { s.CatchAll = "carol" })
	var ids = map[string]store.AccountID{}
	o.Store.View(func(tx *store.Tx) error {
		all, err := tx.Accounts()
		for _, a := range all {
			ids[a.Name] = a.ID
		}
		return err
	})
	for _, c := range []struct {
		account, address string
		may              bool
	}{
		{"alice", "alice@example.org", true},
		{"alice", "Alice+Shop@mailbox.local", true},
		{"alice", "ally@example.org", true},
		{"alice", "postmaster@example.org", true},
		{"alice", "", true},
		{"alice", "bob@example.org", false},
		{"alice", "family@example.org", false},
		{"alice", "alice@example.com", false},
		{"alice", "abuse@example.org", false},
		{"alice", "whatever@example.org", false},
		{"alice", "nonsense", false},
		{"bob", "postmaster@example.org", false},
		{"carol", "whatever@example.org", true},
		{"carol", "round@example.org", false},
	} {
		err := o.MaySend(context.Background(), ids[c.account], c.address)
		if (err == nil) != c.may || err != nil && !errors.Is(err, ErrNotYours) {
			t.Errorf("%s as %q: %v", c.account, c.address, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.address) {
			t.Errorf("%q does not name %q", err, c.address)
		}
	}
}

func (o *Office) message(t testing.TB, account, mailbox string) []string {
	t.Helper()
	var all []string
	err := o.Store.View(func(tx *store.Tx) error {
		a, err := tx.AccountByName(account)
		if err != nil {
			return err
		}
		mb, err := tx.MailboxByName(a.ID, mailbox)
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			r, err := o.Store.OpenBlob(m.Blob)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			all = append(all, string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func envelope(to ...string) *Envelope {
	e := &Envelope{From: "friend@example.com", Protocol: "ESMTP", Helo: "client.example", Remote: netip.MustParseAddr("192.168.1.9")}
	for _, a := range to {
		e.Recipients = append(e.Recipients, Recipient{Address: a})
	}
	return e
}

// TestAcceptOnce: one message for many recipients is stored once.
func TestAcceptOnce(t *testing.T) {
	o := house(t, store.Options{}, nil)
	e := envelope("family@example.org", "alice@example.org", "carol@example.org", "alice+bank@example.org")
	id, err := o.Accept(context.Background(), e, strings.NewReader("Subject: x\r\n\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range [][2]string{{"alice", "INBOX"}, {"alice", "Bank"}, {"bob", "INBOX"}, {"carol", "INBOX"}} {
		all := o.message(t, place[0], place[1])
		if len(all) != 1 {
			t.Fatalf("%v has %d messages", place, len(all))
		}
		if !strings.Contains(all[0], " id "+id) || strings.Contains(all[0], " for <") {
			t.Errorf("%v has %q", place, all[0])
		}
	}
	messages := map[store.MessageID]bool{}
	o.Store.View(func(tx *store.Tx) error {
		for id := store.MailboxID(1); id < 100; id++ {
			for e, err := range tx.Entries(id, 1, 0) {
				if err == nil {
					messages[e.Message] = true
				}
			}
		}
		return nil
	})
	if len(messages) != 1 {
		t.Errorf("stored %d times", len(messages))
	}
}

// TestAcceptAllOrNothing: a recipient without room, or one that is gone,
// keeps the message from all.
func TestAcceptAllOrNothing(t *testing.T) {
	o := house(t, store.Options{}, nil)
	for want, e := range map[error]*Envelope{
		store.ErrQuota: envelope("alice@example.org", "carol@example.org"),
		ErrNeverFits:   envelope("alice@example.org", "carol@example.org"),
		ErrChanged:     envelope("alice@example.org", "dave@example.org"),
	} {
		size := 2500
		if want == ErrNeverFits {
			size = 5000
		}
		body := "Subject: x\r\n\r\n" + strings.Repeat("x", size) + "\r\n"
		if want == store.ErrQuota {
			if _, err := o.Accept(context.Background(), envelope("carol@example.org"), strings.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := o.Accept(context.Background(), e, strings.NewReader(body)); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if n := len(o.message(t, "alice", "INBOX")); n != 0 {
		t.Errorf("alice has %d messages", n)
	}
}

// TestFullDisk: with the reserve touched nothing is taken, and with room again
// mail flows.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	o := house(t, store.Options{Dir: dir}, nil)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	take := func(reserve int64) (resolve, accept error) {
		t.Helper()
		if err := o.Store.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Options{Dir: dir, Reserve: reserve})
		if err != nil {
			t.Fatal(err)
		}
		o.Store = s
		e := envelope("alice@example.org")
		_, resolve = o.Resolve(context.Background(), e, "alice@example.org")
		_, accept = o.Accept(context.Background(), e, strings.NewReader("Subject: x\r\n\r\n"))
		return resolve, accept
	}
	resolve, accept := take(2 * int64(fs.Bavail) * int64(fs.Bsize))
	if !errors.Is(resolve, store.ErrFull) || !errors.Is(accept, store.ErrFull) {
		t.Errorf("full: %v, %v", resolve, accept)
	}
	resolve, accept = take(0)
	if resolve != nil || accept != nil {
		t.Errorf("room again: %v, %v", resolve, accept)
	}
	if n := len(o.message(t, "alice", "INBOX")); n != 1 {
		t.Errorf("alice has %d messages", n)
	}
}

// TestBodyBreaksOff: an error of the body's reader comes back and nothing is
// delivered.
func TestBodyBreaksOff(t *testing.T) {
	o := house(t, store.Options{}, nil)
	lost := errors.New("connection lost")
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, "Subject: x\r\n\r\nhalf")
		w.CloseWithError(lost)
	}()
	if _, err := o.Accept(context.Background(), envelope("alice@example.org"), r); !errors.Is(err, lost) {
		t.Error(err)
	}
	if n := len(o.message(t, "alice", "INBOX")); n != 0 {
		t.Errorf("alice has %d messages", n)
	}
}

func TestReceivedField(t *testing.T) {
	o := house(t, store.Options{}, nil)
	e := envelope("alice@example.org")
	e.Helo = "evil)\r\nX-Injected: yes"
	e.From = `od"d na\me@example.com`
	e.Remote = netip.MustParseAddr("fe80::1%eth0")
	e.TLS = "TLS 1.3, TLS_AES_128_GCM_SHA256"
	if _, err := o.Accept(context.Background(), e, strings.NewReader("\r\n")); err != nil {
		t.Fatal(err)
	}
	got := o.message(t, "alice", "INBOX")[0]
	for _, want := range []string{
		"Return-Path: <\"od\\\"d na\\\\me\"@example.com>\r\nAuthentication-Results: mailbox.local;\r\n\tauth=none (home network, no login)\r\n" +
			"Received: from evil???X-Injected:?yes ([IPv6:fe80::1])\r\n\tby mailbox.local with ESMTP id ",
		"\r\n\t(TLS 1.3, TLS_AES_128_GCM_SHA256)\r\n\tfor <alice@example.org>;\r\n\t",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
