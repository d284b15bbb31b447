package listing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"posthorn/appliance/message"
	"posthorn/store"
)

// Octets of one row of a digest of text, in all and of each of its fields.
const (
	maxFrom    = 120
	maxSubject = 260
	maxTo      = 100
	maxRow     = maxFrom + maxSubject + maxTo + 4
)

// A digest begins with its version. After it a digest of threads has nine
// octets for each message: its UID's place in the block, and the key of its
// conversation. A digest of text has a line for each: that place, the folded
// text with a tab between the fields, and a line feed.
const (
	version   = 1
	threadRow = 9
)

// threads calls fn for the messages of a block, in ascending order. It skips a
// block whose digest is not made and can't be any more in this answer.
func (v *view) threads(number uint32, fn func(uid uint32, key uint64)) error {
	err := v.digest(number, 0, func(d []byte) { v.readThreads(number, d, fn) })
	if errors.Is(err, errNotMade) {
		return nil
	}
	return err
}

// threadsAlways is threads that makes a digest if need be: a page can't do
// without those of its own rows.
func (v *view) threadsAlways(number uint32, fn func(uid uint32, key uint64)) error {
	v.left = max(v.left, 1)
	return v.threads(number, fn)
}

func (v *view) readThreads(number uint32, d []byte, fn func(uid uint32, key uint64)) {
	for ; len(d) >= threadRow; d = d[threadRow:] {
		if uid := number*blockUIDs + uint32(d[0]); v.uids.Contains(uid) {
			fn(uid, binary.LittleEndian.Uint64(d[1:]))
		}
	}
}

// lines calls fn for the folded text of the messages of a block, in ascending
// order. The text is valid during the call only.
func (v *view) lines(number uint32, fn func(uid uint32, text []byte)) error {
	return v.digest(number, 1, func(d []byte) {
		for len(d) > 1 {
			end := bytes.IndexByte(d[1:], '\n') + 1
			if end == 0 {
				return
			}
			if uid := number*blockUIDs + uint32(d[0]); v.uids.Contains(uid) {
				fn(uid, d[1:end])
			}
			d = d[end+1:]
		}
	})
}

// errNotMade says that a digest is missing and that this answer makes no more.
var errNotMade = errors.New("digest is not made yet")

// digest calls read with one of the two digests of a block.
func (v *view) digest(number, kind uint32, read func(d []byte)) error {
	if number == v.last() {
		b, err := v.tail()
		if err == nil {
			read([][]byte{b.threads, b.text}[kind][1:])
		}
		return err
	}
	for _, b := range v.made {
		if b.number == number {
			read([][]byte{b.threads, b.text}[kind][1:])
			return nil
		}
	}
	stale := false
	err := v.tx.Digest(v.mb.ID, number<<1|kind, func(d []byte) error {
		if stale = d[0] != version; !stale {
			read(d[1:])
		}
		return nil
	})
	if err == nil && !stale || err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	if v.left == 0 {
		return errNotMade
	}
	v.left--
	b := newBlock(number)
	if err := v.add(b, 0); err != nil {
		return err
	}
	v.made = append(v.made, b)
	read([][]byte{b.threads, b.text}[kind][1:])
	return nil
}

func newBlock(number uint32) *block {
	return &block{number: number, threads: []byte{version}, text: []byte{version}}
}

// add adds the messages of a block with UIDs from first on.
func (v *view) add(b *block, first uint32) error {
	start := b.number * blockUIDs
	next := max(first, start)
	for e, err := range v.tx.Entries(v.mb.ID, next, start+blockUIDs-1) {
		if errors.Is(err, store.ErrCorrupt) {
			return v.addSingly(b, next)
		}
		if err == nil {
			err = v.addOne(b, e)
		}
		if err != nil {
			return err
		}
		next = e.UID + 1
	}
	return nil
}

// addSingly is add that goes around damaged entries: one must not hide a folder.
func (v *view) addSingly(b *block, first uint32) error {
	for uid := range v.uids.From(first) {
		if uid/blockUIDs != b.number {
			break
		}
		e, err := v.tx.Entry(v.mb.ID, uid)
		if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			err = v.addOne(b, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *view) addOne(b *block, e store.Entry) error {
	info, err := v.info(e.Message)
	if err != nil {
		return err
	}
	place := byte(e.UID % blockUIDs)
	b.threads = binary.LittleEndian.AppendUint64(append(b.threads, place), threadKey(info, e.Message))
	b.text = append(append(append(b.text, place), row(&info.Envelope)...), '\n')
	return nil
}

// info reads what is known of a message. One that is damaged has nothing to be
// found by, and opening it will say so.
func (v *view) info(id store.MessageID) (*message.Info, error) {
	m, err := v.tx.Message(id)
	if err == nil {
		var info *message.Info
		if info, err = message.Unmarshal(m.Meta); err == nil {
			return info, nil
		}
		err = store.ErrCorrupt
	}
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		return &message.Info{}, nil
	}
	return nil, err
}

// row is what a message is found by. Folding leaves no control characters but
// those that text should not have, which go.
func row(e *message.Envelope) string {
	fields := []string{cut(people(e.From), maxFrom), cut(e.Subject, maxSubject), cut(people(slices.Concat(e.To, e.Cc)), maxTo)}
	for i, f := range fields {
		fields[i] = strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, message.Fold(f))
	}
	line := strings.Join(fields, "\t")
	return cut(line, maxRow) // a capital may be shorter than its small letter
}

func people(list []message.Address) string {
	var b strings.Builder
	for _, a := range list {
		if b.Len() > maxFrom {
			break
		}
		b.WriteString(a.Name + " " + a.String() + " ")
	}
	return strings.TrimSpace(b.String())
}

// cut cuts text to at most n octets, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// tail returns the newest block, from memory as far as it is there.
func (v *view) tail() (*block, error) {
	x, number := v.index, v.last()
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(x.tails, func(t *tail) bool { return t.mailbox == v.mb.ID })
	t := &tail{mailbox: v.mb.ID, next: 1, block: newBlock(number)}
	if i >= 0 {
		t = x.tails[i]
		x.tails = slices.Delete(x.tails, i, i+1)
		if t.block.number != number || t.next > v.mb.UIDNext {
			t = &tail{mailbox: v.mb.ID, next: 1, block: newBlock(number)}
		}
	}
	if t.next < v.mb.UIDNext {
		grown := &block{number: number, threads: slices.Clone(t.block.threads), text: slices.Clone(t.block.text)}
		if err := v.add(grown, t.next); err != nil {
			return nil, err
		}
		t = &tail{mailbox: v.mb.ID, next: v.mb.UIDNext, block: grown}
	}
	if x.tails = append(x.tails, t); len(x.tails) > maxTails {
		x.tails = slices.Delete(x.tails, 0, 1)
	}
	return t.block, nil
}
