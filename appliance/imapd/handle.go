package imapd

// The commands conn answers itself: those the library has no place for, and
// those it would answer wrongly because it does not see the TLS connection.

// handle carries out cmd if it is one of them.
func (c *conn) handle(cmd *command) (done bool, err error) {
	if cmd.namesMailbox() && c.plainNames() {
		cmd.escapeNames()
	}
	switch cmd.name {
	case "CAPABILITY":
		c.reply("* CAPABILITY %s\r\n%s OK that is what this server can do\r\n", c.capabilities(), cmd.tag)
	case "STARTTLS":
		return true, c.startTLS(cmd)
	case "ID":
		c.identify(cmd)
	case "GETQUOTA", "GETQUOTAROOT":
		c.quota(cmd)
	case "APPEND":
		return c.limitMessage(cmd)
	case "SEARCH", "UID SEARCH":
		return c.readSearch(cmd), nil
	default:
		return false, nil
	}
	return true, nil
}
