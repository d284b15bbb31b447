package store

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Changes returns what happened to a mailbox after the modification sequence
// given, which is one that an earlier Changes, Mailbox or Entry answered.
func (tx *Tx) Changes(id MailboxID, after uint64) (Changes, error) {
	m, err := tx.Mailbox(id)
	if err != nil {
		return Changes{}, err
	}
	c := Changes{ModSeq: m.ModSeq, UIDNext: m.UIDNext, Changed: &UIDSet{}, Expunged: &UIDSet{}}
	if after >= m.ModSeq {
		return c, nil
	}
	if after < m.history {
		c.Lost = true
		return c, nil
	}
	err = tx.scan(key(keyHistory, uint64(id)), key(keyHistory, uint64(id), after+1), func(_, v []byte) (bool, error) {
		changed, expunged, err := decodeHistory(v)
		if err != nil {
			return false, err
		}
		for _, r := range changed {
			for uid := r[0]; ; uid++ {
				c.Changed.Add(uid)
				if uid == r[1] {
					break
				}
			}
		}
		for _, r := range expunged {
			for uid := r[0]; ; uid++ {
				c.Changed.Remove(uid)
				c.Expunged.Add(uid)
				if uid == r[1] {
					break
				}
			}
		}
		return true, nil
	})
	return c, err
}

// encodeHistory writes two lists of runs: the number of runs of changed UIDs,
// these, and the runs of expunged ones. Each number is the distance from the
// one before.
func encodeHistory(changed, expunged *UIDSet) []byte {
	n := 0
	for range changed.Ranges() {
		n++
	}
	out := binary.AppendUvarint(nil, uint64(n))
	for _, set := range []*UIDSet{changed, expunged} {
		at := uint32(0)
		for first, last := range set.Ranges() {
			out = binary.AppendUvarint(out, uint64(first-at))
			out = binary.AppendUvarint(out, uint64(last-first))
			at = last
		}
	}
	return out
}

func decodeHistory(v []byte) (changed, expunged [][2]uint32, err error) {
	bad := fmt.Errorf("history: %w", ErrCorrupt)
	n, w := binary.Uvarint(v)
	if w <= 0 {
		return nil, nil, bad
	}
	v = v[w:]
	at := uint32(0)
	for len(v) > 0 {
		gap, w1 := binary.Uvarint(v)
		if w1 <= 0 {
			return nil, nil, bad
		}
		length, w2 := binary.Uvarint(v[w1:])
		if w2 <= 0 {
			return nil, nil, bad
		}
		v = v[w1+w2:]
		if uint64(len(changed)) == n && expunged == nil {
			at = 0 // the second list begins
		}
		if gap > math.MaxUint32 || length > math.MaxUint32 || uint64(at)+gap+length > math.MaxUint32 {
			return nil, nil, bad // a run that ends before it begins has no end
		}
		run := [2]uint32{at + uint32(gap), at + uint32(gap) + uint32(length)}
		at = run[1]
		if uint64(len(changed)) < n {
			changed = append(changed, run)
		} else {
			expunged = append(expunged, run)
		}
	}
	return changed, expunged, nil
}

// writeHistory records what this update did to the mailbox.
func (m *openMailbox) writeHistory(tx *Tx) error {
	if m.changed.Len() == 0 && m.expunged.Len() == 0 {
		return nil
	}
	m.records++
	if m.records > maxHistory {
		id := m.ID
		tx.onCommit(func() { tx.s.sweeper.historyFull(id) })
	}
	return tx.set(key(keyHistory, uint64(m.ID), m.ModSeq), encodeHistory(m.changed, m.expunged))
}

// pruneHistory drops the oldest history records of a mailbox, so that
// keepHistory stay.
func (tx *Tx) pruneHistory(id MailboxID) error {
	m, err := tx.open(id)
	if err != nil {
		return err
	}
	if m.records <= keepHistory {
		return nil
	}
	keys, err := tx.collectKeys(key(keyHistory, uint64(id)), int(min(m.records-keepHistory, sweepBatch)))
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := tx.del(k); err != nil {
			return err
		}
		m.history = binary.BigEndian.Uint64(k[9:])
		m.records--
	}
	m.dirty = true
	return nil
}
