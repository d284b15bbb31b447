package imapd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"posthorn/appliance/login"
	"posthorn/store"
)

// session is what one client does, as the library calls it. Its methods run
// one after the other, but for Idle, which runs beside the wait for its end.
type session struct {
	server *Server
	conn   *conn
	engine *imapserver.Conn

	// fault is the error of ours that the library is about to report as an
	// internal one.
	fault error

	mu       sync.Mutex
	idling   sync.WaitGroup
	closed   bool
	account  store.AccountID
	login    credential
	selected *selected // nil in the authenticated state
}

// selected is the mailbox a client has open.
type selected struct {
	*view
	readOnly bool          // opened by EXAMINE
	saved    *store.UIDSet // the result "$" of RFC 5182
}

var (
	_ imapserver.SessionIMAP4rev2 = (*session)(nil)
)

// refused is an answer NO with a response code.
func refused(code, format string, args ...any) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCode(code), Text: fmt.Sprintf(format, args...)}
}

// answer turns an error of the store into what the client is told. An error
// without a meaning for the client is logged and becomes an internal one.
func (s *session) answer(what string, err error) error {
	var said *imap.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		return said
	case errors.Is(err, store.ErrNotFound):
		return refused("NONEXISTENT", "%s: there is no such mailbox or message", what)
	case errors.Is(err, errMailboxGone):
		return refused("NONEXISTENT", "%v; select another one", err)
	case errors.Is(err, store.ErrExists):
		return refused("ALREADYEXISTS", "%s: that mailbox exists already", what)
	case errors.Is(err, store.ErrInvalidName):
		return refused("CANNOT", "%s: %v", what, printable(err.Error(), 200))
	case errors.Is(err, store.ErrSending):
		return refused("INUSE", "%s: too late, the message is being handed over right now", what)
	case errors.Is(err, store.ErrReserved):
		return refused("CANNOT", "%s: that mailbox is needed and stays", what)
	case errors.Is(err, store.ErrQuota):
		return refused("OVERQUOTA", "%s: the account's quota is used up; delete some mail", what)
	case errors.Is(err, store.ErrFull):
		return refused("OVERQUOTA", "%s: the box's disk is full; delete some mail", what)
	case errors.Is(err, store.ErrTooLarge):
		return refused("LIMIT", "%s: that is too much", what)
	case errors.Is(err, store.ErrCorrupt):
		s.conn.log.Error("damaged mail", "during", what, "error", err)
		return refused("CORRUPTION", "%s: the mail is damaged on disk", what)
	case errors.Is(err, store.ErrClosed):
		return refused("UNAVAILABLE", "%s: the box is stopping", what)
	}
	s.fault = err
	s.conn.log.Error("imap command failed", "during", what, "error", err)
	return err
}

// Login takes a user name, with or without domain, and a password. The keeper
// logs the refusals.
func (s *session) Login(user, password string) error {
	if !s.conn.secure {
		return refused("PRIVACYREQUIRED", "no password is taken over this connection")
	}
	// The library has no context to give. The keeper answers in seconds; the
	// limit is for a store that hangs.
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	id, err := s.server.Keeper.Login(ctx, user, password, s.conn.remote, "imap")
	var slow *login.SlowError
	switch {
	case errors.Is(err, login.ErrRefused), errors.Is(err, login.ErrDisabled):
		return refused("AUTHENTICATIONFAILED", "%v", err)
	case errors.As(err, &slow):
		return refused("UNAVAILABLE", "%v", err)
	case err != nil:
		return s.answer("login", err)
	}
	s.account = id.Account.ID
	s.login = credential{hash: id.Account.Password, app: id.AppPassword}
	s.conn.loggedIn = true
	s.conn.log = s.conn.log.With("account", id.Account.Name)
	s.conn.log.Info("imap login", "from", s.conn.remote, "tls", s.conn.tls, "app_password", id.AppPassword)
	return nil
}

// credential is what a session was opened with.
type credential struct {
	hash string // of the account's password
	app  string // ID of the app password, if it was one
}

// errUnwelcome ends a session whose account or password is no more.
var errUnwelcome = errors.New("the account was switched off or its password changed; log in again")

// stillWelcome says whether the login would succeed again. A lost telephone in
// IDLE would otherwise go on reading after its password was revoked.
func (s *session) stillWelcome(tx *store.Tx) error {
	a, err := tx.Account(s.account)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errUnwelcome
	case err != nil:
		return err
	case a.Disabled, s.login.app == "" && a.Password != s.login.hash:
		return errUnwelcome
	case s.login.app != "" && !slices.ContainsFunc(a.AppPasswords, func(p store.AppPassword) bool { return p.ID == s.login.app }):
		return errUnwelcome
	}
	return nil
}

// Close ends the session. An Idle still running ends first.
func (s *session) Close() error {
	s.mu.Lock()
	s.closed, s.selected = true, nil
	s.mu.Unlock()
	s.idling.Wait()
	s.conn.log.Debug("imap session ended")
	return nil
}

// Namespace: everybody has one, of their own.
func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Prefix: "", Delim: '/'}}}, nil
}

// AppendLimit never refuses: conn has looked at the size before, see
// limitMessage.
func (s *session) AppendLimit() uint32 { return math.MaxUint32 }

// appendLimit is the greatest size of a message in bytes.
func (s *session) appendLimit() int64 {
	var limit int64
	err := s.server.Store.View(func(tx *store.Tx) error {
		settings, err := tx.Settings()
		limit = settings.MaxMessageSize
		return err
	})
	if err != nil {
		s.conn.log.Error("settings cannot be read", "error", err)
	}
	return min(limit, math.MaxUint32)
}

// rev2 says whether the client has asked for IMAP4rev2.
func (s *session) rev2() bool { return s.engine.EnabledCaps().Has(imap.CapIMAP4rev2) }

// open returns the selected mailbox for a command that only reads.
func (s *session) open() (*selected, error) {
	if s.selected == nil {
		return nil, refused("NONEXISTENT", "no mailbox is open; select one")
	}
	return s.selected, nil
}

// openToChange returns the selected mailbox for a command that changes it.
func (s *session) openToChange() (*selected, error) {
	sel, err := s.open()
	if err == nil && sel.readOnly {
		return nil, refused("NOPERM", "the mailbox was opened read-only by EXAMINE; open it with SELECT")
	}
	return sel, err
}
