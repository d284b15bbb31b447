// Package rules sorts an account's mail the way its person has said: when a
// message is from, to or about something, it goes to a folder, is flagged, or
// the like.
//
// # How a list is read
//
// Rules are looked at in their order. Each whose conditions hold acts; the
// first that names a folder decides about the folder, the other actions add up,
// and a rule that says Stop is the last. What a rule looks at is in the
// [message.Info] that the one pass over a message left, text decoded and in
// Unicode, so that no body is read and nothing of the network is parsed again.
//
//	delivery   post asks List.Decide within the transaction that delivers
//	by hand    Apply does the same to mail that lies in the INBOX already
//
// A list is one small record of the account, read for each delivery: a change
// holds from the next message on.
package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"posthorn/store"
)

// Limits. They keep a list within one record of the store and a delivery
// quick whatever comes.
const (
	MaxRules      = 50
	MaxConditions = 8   // of one rule
	MaxActions    = 5   // of one rule, one of each kind
	MaxText       = 200 // octets of what a condition looks for
	MaxSize       = 10 << 30
)

// ErrRule says that a rule, or the list with it, can't be kept; the text says
// why.
var ErrRule = errors.New("rule not possible")

// List is an account's rules in their order.
type List []Rule

// Rule is one sentence: when the conditions hold, the actions are done.
type Rule struct {
	// ID names the rule within its account's list; Put gives it.
	ID   int         `json:"id"`
	Off  bool        `json:"off,omitempty"`  // kept, but not looked at
	Any  bool        `json:"any,omitempty"`  // one condition is enough; else all must hold
	When []Condition `json:"when"`           // 1 to MaxConditions
	Then []Action    `json:"then"`           // 1 to MaxActions
	Stop bool        `json:"stop,omitempty"` // rules after this one are not looked at
}

// What a condition looks at.
type What string

// The things a condition can look at.
const (
	From       What = "from"       // names and addresses of From and Sender
	To         What = "to"         // of To and Cc
	Subject    What = "subject"    //
	ListID     What = "list"       // of the mailing list, RFC 2919
	Attachment What = "attachment" // whether there is one, and its file name
	Size       What = "size"       // of the whole message
)

// How a condition compares.
type How string

// The comparisons. Text is compared without regard to case.
const (
	Contains How = "contains"
	Lacks    How = "lacks" // does not contain
	Is       How = "is"    // the whole text, name or address
	Over     How = "over"  // larger than Octets
	Under    How = "under" // smaller than Octets
	Present  How = "present"
	Absent   How = "absent"
)

// Comparisons tells which comparisons go with what.
func Comparisons(what What) []How {
	switch what {
	case From, To, Subject, ListID:
		return []How{Contains, Lacks, Is}
	case Attachment:
		return []How{Present, Absent, Contains}
	case Size:
		return []How{Over, Under}
	}
	return nil
}

// Condition is something that a message is or is not.
type Condition struct {
	What   What   `json:"what"`
	How    How    `json:"how"`
	Text   string `json:"text,omitempty"`   // for Contains, Lacks and Is
	Octets int64  `json:"octets,omitempty"` // for Over and Under
}

// Do is the kind of an action.
type Do string

// The actions.
const (
	Move    Do = "move"    // to the folder Mailbox
	Bin     Do = "bin"     // to Trash
	Flag    Do = "flag"    // \Flagged
	Read    Do = "read"    // \Seen
	Forward Do = "forward" // a copy to Address, as mail comes in
)

// Action is something that is done with a message.
type Action struct {
	Do      Do              `json:"do"`
	Mailbox store.MailboxID `json:"mailbox,omitempty"` // for Move
	Address string          `json:"address,omitempty"` // for Forward
}

// name is the store's name for an account's list.
func name(account store.AccountID) string { return store.AccountValue(account, "rules") }

// Of returns an account's rules, none if it has not made any.
func Of(tx *store.Tx, account store.AccountID) (List, error) {
	v, err := tx.Value(name(account))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list List
	if err := json.Unmarshal(v, &list); err != nil {
		return nil, fmt.Errorf("rules of account %d: %w: %v", account, store.ErrCorrupt, err)
	}
	return list, nil
}

// Save replaces an account's rules. A rule without an ID gets one. The error is
// ErrRule when the list breaks a limit or names a folder that mail can't be
// sorted into.
func Save(tx *store.Tx, account store.AccountID, list List) error {
	if len(list) > MaxRules {
		return fmt.Errorf("%w: there are at most %d rules", ErrRule, MaxRules)
	}
	last := 0
	for _, r := range list {
		last = max(last, r.ID)
	}
	for i := range list {
		if err := list[i].check(tx, account); err != nil {
			return err
		}
		if list[i].ID == 0 {
			last++
			list[i].ID = last
		}
	}
	if len(list) == 0 {
		return tx.DeleteValue(name(account))
	}
	v, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if len(v) > store.MaxValue {
		return fmt.Errorf("%w: the rules together are longer than %d KiB; shorten some", ErrRule, store.MaxValue>>10)
	}
	return tx.PutValue(name(account), v)
}

// Find returns the place of the rule with an ID, -1 if there is none.
func (l List) Find(id int) int {
	return slices.IndexFunc(l, func(r Rule) bool { return r.ID == id })
}

// Move puts the rule at place i to place to; out of the list it stays.
func (l List) Move(i, to int) {
	if to >= 0 && to < len(l) {
		l[i], l[to] = l[to], l[i]
	}
}

func (r *Rule) check(tx *store.Tx, account store.AccountID) error {
	switch {
	case len(r.When) == 0 || len(r.When) > MaxConditions:
		return fmt.Errorf("%w: a rule has 1 to %d conditions", ErrRule, MaxConditions)
	case len(r.Then) == 0 || len(r.Then) > MaxActions:
		return fmt.Errorf("%w: a rule does 1 to %d things", ErrRule, MaxActions)
	}
	for _, c := range r.When {
		if err := c.check(); err != nil {
			return err
		}
	}
	for i, a := range r.Then {
		if slices.ContainsFunc(r.Then[:i], func(b Action) bool { return a.Do == b.Do || a.places() && b.places() }) {
			return fmt.Errorf("%w: a message can be moved once only", ErrRule)
		}
		if err := a.check(tx, account); err != nil {
			return err
		}
	}
	return nil
}

func (c *Condition) check() error {
	if !slices.Contains(Comparisons(c.What), c.How) {
		return fmt.Errorf("%w: %q can't be compared with %q", ErrRule, c.What, c.How)
	}
	switch c.How {
	case Contains, Lacks, Is:
		if strings.TrimSpace(c.Text) == "" || len(c.Text) > MaxText || !utf8.ValidString(c.Text) {
			return fmt.Errorf("%w: a condition looks for 1 to %d octets of text", ErrRule, MaxText)
		}
	case Over, Under:
		if c.Octets <= 0 || c.Octets > MaxSize {
			return fmt.Errorf("%w: a size is 1 octet to %d GiB", ErrRule, MaxSize>>30)
		}
	}
	return nil
}

// places tells whether the action says where the message goes.
func (a *Action) places() bool { return a.Do == Move || a.Do == Bin }

func (a *Action) check(tx *store.Tx, account store.AccountID) error {
	switch a.Do {
	case Bin, Flag, Read:
		return nil
	case Forward:
		at := strings.LastIndexByte(a.Address, '@')
		if at < 1 || at == len(a.Address)-1 || len(a.Address) > MaxText || !utf8.ValidString(a.Address) ||
			strings.ContainsFunc(a.Address, func(r rune) bool {
				return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>",;`, r)
			}) {
			return fmt.Errorf("%w: a copy goes to an address like name@example.org", ErrRule)
		}
		return nil
	case Move:
		mb, err := tx.Mailbox(a.Mailbox)
		if errors.Is(err, store.ErrNotFound) {
			return nil // it was there once; mail stays in the INBOX meanwhile
		}
		if err != nil {
			return err
		}
		ok, err := Folder(tx, account, mb)
		if err == nil && !ok {
			err = fmt.Errorf("%w: mail can't be sorted into that folder", ErrRule)
		}
		return err
	}
	return fmt.Errorf("%w: %q is nothing a rule can do", ErrRule, a.Do)
}

// Folder tells whether an account's rules may put mail into a mailbox: one of
// its own, and none of those whose messages are the person's own.
func Folder(tx *store.Tx, account store.AccountID, mb *store.Mailbox) (bool, error) {
	if mb.Account != account {
		return false, nil
	}
	switch mb.Role {
	case store.RoleDrafts, store.RoleSent, store.RoleOutbox:
		return false, nil
	}
	if !strings.Contains(mb.Name, "/") {
		return true, nil
	}
	out, err := tx.MailboxByRole(account, store.RoleOutbox)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err == nil && !strings.HasPrefix(mb.Name, out.Name+"/"), err
}
