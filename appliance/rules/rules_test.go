package rules

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// home is a store with the account alice and her folders Bills and Shop.
func home(t *testing.T) (*store.Store, *store.Account, map[string]store.MailboxID) {
	t.Helper()
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if report, err := s.Check(context.Background()); err != nil || report.Count > 0 {
			t.Error("check:", err, report)
		}
		s.Close()
	})
	a := &store.Account{Name: "alice"}
	boxes := make(map[string]store.MailboxID)
	err = s.Update(func(tx *store.Tx) error {
		if err := tx.CreateAccount(a); err != nil {
			return err
		}
		for _, name := range []string{"Bills", "Shop", "Outbox", "Outbox/Monday 08:00"} {
			role := store.Role("")
			if name == "Outbox" {
				role = store.RoleOutbox
			}
			if _, err := tx.CreateMailbox(a.ID, name, role); err != nil {
				return err
			}
		}
		all, err := tx.Mailboxes(a.ID)
		for _, mb := range all {
			boxes[mb.Name] = mb.ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, a, boxes
}

// scan reads a message given by its lines.
func scan(t *testing.T, lines ...string) *message.Info {
	t.Helper()
	sc := message.NewScanner()
	if _, err := sc.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return sc.Finish()
}

// put delivers a message to a mailbox.
func put(t *testing.T, s *store.Store, mb store.MailboxID, lines ...string) {
	t.Helper()
	blob := s.NewBlob()
	defer blob.Abort()
	fmt.Fprint(blob, strings.Join(lines, "\r\n")+"\r\n")
	meta, err := scan(t, lines...).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(func(tx *store.Tx) error {
		id, err := tx.PutMessage(blob, time.Now(), meta)
		if err != nil {
			return err
		}
		_, err = tx.Append(mb, id, 0, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConditions(t *testing.T) {
	plain := scan(t,
		"From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <Jm@Shop.Example>", "Sender: news@bulk.example",
		"To: Alice <alice@mailbox.local>", "Cc: bob@mailbox.local",
		"Subject: =?utf-8?b?SWhyZSBSZWNobnVuZyBmw7xyIE3DpHJ6?=",
		"List-Id: Offers of the week <offers.shop.example>", "", "text")
	attached := scan(t,
		"From: a@example.org", "Content-Type: multipart/mixed; boundary=b", "",
		"--b", "", "see attachment",
		"--b", "Content-Type: application/pdf; name*=utf-8''r%C3%A4chnung.pdf", "Content-Disposition: attachment", "",
		strings.Repeat("x", 3000), "--b--")
	for _, c := range []struct {
		mail *message.Info
		cond Condition
		want bool
	}{
		{plain, Condition{What: From, How: Contains, Text: "jürgen"}, true},
		{plain, Condition{What: From, How: Contains, Text: "JU\u0308RGEN"}, true}, // composed otherwise
		{plain, Condition{What: From, How: Contains, Text: "@shop.example"}, true},
		{plain, Condition{What: From, How: Contains, Text: "müller <jm@"}, true},
		{plain, Condition{What: From, How: Contains, Text: "bulk.example"}, true},
		{plain, Condition{What: From, How: Is, Text: "jm@shop.example "}, true},
		{plain, Condition{What: From, How: Is, Text: "shop.example"}, false},
		{plain, Condition{What: From, How: Lacks, Text: "shop.example"}, false},
		{plain, Condition{What: From, How: Lacks, Text: "bank.example"}, true},
		{plain, Condition{What: To, How: Contains, Text: "bob@"}, true},
		{plain, Condition{What: To, How: Is, Text: "carol@mailbox.local"}, false},
		{plain, Condition{What: Subject, How: Contains, Text: "RECHNUNG FÜR"}, true},
		{plain, Condition{What: Subject, How: Is, Text: "Ihre Rechnung für März"}, true},
		{plain, Condition{What: Subject, How: Is, Text: "Ihre Rechnung"}, false},
		{plain, Condition{What: ListID, How: Is, Text: "offers.shop.example"}, true},
		{plain, Condition{What: ListID, How: Contains, Text: "of the week"}, true},
		{attached, Condition{What: ListID, How: Contains, Text: "offers"}, false},
		{attached, Condition{What: ListID, How: Lacks, Text: "offers"}, true},
		{plain, Condition{What: Attachment, How: Present}, false},
		{plain, Condition{What: Attachment, How: Absent}, true},
		{attached, Condition{What: Attachment, How: Present}, true},
		{attached, Condition{What: Attachment, How: Contains, Text: "RÄCHNUNG"}, true},
		{attached, Condition{What: Attachment, How: Contains, Text: ".exe"}, false},
		{attached, Condition{What: Size, How: Over, Octets: 3000}, true},
		{attached, Condition{What: Size, How: Over, Octets: 9000}, false},
		{attached, Condition{What: Size, How: Under, Octets: 9000}, true},
	} {
		if got := (&subject{info: c.mail}).holds(&c.cond); got != c.want {
			t.Errorf("%+v: %v", c.cond, got)
		}
	}
}

// TestOrder: the first folder named counts, marks add up, Stop ends the list,
// and a rule that is off is none.
func TestOrder(t *testing.T) {
	m := scan(t, "From: a@example.org", "Subject: one two", "", "")
	when := func(text string) []Condition { return []Condition{{What: Subject, How: Contains, Text: text}} }
	both := append(when("one"), when("three")...)
	list := List{
		{Off: true, When: when("one"), Then: []Action{{Do: Move, Mailbox: 1}}},
		{When: both, Then: []Action{{Do: Move, Mailbox: 2}}},
		{Any: true, When: both, Then: []Action{{Do: Flag}}},
		{When: when("two"), Then: []Action{{Do: Move, Mailbox: 3}}},
		{When: when("two"), Then: []Action{{Do: Bin}}, Stop: true},
		{When: when("two"), Then: []Action{{Do: Read}}},
	}
	if got, want := list.Decide(m), (Verdict{Mailbox: 3, Flags: store.Flagged}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	list[4].Stop = false
	if got, want := list.Decide(m), (Verdict{Mailbox: 3, Flags: store.Flagged | store.Seen}); !reflect.DeepEqual(got, want) {
		t.Errorf("without stop: got %+v, want %+v", got, want)
	}
	if got, want := list[4:].Decide(m), (Verdict{Bin: true, Flags: store.Seen}); !reflect.DeepEqual(got, want) {
		t.Errorf("last two: got %+v, want %+v", got, want)
	}
}

func TestSave(t *testing.T) {
	s, a, boxes := home(t)
	other := &store.Account{Name: "bob"}
	var foreign store.MailboxID
	err := s.Update(func(tx *store.Tx) error {
		if err := tx.CreateAccount(other); err != nil {
			return err
		}
		mb, err := tx.MailboxByName(other.ID, "Archive")
		foreign = mb.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	one := []Condition{{What: From, How: Contains, Text: "x"}}
	move := func(mb store.MailboxID) []Action { return []Action{{Do: Move, Mailbox: mb}} }
	for what, r := range map[string]Rule{
		"no condition":      {Then: move(boxes["Bills"])},
		"no action":         {When: one},
		"unknown field":     {When: []Condition{{What: "body", How: Contains, Text: "x"}}, Then: move(boxes["Bills"])},
		"wrong comparison":  {When: []Condition{{What: Size, How: Contains, Text: "x"}}, Then: move(boxes["Bills"])},
		"empty text":        {When: []Condition{{What: From, How: Is, Text: " "}}, Then: move(boxes["Bills"])},
		"long text":         {When: []Condition{{What: From, How: Is, Text: strings.Repeat("x", MaxText+1)}}, Then: move(boxes["Bills"])},
		"no size":           {When: []Condition{{What: Size, How: Over}}, Then: move(boxes["Bills"])},
		"two moves":         {When: one, Then: []Action{{Do: Move, Mailbox: boxes["Bills"]}, {Do: Bin}}},
		"someone's folder":  {When: one, Then: move(foreign)},
		"a mailbox to send": {When: one, Then: move(boxes["Outbox/Monday 08:00"])},
		"drafts":            {When: one, Then: move(boxes["Drafts"])},
		"unknown action":    {When: one, Then: []Action{{Do: "reply"}}},
		"copy to nobody":    {When: one, Then: []Action{{Do: Forward, Address: "nobody"}}},
		"copy injected":     {When: one, Then: []Action{{Do: Forward, Address: "a@example.org>\r\nRCPT TO:<b@example.org"}}},
		"conditions":        {When: slices.Repeat(one, MaxConditions+1), Then: move(boxes["Bills"])},
	} {
		err := s.Update(func(tx *store.Tx) error { return Save(tx, a.ID, List{r}) })
		if !errors.Is(err, ErrRule) {
			t.Errorf("%s: %v", what, err)
		}
	}
	good := Rule{When: one, Then: move(boxes["Bills"])}
	for n, want := range map[int]error{MaxRules: nil, MaxRules + 1: ErrRule} {
		list := slices.Repeat(List{good}, n)
		if err := s.Update(func(tx *store.Tx) error { return Save(tx, a.ID, list) }); !errors.Is(err, want) {
			t.Errorf("%d rules: %v", n, err)
		}
	}
	long := good
	long.When = slices.Repeat([]Condition{{What: From, How: Contains, Text: strings.Repeat("x", MaxText)}}, MaxConditions)
	if err := s.Update(func(tx *store.Tx) error { return Save(tx, a.ID, slices.Repeat(List{long}, MaxRules)) }); !errors.Is(err, ErrRule) {
		t.Errorf("rules too long together: %v", err)
	}
	err = s.Update(func(tx *store.Tx) error {
		list, err := Of(tx, a.ID)
		if err != nil || len(list) != MaxRules || list.Find(MaxRules) != MaxRules-1 {
			return fmt.Errorf("read back %d rules: %v", len(list), err)
		}
		return Save(tx, a.ID, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(func(tx *store.Tx) error {
		list, err := Of(tx, a.ID)
		if len(list) > 0 {
			t.Errorf("%d rules are left of none", len(list))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestApply(t *testing.T) {
	s, a, boxes := home(t)
	const count = 120 // more than one batch
	for n := range count {
		from := "friend@example.org"
		if n%2 == 0 {
			from = "shop@example.org"
		}
		put(t, s, boxes["INBOX"], "From: "+from, "Subject: offer", "", "text")
	}
	list := List{
		{When: []Condition{{What: From, How: Is, Text: "shop@example.org"}}, Then: []Action{{Do: Move, Mailbox: boxes["Shop"]}, {Do: Read}}},
		{When: []Condition{{What: From, How: Is, Text: "friend@example.org"}}, Then: []Action{{Do: Move, Mailbox: boxes["Bills"]}, {Do: Flag}}},
	}
	err := s.Update(func(tx *store.Tx) error {
		if err := tx.DeleteMailbox(a.ID, "Bills"); err != nil {
			return err
		}
		return Save(tx, a.ID, list)
	})
	if err != nil {
		t.Fatal(err)
	}
	for round, want := range []int{count, 0} {
		n, err := Apply(context.Background(), s, a.ID)
		if err != nil || n != want {
			t.Errorf("round %d: %d changed, want %d: %v", round, n, want, err)
		}
	}
	err = s.View(func(tx *store.Tx) error {
		for name, want := range map[string][2]uint32{"INBOX": {count / 2, count / 2}, "Shop": {count / 2, 0}} {
			mb, err := tx.MailboxByName(a.ID, name)
			if err != nil {
				return err
			}
			if got := [2]uint32{mb.Messages, mb.Unseen}; got != want {
				t.Errorf("%s holds %v messages and unseen, want %v", name, got, want)
			}
		}
		flagged, err := tx.Marked(boxes["INBOX"], store.Flagged)
		if err == nil && flagged.Len() != count/2 {
			t.Errorf("%d are flagged", flagged.Len())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkDecide is the longest list against a message made to be slow.
func BenchmarkDecide(b *testing.B) {
	var text strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&text, "To: %s <a%d@example.org>\r\n", strings.Repeat("ä", 100), n)
	}
	sc := message.NewScanner()
	fmt.Fprintf(sc, "%sSubject: %s\r\n\r\n", text.String(), strings.Repeat("ü", 900))
	info := sc.Finish()
	var list List
	for n := range MaxRules {
		r := Rule{Then: []Action{{Do: Flag}}, Any: true}
		for range MaxConditions {
			r.When = append(r.When, Condition{What: To, How: Contains, Text: fmt.Sprint("nobody", n)})
		}
		list = append(list, r)
	}
	for b.Loop() {
		list.Decide(info)
	}
}
