package pop3d

import "context"

// cmdSTLS is STLS (RFC 2595 section 4). Whatever the client said in the
// clear before is forgotten.
func (x *session) cmdSTLS(ctx context.Context, _ []string) {
	switch {
	case x.server.TLS == nil:
		x.bad("TLS is not available")
		return
	case x.conn.tls != nil:
		x.bad("TLS is active already")
		return
	case x.utf8:
		x.bad("STLS must come before UTF8")
		return
	case x.conn.r.Buffered() > 0:
		x.log.Warn("pop3 session ended: commands sent ahead of TLS")
		x.conn.fail("nothing may follow STLS before TLS has begun; closing")
		x.over = true
		return
	}
	x.conn.ok("begin TLS")
	if err := x.conn.w.Flush(); err != nil {
		x.over = true
		return
	}
	if err := x.conn.handshake(ctx, x.server.TLS); err != nil {
		x.log.Info("pop3 TLS handshake failed", "error", err)
		x.over = true
		return
	}
	x.user = ""
}
