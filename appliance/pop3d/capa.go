package pop3d

import "context"

// cmdCapa is CAPA (RFC 2449 section 5). What cannot be used now is not
// listed: no login commands before TLS, no STLS after it.
func (x *session) cmdCapa(context.Context, []string) {
	x.conn.ok("capabilities follow")
	x.conn.line("TOP")
	x.conn.line("UIDL")
	x.conn.line("RESP-CODES")
	x.conn.line("AUTH-RESP-CODE")
	x.conn.line("PIPELINING")
	if x.drop == nil && x.server.TLS != nil && x.conn.tls == nil {
		x.conn.line("STLS")
	}
	if x.conn.secret() {
		x.conn.line("USER")
		x.conn.line("SASL PLAIN")
	}
	x.conn.line("EXPIRE NEVER") // the INBOX is never cleared by the server
	x.conn.line("UTF8 USER")
	x.conn.line("LANG")
	implementation := "Posthorn"
	if x.server.Version != "" {
		implementation += "-" + x.server.Version
	}
	x.conn.line("IMPLEMENTATION %s", implementation)
	x.conn.line(".")
}
