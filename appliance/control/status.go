package control

import (
	"context"
	"fmt"
	"strconv"

	"posthorn/store"
)

// Status tells how the box fares.
func (b *Box) Status() (*Status, error) {
	st := &Status{Domains: []string{}, Problems: []string{}, Troubles: []Trouble{}, FullIn: -1}
	err := b.Store.View(func(tx *store.Tx) error {
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		st.Domains = append(st.Domains, set.Domains...)
		all, err := tx.Accounts()
		if err != nil {
			return err
		}
		st.Accounts = len(all)
		if st.Backup, err = LastBackup(tx); err != nil {
			return err
		}
		for _, a := range all {
			u, err := tx.Usage(a.ID)
			if err != nil {
				return err
			}
			st.Messages += u.Messages
			st.Bytes += u.Bytes
			if a.Quota > 0 && u.Bytes >= a.Quota-a.Quota/20 {
				percent := strconv.FormatInt(u.Bytes*100/a.Quota, 10)
				st.Trouble("quota", fmt.Sprintf("%s has filled %s%% of the quota; mail is refused when it is full", a.Name, percent), a.Name, percent)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h := b.Store.Health()
	st.Disk = Disk{Free: h.Free, Total: h.Total, Reserve: h.Reserve, Used: h.Used, Full: h.Full}
	if h.Full {
		st.Trouble("full", "the disk is full: new mail is refused until mail is deleted or the card is replaced by a bigger one")
	}
	if h.Corrupt > 0 {
		st.Trouble("damaged", fmt.Sprintf("%d damaged records were met since the start; run posthorn check, and take a backup now: the card may be failing", h.Corrupt),
			strconv.FormatInt(int64(h.Corrupt), 10))
	}
	if h.Err != nil {
		st.Trouble("write", fmt.Sprintf("the last write failed: %v", h.Err), h.Err.Error())
	}
	if st.Accounts == 0 {
		st.Trouble("nobody", "there is no account yet; make one with posthorn account add NAME")
	}
	if b.Describe != nil {
		b.Describe(st)
	}
	return st, nil
}

// Check reads the whole store and verifies it.
func (b *Box) Check(ctx context.Context) (*Report, error) {
	r, err := b.Store.Check(ctx)
	if err != nil {
		return nil, err
	}
	out := Report(*r)
	if out.Problems == nil {
		out.Problems = []string{}
	}
	return &out, nil
}
