package mail

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/appliance/post"
	"posthorn/appliance/web/clean"
	"posthorn/appliance/web/page"
	"posthorn/store"
)

// readPage is the page of one message in its conversation.
type readPage struct {
	Folders []*folder
	Targets []*folder
	Folder  *folder
	Subject string
	Before  []*row // of the conversation, older than the message
	Message *letter
	After   []*row // newer than it
	// Newer and Older are the messages next to this one in the folder; "" at
	// the ends.
	Newer, Older string
	List         string // the list this message is in
}

// Count is how many messages the conversation has.
func (p *readPage) Count() int { return len(p.Before) + 1 + len(p.After) }

// letter is one message as it is shown.
type letter struct {
	Mailbox  store.MailboxID
	UID      uint32
	Path     string
	Flags    store.Flags
	Envelope *message.Envelope
	At       time.Time
	Bodies   []shownBody
	Files    []piece
	More     int  // files that are not listed
	Choice   bool // there is plain text beside the HTML, or the reverse
	Plain    bool // plain text is shown
	Remote   bool // it has pictures from elsewhere
	Pictures bool // these are shown
	Unproven bool
	// Proof is what this box found out about the sender when the message
	// came (RFC 8601).
	Proof    string
	Outgoing *outgoing
	Damaged  bool
	Parts    bool // it has more parts than are told apart

	info *message.Info
	blob store.Blob
}

// shownBody is a text of a message: HTML in a frame, or blocks of plain text.
type shownBody struct {
	Number string
	HTML   bool
	Blocks []clean.Block
	Cut    bool
}

// opaque tells of a message with so many parts that package message keeps none
// of them: it is one file whose type is not the one in its header.
func (l *letter) opaque() bool {
	root := &l.info.Root
	return l.info.Size > 0 && root.Type == "application" && root.Subtype == "octet-stream" && root.Disposition == "" && root.Params == nil && root.Lines > message.MaxParts
}

// Flagged tells whether the message is marked.
func (l *letter) Flagged() bool { return l.Flags&store.Flagged != 0 }

// Recipients are the names of those it is to.
func (l *letter) Recipients() string {
	return names(slices.Concat(l.Envelope.To, l.Envelope.Cc))
}

// Draft tells whether the message is one that is still being written.
func (l *letter) Draft() bool { return l.Flags&store.Draft != 0 }

// load finds a message that a path names.
func (m *Mail) load(r *http.Request) (*letter, *store.Mailbox, error) {
	uid, err := parseUID(r.PathValue("uid"))
	if err != nil {
		return nil, nil, err
	}
	l := &letter{UID: uid}
	var mb *store.Mailbox
	err = m.Store.View(func(tx *store.Tx) (err error) {
		if mb, err = mailbox(tx, account(r), r.PathValue("mailbox")); err != nil {
			return err
		}
		return l.read(tx, mb)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = page.Refuse(http.StatusNotFound, "mail.gone")
	}
	return l, mb, err
}

func (l *letter) read(tx *store.Tx, mb *store.Mailbox) error {
	e, err := tx.Entry(mb.ID, l.UID)
	if err != nil {
		return err
	}
	info, msg, err := describe(tx, e)
	if err != nil {
		return err
	}
	l.Mailbox, l.Path, l.Flags = mb.ID, pathTo(mb.ID, l.UID), e.Flags
	l.info, l.blob, l.Envelope = info, msg.Blob, &info.Envelope
	l.Damaged, l.Parts = info.Size == 0, l.opaque()
	l.Unproven = hasKeyword(e, post.Unproven)
	if l.At = info.Envelope.Date; l.At.IsZero() {
		l.At = e.Received
	}
	l.Outgoing, err = waiting(tx, mb.ID, l.UID)
	return err
}

// read shows a message, and marks it read.
func (m *Mail) read(w http.ResponseWriter, r *http.Request) {
	l, mb, err := m.load(r)
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	query := r.URL.Query()
	l.Plain, l.Pictures = query.Get("plain") != "", query.Get("pictures") != ""
	if err := m.fill(r, l); err != nil {
		m.area.Fail(w, r, err)
		return
	}
	if l.Flags&store.Seen == 0 && r.Method == http.MethodGet && r.Header.Get("Sec-Purpose") == "" {
		if err := m.mark(mb, []uint32{l.UID}, store.Seen, true); err != nil {
			m.area.Fail(w, r, err)
			return
		}
	}
	p := &readPage{Subject: l.Envelope.Subject, Message: l}
	if err := m.around(p, mb); err != nil {
		m.area.Fail(w, r, err)
		return
	}
	p.List = page.LocalPath(query.Get("back"), p.Folder.Path)
	m.area.Show(w, r, "read.html", p)
}

// around fills in what stands around the message: folders, its conversation,
// the messages next to it.
func (m *Mail) around(p *readPage, mb *store.Mailbox) error {
	uid := p.Message.UID
	frame := new(listPage)
	err := m.Store.View(func(tx *store.Tx) error {
		return frame.frame(tx, mb.Account, strconv.FormatUint(uint64(mb.ID), 10))
	})
	if err != nil {
		return err
	}
	p.Folders, p.Targets, p.Folder = frame.Folders, frame.Targets, frame.Folder
	conversation := []uint32{uid}
	if !p.Folder.alone() {
		if conversation, err = m.index.Conversation(mb, uid); err != nil {
			return err
		}
	}
	newer, older, err := m.index.Neighbours(mb, uid)
	if err != nil {
		return err
	}
	if newer != 0 {
		p.Newer = pathTo(mb.ID, newer)
	}
	if older != 0 {
		p.Older = pathTo(mb.ID, older)
	}
	return m.Store.View(func(tx *store.Tx) (err error) {
		slices.Sort(conversation)
		at, _ := slices.BinarySearch(conversation, uid)
		if p.Before, err = rows(tx, p.Folder, single(conversation[:at])); err != nil {
			return err
		}
		p.After, err = rows(tx, p.Folder, single(conversation[min(at+1, len(conversation)):]))
		return err
	})
}

// fill reads the message's texts and lists its files.
func (m *Mail) fill(r *http.Request, l *letter) error {
	blob, err := m.Store.OpenBlob(l.blob)
	if err != nil {
		return err
	}
	defer blob.Close()
	if l.Parts {
		return nil
	}
	p := sortPieces(l.info, l.Plain)
	l.Choice = p.choice
	l.Files = p.files[:min(len(p.files), maxFiles)]
	l.More = len(p.files) - len(l.Files)
	for _, body := range p.bodies {
		b := shownBody{Number: body.Number, HTML: body.HTML()}
		text := message.PartSource(blob, body.Part)
		if b.HTML {
			var remote bool
			if remote, err = clean.HasRemote(r.Context(), text); remote {
				l.Remote = true
			}
		} else {
			b.Blocks, b.Cut, err = clean.Text(text, body.flow())
		}
		if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
			l.Damaged = true
			return nil
		}
		if err != nil {
			return err
		}
		l.Bodies = append(l.Bodies, b)
	}
	l.Proof, err = m.proof(blob, l.info)
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		l.Damaged = true
		return nil
	}
	return err
}

// proof is what the box wrote down about the sender. A field that names
// another system is none of ours, and fields below the first Received that is
// not ours were there before: only those on top count.
func (m *Mail) proof(blob *store.BlobReader, info *message.Info) (string, error) {
	fields, err := message.ReadHeader(blob, 0, info.HeaderSize)
	if err != nil {
		return "", err
	}
	received := 0
	for _, f := range fields {
		switch {
		case strings.EqualFold(f.Name, "Received"):
			if received++; received > 1 {
				return "", nil
			}
		case strings.EqualFold(f.Name, "Authentication-Results"):
			value := message.DecodeHeader(f.Value())
			server, results, _ := strings.Cut(value, ";")
			if strings.EqualFold(strings.TrimSpace(server), m.Office.Name()) {
				return strings.TrimSpace(results), nil
			}
		}
	}
	return "", nil
}
