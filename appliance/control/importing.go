package control

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"time"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Limits of one import request. A batch is one commit, so it is what is lost
// and sent again when the power fails, and what is held in memory.
const (
	MaxBatch       = 32      // messages
	MaxBatchOctets = 2 << 20 // a client ends a batch after the message that passes this
)

// partHeader is the field of a part that describes its message, as JSON.
const partHeader = "Posthorn-Message"

// Transfer describes a message on its way in or out.
type Transfer struct {
	Mailbox  string      `json:"mailbox"`
	Flags    store.Flags `json:"flags"`
	Keywords []string    `json:"keywords,omitempty"`
	Received time.Time   `json:"received,omitzero"`
	Name     string      `json:"name,omitempty"` // out only: unique in its mailbox
	// Folder says that the part is no message but the start of a mailbox, and
	// Damaged that the message can't be read, with the reason. Out only.
	Folder  bool   `json:"folder,omitempty"`
	Damaged string `json:"damaged,omitempty"`
}

// incoming is a message of a batch whose body has been taken in.
type incoming struct {
	Transfer
	mailbox store.MailboxID
	blob    *store.BlobWriter
	meta    []byte
	print   uint64
	sum     [sha256.Size]byte
}

// Import takes one batch of messages into an account's mailboxes, which must
// exist. A message that is in its mailbox already, octet for octet, is passed
// over, so that an import broken off can be started again. All of a batch
// comes in, or nothing.
func (b *Box) Import(name string, parts *multipart.Reader) (Batch, error) {
	acct, err := b.account(name)
	if err != nil {
		return Batch{}, err
	}
	b.importing.Lock()
	defer b.importing.Unlock()
	defer b.forgetLater()
	var batch []*incoming
	defer func() {
		for _, in := range batch {
			in.blob.Abort()
		}
	}()
	var out Batch
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Batch{}, fmt.Errorf("read batch: %w", err)
		}
		if len(batch) == MaxBatch {
			return Batch{}, fmt.Errorf("%w: a batch holds at most %d messages", ErrUsage, MaxBatch)
		}
		in := &incoming{blob: b.Store.NewBlob()}
		batch = append(batch, in)
		if err := b.take(acct.ID, in, part); err != nil {
			return Batch{}, err
		}
	}
	fresh, err := b.fresh(batch)
	if err != nil {
		return Batch{}, err
	}
	if len(fresh) > 0 {
		if err := b.Store.Update(func(tx *store.Tx) error { return put(tx, fresh) }); err != nil {
			return Batch{}, fmt.Errorf("account %q: %w", acct.Name, err)
		}
	}
	for _, in := range fresh {
		out.Bytes += in.blob.Size()
	}
	out.Added, out.Duplicates = len(fresh), len(batch)-len(fresh)
	return out, nil
}

// take reads one part of a batch.
func (b *Box) take(acct store.AccountID, in *incoming, part *multipart.Part) error {
	if err := json.Unmarshal([]byte(part.Header.Get(partHeader)), &in.Transfer); err != nil {
		return fmt.Errorf("%w: part without a proper %s field: %v", ErrUsage, partHeader, err)
	}
	err := b.Store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(acct, in.Mailbox)
		if err == nil {
			in.mailbox = mb.ID
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mailbox %q: %w", in.Mailbox, err)
	}
	if in.Received.IsZero() {
		in.Received = time.Now()
	}
	scanner, hash := message.NewScanner(), sha256.New()
	if _, err := io.Copy(io.MultiWriter(in.blob, scanner, hash), part); err != nil {
		return fmt.Errorf("take message in: %w", err)
	}
	info := scanner.Finish()
	in.sum, in.print = [sha256.Size]byte(hash.Sum(nil)), b.index.print(info)
	in.meta, err = info.Marshal()
	in.Keywords = proper(in.Keywords)
	return err
}

func put(tx *store.Tx, fresh []*incoming) error {
	for _, in := range fresh {
		id, err := tx.PutMessage(in.blob, in.Received, in.meta)
		if err != nil {
			return err
		}
		if _, err := tx.Append(in.mailbox, id, in.Flags, in.Keywords); err != nil {
			return fmt.Errorf("mailbox %q: %w", in.Mailbox, err)
		}
	}
	return nil
}

// proper leaves out what other programs allow as a keyword and IMAP does not
// (RFC 9051 section 9, flag-keyword), rather than refuse the message for it.
func proper(keywords []string) []string {
	var out []string
	for _, k := range keywords {
		bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r) }
		if k == "" || len(k) > store.MaxKeywordLength || strings.ContainsFunc(k, bad) || slices.Contains(out, k) {
			continue
		}
		if out = append(out, k); len(out) == store.MaxKeywords {
			break
		}
	}
	return out
}

// fresh returns the messages of a batch that their mailboxes do not hold yet.
func (b *Box) fresh(batch []*incoming) ([]*incoming, error) {
	type place struct {
		mailbox store.MailboxID
		sum     [sha256.Size]byte
	}
	var out []*incoming
	seen := make(map[place]bool)
	for _, in := range batch {
		p := place{in.mailbox, in.sum}
		there := seen[p]
		if !there {
			var err error
			if there, err = b.holds(in); err != nil {
				return nil, err
			}
		}
		if seen[p] = true; !there {
			out = append(out, in)
		}
	}
	return out, nil
}

// holds tells whether the mailbox has the same message, by comparing bodies
// where the index finds one that looks alike.
func (b *Box) holds(in *incoming) (bool, error) {
	var alike []store.Blob
	err := b.Store.View(func(tx *store.Tx) error {
		if err := b.index.refresh(tx, in.mailbox); err != nil {
			return err
		}
		for _, uid := range b.index.uids[in.print] {
			e, err := tx.Entry(in.mailbox, uid)
			if errors.Is(err, store.ErrNotFound) {
				continue // expunged since it was indexed
			}
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			alike = append(alike, m.Blob)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, blob := range alike {
		if same, err := b.same(blob, in.sum); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (b *Box) same(blob store.Blob, sum [sha256.Size]byte) (bool, error) {
	r, err := b.Store.OpenBlob(blob)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		if errors.Is(err, store.ErrCorrupt) {
			return false, nil // the import brings a whole copy
		}
		return false, err
	}
	return [sha256.Size]byte(hash.Sum(nil)) == sum, nil
}

// index finds the messages of one mailbox that may equal a given one. It is
// made from the messages' metadata when an import reaches the mailbox, follows
// the mailbox's changes, and is never stored: there is nothing to get stale.
type index struct {
	seed    maphash.Seed
	mailbox store.MailboxID
	modseq  uint64
	uidNext uint32
	uids    map[uint64][]uint32
}

// print is the same for equal messages, and seldom for others.
func (x *index) print(info *message.Info) uint64 {
	if x.seed == (maphash.Seed{}) {
		x.seed = maphash.MakeSeed()
	}
	return maphash.Comparable(x.seed, struct {
		id, date, subject string
		size              int64
	}{info.Envelope.MessageID, info.Envelope.DateText, info.Envelope.Subject, info.Size})
}

// refresh brings the index up to date with the mailbox.
func (x *index) refresh(tx *store.Tx, id store.MailboxID) error {
	mb, err := tx.Mailbox(id)
	if err != nil {
		return err
	}
	if x.mailbox == id && x.modseq == mb.ModSeq {
		return nil
	}
	first := x.uidNext
	if x.mailbox != id {
		x.mailbox, x.uids, first = id, make(map[uint64][]uint32), 1
	}
	// UIDs only grow, so what is new is at the end; what is gone is found out
	// when it is looked up.
	for e, err := range tx.Entries(id, first, 0) {
		if err != nil {
			return err
		}
		m, err := tx.Message(e.Message)
		if err != nil {
			return err
		}
		info, err := message.Unmarshal(m.Meta)
		if err != nil {
			return fmt.Errorf("mailbox %q, UID %d: %w", mb.Name, e.UID, err)
		}
		p := x.print(info)
		x.uids[p] = append(x.uids[p], e.UID)
	}
	x.modseq, x.uidNext = mb.ModSeq, mb.UIDNext
	return nil
}

// indexTime is how long the index of an import is kept after its last batch.
const indexTime = time.Minute

// forgetLater frees the index when the import seems to be over: that of a
// large mailbox takes megabytes. importing is held.
func (b *Box) forgetLater() {
	if b.idle != nil {
		b.idle.Reset(indexTime)
		return
	}
	b.idle = time.AfterFunc(indexTime, func() {
		b.importing.Lock()
		b.index = index{}
		b.importing.Unlock()
	})
}

// EnsureMailbox makes a mailbox, with its parents, unless it exists.
func (b *Box) EnsureMailbox(name, mailbox string) error {
	acct, err := b.account(name)
	if err != nil {
		return err
	}
	return b.Store.Update(func(tx *store.Tx) error {
		_, err := tx.MailboxByName(acct.ID, mailbox)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if _, err := tx.CreateMailbox(acct.ID, mailbox, ""); err != nil {
			return err
		}
		return tx.Subscribe(acct.ID, mailbox, true)
	})
}
