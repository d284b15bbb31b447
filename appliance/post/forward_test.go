package post

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"posthorn/appliance/rules"
	"posthorn/store"
)

// forwarding sets where zoe's mail goes.
func (o *Office) forwarding(t testing.TB, f *Forward) {
	t.Helper()
	id := o.account(t, "zoe").ID
	if err := o.Store.Update(func(tx *store.Tx) error { return o.PutForward(tx, id, f) }); err != nil {
		t.Fatal(err)
	}
}

// queued lists what waits, without what it is.
func (o *Office) queued(t testing.TB) (list []*store.Queued) {
	t.Helper()
	err := o.Store.View(func(tx *store.Tx) (err error) {
		list, err = tx.AllQueued(0, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func addresses(q *store.Queued) (list []string) {
	for _, r := range q.Recipients {
		list = append(list, r.Address)
	}
	return list
}

func TestForward(t *testing.T) {
	for _, c := range []struct {
		name, from, header string
		keep               bool
		want               string // recipients of the copy, "" for none
		kept               bool
	}{
		{"copy", "a@far.example", "", true, "zoe@far.example zoe@work.example", true},
		{"move", "a@far.example", "", false, "zoe@far.example zoe@work.example", false},
		{"a notice stays", "", "", false, "", true},
		{"never back", "zoe@FAR.example", "", false, "zoe@work.example", false},
		{"was here before", "a@far.example", "Delivered-To: Zoe@example.org\r\n", false, "", true},
		{"was here before, under another name", "a@far.example", "Delivered-To: zoe@mailbox.local\r\n", false, "", true},
		{"was elsewhere before", "a@far.example", "Delivered-To: bob@example.org\r\nDelivered-To: zoe@third.example\r\n", false, "zoe@far.example zoe@work.example", false},
		{"goes round", "a@far.example", strings.Repeat("Received: by x\r\n", maxForwardHops), false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
			o.forwarding(t, &Forward{To: []string{"zoe@far.example", "zoe@work.example"}, Keep: c.keep})
			if err := o.comes(t, true, "192.0.2.1", c.from, c.header+"From: a@far.example\r\n\r\nbody\r\n"); err != nil {
				t.Fatal(err)
			}
			got := ""
			list := o.queued(t)
			if len(list) > 0 {
				q := list[0]
				got = strings.Join(addresses(q), " ")
				if q.From != "zoe@example.org" || q.Account != o.account(t, "zoe").ID || q.Forwarded != "zoe@example.org" || q.Mailbox != 0 {
					t.Errorf("the copy is %+v", q)
				}
			}
			if got != c.want || len(list) > 1 {
				t.Errorf("copies: %d, to %q; want %q", len(list), got, c.want)
			}
			if _, inbox := o.entries(t, "zoe", "Bank"); (len(inbox) == 1) != c.kept {
				t.Errorf("kept: %v", !c.kept)
			}
		})
	}
}

// Where nothing leaves the box, all of it stays in the mailbox.
func TestForwardWithoutAWayOut(t *testing.T) {
	o := plainHouse(t, nil)
	o.forwarding(t, &Forward{To: []string{"zoe@far.example"}})
	o.send(t, "bob", "", "zoe@example.org")
	if _, list := o.entries(t, "zoe", "INBOX"); len(list) != 1 || len(o.queued(t)) != 0 {
		t.Errorf("%d in the mailbox, %d in the queue", len(list), len(o.queued(t)))
	}
}

// A copy travels encrypted only if the message may (RFC 8689).
func TestForwardRequiresTLS(t *testing.T) {
	for _, secure := range []bool{false, true} {
		o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
		o.forwarding(t, &Forward{To: []string{"zoe@far.example"}})
		e := &Envelope{From: "a@far.example", Protocol: "ESMTPS", Secure: secure, Recipients: []Recipient{{Address: "zoe@example.org"}}}
		if _, err := o.Accept(t.Context(), e, strings.NewReader("From: a@far.example\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if list := o.queued(t); len(list) != 1 || list[0].Secure != secure {
			t.Errorf("REQUIRETLS %v: %+v", secure, list)
		}
	}
}

// A message for two mailboxes of an account is passed on once, whether it is
// its setting that says so or a rule.
func TestForwardOnce(t *testing.T) {
	o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
	o.forwarding(t, &Forward{To: []string{"zoe@far.example"}, Keep: true})
	err := o.Store.Update(func(tx *store.Tx) error {
		var list rules.List
		for _, address := range []string{"zoe@work.example", "Zoe@far.example"} {
			list = append(list, rules.Rule{When: []rules.Condition{{What: rules.Subject, How: rules.Is, Text: "x"}},
				Then: []rules.Action{{Do: rules.Forward, Address: address}}})
		}
		return rules.Save(tx, o.account(t, "zoe").ID, list)
	})
	if err != nil {
		t.Fatal(err)
	}
	o.send(t, "bob", "Subject: x\r\n", "zoe@example.org", "zoe+bank@example.org")
	var got []string
	for _, q := range o.queued(t) {
		got = append(got, addresses(q)...)
	}
	if strings.Join(got, " ") != "zoe@far.example zoe@work.example" {
		t.Errorf("passed on to %q", got)
	}
}

// A copy whose address has become one of the box's own ends there.
func TestForwardComesHome(t *testing.T) {
	o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
	o.forwarding(t, &Forward{To: []string{"zoe@new.example"}})
	if err := o.comes(t, false, "192.168.1.9", "a@far.example", "From: a@far.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	err := o.Store.Update(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Domains = append(set.Domains, "new.example")
		if err := tx.PutSettings(set); err != nil {
			return err
		}
		all, err := tx.AllQueued(0, 10)
		if err != nil || len(all) != 1 {
			return fmt.Errorf("%d queued, %v", len(all), err)
		}
		if err := o.Release(tx, all[0], all[0].NotBefore.Add(1e9), all[0].NotBefore); err != nil {
			return err
		}
		return tx.Dequeue(all[0].ID, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, list := o.entries(t, "zoe", "INBOX"); len(list) != 1 || len(o.queued(t)) != 0 {
		t.Errorf("%d in the mailbox, %d in the queue", len(list), len(o.queued(t)))
	}
}

// What was forwarded can't be withdrawn, and its sender is told so.
func TestWithdrawForwarded(t *testing.T) {
	for _, keep := range []bool{true, false} {
		o := plainHouse(t, func(s *store.Settings) { s.Sending = store.SendDirect })
		o.forwarding(t, &Forward{To: []string{"zoe@far.example"}, Keep: keep})
		o.send(t, "bob", "", "zoe@example.org", "carol@example.org")
		if got, want := o.withdrawn(t, "bob"), "withdrawn from carol; has left the box already for zoe"; got != want {
			t.Errorf("keep %v: %s; want %s", keep, got, want)
		}
	}
}

func TestForwardSetting(t *testing.T) {
	o := plainHouse(t, nil)
	zoe := o.account(t, "zoe").ID
	for _, to := range [][]string{nil, {"nobody"}, {"a@far.example", "bob@example.org"}, {"bob@mailbox.local"},
		slices.Repeat([]string{"a@far.example"}, MaxForward+1)} {
		err := o.Store.Update(func(tx *store.Tx) error { return o.PutForward(tx, zoe, &Forward{To: to}) })
		if !errors.Is(err, ErrSetting) {
			t.Errorf("%q: %v", to, err)
		}
	}
	o.forwarding(t, &Forward{To: []string{"a@far.example"}})
	o.forwarding(t, nil)
	err := o.Store.View(func(tx *store.Tx) error {
		if f, err := ForwardOf(tx, zoe); f != nil || err != nil {
			t.Errorf("taken back: %v, %v", f, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckAlias(t *testing.T) {
	o := plainHouse(t, nil)
	for _, c := range []struct {
		address, target string
		fine            bool
	}{
		{"loop", "loop", false}, {"LOOP@example.org", "loop@example.org", false}, {"zoe", "zoe", true},
		{"to", "fro", true}, {"fro", "to", false}, {"new", "carol", true}, {"far", "x@far.example", true}, {"later", "nobody-yet", true},
	} {
		err := o.Store.Update(func(tx *store.Tx) error {
			if err := tx.PutAlias(&store.Alias{Address: c.address, Targets: []string{c.target}}); err != nil {
				return err
			}
			return o.CheckAlias(tx, c.address)
		})
		if c.fine != (err == nil) || !c.fine && !errors.Is(err, ErrSetting) {
			t.Errorf("%s to %s: %v", c.address, c.target, err)
		}
	}
}
