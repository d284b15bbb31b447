package pop3d

import (
	"context"
	"strings"
)

// cmdUTF8 is UTF8 (RFC 6856 section 2.1). It changes nothing but STLS:
// messages are sent as they are stored in either mode. A header in raw UTF-8
// is shown well by most programs that never heard of this command, while
// [UTF8] instead of the message would keep it from its owner.
func (x *session) cmdUTF8(context.Context, []string) {
	x.utf8 = true
	x.conn.ok("UTF-8 it is")
}

// cmdLang is LANG (RFC 6856 section 3). The answers exist in English alone.
func (x *session) cmdLang(_ context.Context, args []string) {
	if len(args) == 0 {
		x.conn.ok("languages follow")
		x.conn.line("en English")
		x.conn.line(".")
		return
	}
	tag := strings.ToLower(args[0])
	if tag == "*" || tag == "en" || tag == "i-default" || strings.HasPrefix(tag, "en-") {
		x.conn.ok("en the answers are in English")
		return
	}
	x.conn.fail("language is not known; en is")
}
