package imapd

import (
	"errors"
	"strings"

	"posthorn/appliance/message"
	"posthorn/store"
)

// maxSearchText is how many bytes of a message's text SEARCH looks at.
const maxSearchText = 8 << 20

// candidate is a message a SEARCH looks at. Its record and its body are read
// when a criterion first needs them.
type candidate struct {
	*query
	entry  store.Entry
	blob   store.Blob
	info   *message.Info
	body   *store.BlobReader
	header []message.Field
}

// meets says whether the message meets a criterion.
func (m *candidate) meets(c *criterion) (bool, error) {
	switch c.op {
	case opAnd, opOr:
		for i := range c.kids {
			ok, err := m.meets(&c.kids[i])
			if err != nil || ok == (c.op == opOr) {
				return ok, err
			}
		}
		return c.op == opAnd, nil
	case opNot:
		ok, err := m.meets(&c.kids[0])
		return !ok, err
	}
	if c.op < opSentSince {
		return m.meetsEntry(c), nil
	}
	ok, err := m.meetsMail(c)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		// Gone meanwhile, or damaged, which FETCH will say: not found.
		return false, nil
	}
	return ok, err
}

// meetsEntry decides what the mailbox's entry can.
func (m *candidate) meetsEntry(c *criterion) bool {
	e := &m.entry
	switch c.op {
	case opAll:
		return true
	case opNumbers:
		n := e.UID
		if !c.uids {
			n = uint32(m.view.uids.Seq(e.UID))
		}
		for _, r := range c.spans {
			if r = r.fix(m.view.max(c.uids)); r.first <= n && n <= r.last {
				return true
			}
		}
	case opSaved:
		return m.saved.Contains(e.UID)
	case opFlag:
		return e.Flags&c.flag != 0
	case opKeyword:
		return hasKeyword(e.Keywords, c.text)
	case opLarger:
		return e.Size > c.number
	case opSmaller:
		return e.Size < c.number
	case opSince:
		return dayOf(e.Received) >= c.number
	case opBefore:
		return dayOf(e.Received) < c.number
	case opYounger:
		return m.now.Unix()-e.Received.Unix() <= c.number
	case opOlder:
		return m.now.Unix()-e.Received.Unix() >= c.number
	}
	return false
}

// meetsMail decides what needs the message's record or body.
func (m *candidate) meetsMail(c *criterion) (bool, error) {
	if err := m.load(); err != nil {
		return false, err
	}
	env := &m.info.Envelope
	switch c.op {
	case opSentSince:
		return !env.Date.IsZero() && dayOf(env.Date) >= c.number, nil
	case opSentBefore:
		return !env.Date.IsZero() && dayOf(env.Date) < c.number, nil
	case opSubject:
		return holds(env.Subject, c.text), nil
	case opAddress:
		lists := map[string][]message.Address{"from": env.From, "to": env.To, "cc": env.Cc, "bcc": env.Bcc}
		return holds(addressText(lists[c.field]), c.text), nil
	case opHeader:
		return m.meetsHeader(c)
	case opBody:
		return m.meetsBody(c)
	case opText:
		ok, err := m.inHeader("", c.text)
		if ok || err != nil {
			return ok, err
		}
		return m.meetsBody(c)
	}
	return false, nil
}

// addressText is a list of addresses as it would be read in a header.
func addressText(list []message.Address) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.Name + " <" + a.String() + ">, ")
	}
	return b.String()
}

// meetsHeader looks for a field that holds a string. Message-ID, which mail
// programs search for after each message they store, is in the record.
func (m *candidate) meetsHeader(c *criterion) (bool, error) {
	if id := m.info.Envelope.MessageID; c.field == "message-id" && id != "" {
		return holds("<"+id+">", c.text), nil
	}
	return m.inHeader(c.field, c.text)
}

// inHeader looks for a string in the fields of a name, or in all fields.
func (m *candidate) inHeader(name, text string) (bool, error) {
	if m.header == nil {
		if err := m.open(); err != nil {
			return false, err
		}
		var err error
		if m.header, err = message.ReadHeader(m.body, 0, m.info.HeaderSize); err != nil {
			return false, err
		}
	}
	for _, f := range m.header {
		switch {
		case name == "" && holds(f.Name+": "+message.DecodeHeader(f.Value()), text),
			name != "" && strings.EqualFold(f.Name, name) && holds(message.DecodeHeader(f.Value()), text):
			return true, nil
		}
	}
	return false, nil
}

func (m *candidate) meetsBody(c *criterion) (bool, error) {
	if err := m.open(); err != nil {
		return false, err
	}
	return message.Contains(message.Text(m.body, m.info, maxSearchText), c.text)
}

// load reads the message's record.
func (m *candidate) load() error {
	if m.info != nil {
		return nil
	}
	it := item{Entry: m.entry}
	err := m.store.View(it.read)
	m.blob, m.info = it.blob, it.info
	return err
}

// open opens the message's body.
func (m *candidate) open() error {
	if m.body != nil {
		return nil
	}
	body, err := m.store.OpenBlob(m.blob)
	if err == nil {
		m.body = body
	}
	return err
}

func (m *candidate) close() {
	if m.body != nil {
		m.body.Close()
	}
}
