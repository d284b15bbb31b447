package imapd

import (
	"fmt"
	"math"

	"posthorn/store"
)

// quota answers GETQUOTA and GETQUOTAROOT, RFC 9208. Each account is one quota
// root with an empty name, for all its mailboxes.
func (c *conn) quota(cmd *command) {
	w := words{cmd.args()}
	name, ok := w.astring()
	if !ok || !w.end() {
		c.refuse(cmd.tag, bad("%s takes one name", cmd.name))
		return
	}
	if cmd.name == "GETQUOTA" && name != "" {
		c.refuse(cmd.tag, no("NONEXISTENT", `the only quota root here is ""`))
		return
	}
	use, err := c.session.quota()
	if err != nil {
		c.log.Error("reading quota failed", "error", err)
		c.refuse(cmd.tag, no("SERVERBUG", "the quota cannot be read"))
		return
	}
	if cmd.name == "GETQUOTAROOT" {
		c.reply("* QUOTAROOT %s \"\"\r\n", quotedString(name))
	}
	storage := ""
	if use.limit > 0 {
		storage = fmt.Sprintf("STORAGE %d %d ", (use.bytes+1023)/1024, use.limit/1024)
	}
	// Of messages there may be as many as there are UIDs.
	c.reply("* QUOTA \"\" (%sMESSAGE %d %d)\r\n%s OK %s completed\r\n", storage, use.messages, uint32(math.MaxUint32), cmd.tag, cmd.name)
}

// use is what an account holds.
type use struct {
	bytes, messages int64
	limit           int64 // bytes; 0 is none
}

func (s *session) quota() (u use, err error) {
	err = s.server.Store.View(func(tx *store.Tx) error {
		account, err := tx.Account(s.account)
		if err != nil {
			return err
		}
		usage, err := tx.Usage(s.account)
		u = use{bytes: usage.Bytes, messages: usage.Messages, limit: account.Quota}
		return err
	})
	return u, err
}
