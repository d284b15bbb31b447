package pop3d

import (
	"context"
	"errors"

	"posthorn/appliance/login"
	"posthorn/store"
)

// cmdUser is USER (RFC 1939 section 7). Every name is welcome here: whether
// it exists is nobody's business before the password.
func (x *session) cmdUser(_ context.Context, args []string) {
	if !x.conn.secret() {
		x.conn.fail("no password is taken in the clear; use STLS or port 995")
		return
	}
	x.user = args[0]
	x.conn.ok("send the password")
}

// cmdPass is PASS (RFC 1939 section 7); the password is the rest of the
// line, spaces and all.
func (x *session) cmdPass(ctx context.Context, args []string) {
	switch {
	case !x.conn.secret():
		x.conn.fail("no password is taken in the clear; use STLS or port 995")
	case x.user == "":
		x.bad("send USER first")
	default:
		user := x.user
		x.user = ""
		x.login(ctx, user, args[0])
	}
}

// login checks the credentials, locks the maildrop and opens it.
func (x *session) login(ctx context.Context, user, password string) {
	if err := x.conn.w.Flush(); err != nil { // the check may take its time
		x.over = true
		return
	}
	who, err := x.server.Keeper.Login(ctx, user, password, x.conn.remote, "pop3")
	if err != nil {
		x.refuse(err)
		return
	}
	if !x.server.drops.take(who.Account.ID) {
		x.log.Info("pop3 login put off: maildrop in use", "account", who.Account.Name)
		x.conn.fail("[IN-USE] another session has this maildrop open; try again when it has ended")
		return
	}
	d, err := openDrop(x.server.Store, who.Account.ID)
	if err != nil {
		x.server.drops.release(who.Account.ID)
		x.log.Error("pop3 maildrop cannot be opened", "account", who.Account.Name, "error", err)
		x.conn.fail("%s", failure(err))
		return
	}
	x.who, x.drop = who, d
	x.log.Info("pop3 login", "account", who.Account.Name, "app_password", who.AppPassword, "tls", x.conn.tls != nil)
	x.conn.ok("maildrop has %d messages (%d octets)", d.count, d.octets)
}

// refuse answers a failed login with the code that tells the mail program
// whether to ask for another password (RFC 3206) or to come back later.
func (x *session) refuse(err error) {
	var slow *login.SlowError
	switch {
	case errors.Is(err, login.ErrRefused), errors.Is(err, login.ErrDisabled):
		x.refusals++
		x.conn.fail("[AUTH] %v", err)
	case errors.As(err, &slow):
		x.refusals++
		x.conn.fail("[LOGIN-DELAY] %v", err)
	case errors.Is(err, context.Canceled):
		x.conn.fail("[SYS/TEMP] the server is stopping")
		x.over = true
	default:
		x.log.Error("pop3 login failed", "error", err)
		x.conn.fail("%s", failure(err))
	}
	if x.refusals >= maxRefusals {
		x.over = true
	}
}

// failure words an error of the store for the client, with the code of RFC
// 3206 that says whether trying again helps.
func failure(err error) string {
	switch {
	case errors.Is(err, store.ErrCorrupt):
		return "[SYS/PERM] the message is damaged on disk"
	case errors.Is(err, store.ErrNotFound):
		return "the message has been removed by another program"
	case errors.Is(err, store.ErrClosed):
		return "[SYS/TEMP] the server is stopping"
	case errors.Is(err, store.ErrFull):
		return "[SYS/TEMP] the disk is full"
	}
	return "[SYS/TEMP] the mail cannot be reached now; try again later"
}
