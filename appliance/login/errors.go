package login

import (
	"errors"
	"fmt"
	"time"
)

// ErrRefused says that the name or the password is wrong; which of the two
// is never said. IMAP: NO [AUTHENTICATIONFAILED] (RFC 5530), POP3: -ERR
// [AUTH] (RFC 3206), SMTP: 535 5.7.8 (RFC 4954).
var ErrRefused = errors.New("user name or password is wrong")

// ErrDisabled says that the credentials are right and the account has been
// switched off by the owner.
var ErrDisabled = errors.New("this account is switched off; ask the owner of the box")

// ErrFactor says that the password is right, and that the account asks for more
// than a password: a mail program, which can't, needs an app password. It is an
// [ErrRefused].
var ErrFactor error = factorError{}

type factorError struct{}

func (factorError) Error() string {
	return "this account has a second step: mail programs need an app password, which the page makes under Me"
}

func (factorError) Unwrap() error { return ErrRefused }

// ErrNoAppPassword says that the account has no app password of that ID.
var ErrNoAppPassword = errors.New("no such app password")

// ErrTooManyAppPasswords says that the account has [MaxAppPasswords] already.
var ErrTooManyAppPasswords = fmt.Errorf("there are %d app passwords already; revoke one first", MaxAppPasswords)

// PasswordError says why a new password cannot be taken.
type PasswordError struct{ Reason string }

func (e *PasswordError) Error() string { return "password cannot be used: " + e.Reason }

// SlowError says that too many logins from the same place wait for their
// answer. The credentials were not looked at.
type SlowError struct {
	RetryAfter time.Duration // when an attempt makes sense again
}

func (e *SlowError) Error() string {
	return fmt.Sprintf("too many login attempts; try again in %d seconds", int64(e.RetryAfter.Seconds()+0.999))
}
