package mail

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/listing"
	"posthorn/store"
)

// row is a line of a list: a conversation, or a message.
type row struct {
	listing.Conversation
	Mailbox store.MailboxID
	Folder  *folder // where it is, in a list of several folders
	Path    string
	Who     string // who it is from, or to where that says more
	Subject string // "" if there is none
	At      time.Time
	Flags   store.Flags
	Files   bool // something is attached
	// Unproven says that who it is from is not proven.
	Unproven bool
	Outgoing *outgoing // of mail that waits to leave
}

// ID names the row on its page, the same as long as its newest message is.
func (r *row) ID() string {
	return strconv.FormatUint(uint64(r.Mailbox), 10) + "." + strconv.FormatUint(uint64(r.Newest), 10)
}

// Value is what the row's checkbox says: all messages of the conversation.
func (r *row) Value() string {
	numbers := make([]string, len(r.UIDs))
	for i, u := range r.UIDs {
		numbers[i] = strconv.FormatUint(uint64(u), 10)
	}
	return strings.Join(numbers, ",")
}

// Answered tells whether the newest message was answered.
func (r *row) Answered() bool { return r.Flags&store.Answered != 0 }

// outgoing is the state of a message that waits to leave.
type outgoing struct {
	State string // held, scheduled, waiting, trying, delayed, failed
	At    time.Time
	Why   string // what the other side said last
}

// rows fills in the lines of a list, of conversations of one folder.
func rows(tx *store.Tx, f *folder, list []listing.Conversation) ([]*row, error) {
	all := make([]*row, 0, len(list))
	for _, c := range list {
		r, err := newRow(tx, f, c)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
			continue // expunged since it was listed, or damaged, which the log says
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func newRow(tx *store.Tx, f *folder, c listing.Conversation) (*row, error) {
	e, err := tx.Entry(f.ID, c.Newest)
	if err != nil {
		return nil, err
	}
	r := &row{Conversation: c, Mailbox: f.ID, Path: pathTo(f.ID, c.Newest), At: e.Received, Flags: e.Flags, Unproven: hasKeyword(e, post.Unproven)}
	if c.Count == 1 {
		r.Unread, r.Flagged = e.Flags&store.Seen == 0, e.Flags&store.Flagged != 0
	}
	info, _, err := describe(tx, e)
	if err != nil {
		return nil, err
	}
	env := &info.Envelope
	r.Subject, r.Files = env.Subject, hasFiles(&info.Root)
	if f.writes() {
		r.Who = names(slices.Concat(env.To, env.Cc, env.Bcc))
	} else {
		r.Who = names(env.From)
	}
	if !env.Date.IsZero() && f.writes() {
		r.At = env.Date
	}
	r.Outgoing, err = waiting(tx, f.ID, c.Newest)
	return r, err
}

// writes tells of folders whose mail is the person's own.
func (f *folder) writes() bool {
	return f.Role == store.RoleSent || f.Role == store.RoleDrafts || f.Role == store.RoleOutbox || f.Sends
}

// alone tells of folders whose messages are not put into conversations.
func (f *folder) alone() bool {
	return f.Role == store.RoleDrafts || f.Role == store.RoleOutbox || f.Sends
}

// describe reads what is known of a message. A damaged one is empty, and
// opening it says so.
func describe(tx *store.Tx, e store.Entry) (*message.Info, *store.Message, error) {
	msg, err := tx.Message(e.Message)
	if errors.Is(err, store.ErrCorrupt) {
		return &message.Info{}, &store.Message{ID: e.Message}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := message.Unmarshal(msg.Meta)
	if err != nil {
		return &message.Info{}, msg, nil
	}
	return info, msg, nil
}

func hasKeyword(e store.Entry, word string) bool {
	for _, k := range e.Keywords {
		if strings.EqualFold(k, word) {
			return true
		}
	}
	return false
}

// names are those of people, short: names where there are any.
func names(list []message.Address) string {
	const most = 4
	var all []string
	for _, a := range list {
		if a.Host == "" {
			continue // the ends of a group
		}
		if len(all) == most {
			all = append(all, "…")
			break
		}
		if a.Name != "" {
			all = append(all, a.Name)
		} else {
			all = append(all, a.String())
		}
	}
	return strings.Join(all, ", ")
}

// waiting says how far a message that waits to leave has come; nil for any
// other.
func waiting(tx *store.Tx, mb store.MailboxID, uid uint32) (*outgoing, error) {
	q, err := tx.QueuedAt(mb, uid)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &outgoing{State: "waiting", At: q.Due()}
	for _, rcpt := range q.Recipients {
		switch {
		case rcpt.State == store.QueuedFailed:
			o.State, o.Why = "failed", rcpt.Answer
			return o, nil
		case rcpt.State == store.QueuedTrying:
			o.State = "trying"
		case rcpt.Attempts > 0 && rcpt.Open():
			o.State, o.Why = "delayed", rcpt.Answer
		}
	}
	if o.State == "waiting" && q.NotBefore.After(time.Now()) {
		o.State = "held"
		if q.Scheduled {
			o.State = "scheduled"
		}
	}
	return o, nil
}
