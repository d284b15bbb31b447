package pop3d

import "context"

// cmdStat is STAT (RFC 1939 section 5).
func (x *session) cmdStat(context.Context, []string) {
	x.conn.ok("%d %d", x.drop.count, x.drop.octets)
}

// cmdNoop is NOOP (RFC 1939 section 5).
func (x *session) cmdNoop(context.Context, []string) { x.conn.ok("") }

// cmdList is LIST (RFC 1939 section 5).
func (x *session) cmdList(_ context.Context, args []string) {
	if len(args) == 1 {
		if m := x.message(args[0]); m != nil {
			x.conn.ok("%s %d", args[0], m.size)
		}
		return
	}
	x.conn.ok("%d messages (%d octets)", x.drop.count, x.drop.octets)
	for n, m := range x.drop.present() {
		x.conn.line("%d %d", n, m.size)
	}
	x.conn.line(".")
}

// cmdUIDL is UIDL (RFC 1939 section 7).
func (x *session) cmdUIDL(_ context.Context, args []string) {
	if len(args) == 1 {
		if m := x.message(args[0]); m != nil {
			x.conn.ok("%s %s", args[0], x.drop.uniqueID(*m))
		}
		return
	}
	x.conn.ok("unique-ids follow")
	for n, m := range x.drop.present() {
		x.conn.line("%d %s", n, x.drop.uniqueID(m))
	}
	x.conn.line(".")
}

// cmdDele is DELE (RFC 1939 section 5): a mark, until QUIT.
func (x *session) cmdDele(_ context.Context, args []string) {
	m := x.message(args[0])
	if m == nil {
		return
	}
	m.marks |= deleted
	x.drop.count--
	x.drop.octets -= m.size
	x.conn.ok("message %s deleted", args[0])
}

// cmdRset is RSET (RFC 1939 section 5): the marks of DELE are taken back.
func (x *session) cmdRset(context.Context, []string) {
	d := x.drop
	d.count, d.octets = len(d.items), 0
	for i := range d.items {
		d.items[i].marks &^= deleted
		d.octets += d.items[i].size
	}
	x.conn.ok("maildrop has %d messages (%d octets)", d.count, d.octets)
}
