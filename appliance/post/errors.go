package post

import "errors"

// Refusals. They come wrapped with the address or the figure concerned; the
// text is fit to be sent to the client.
var (
	// ErrAddress: the address cannot be one of a mailbox (501 5.1.3).
	ErrAddress = errors.New("not a mail address")

	// ErrNoSuchUser: the domain is ours, the local part is nobody's (550 5.1.1).
	ErrNoSuchUser = errors.New("no such mailbox here")

	// ErrNotLocal: the address, or a target of the alias, is on another system
	// and this box does not send mail out (550 5.7.1).
	ErrNotLocal = errors.New("this box delivers to its own addresses only")

	// ErrAliasLoop: the alias leads back to itself, or to more than
	// MaxAliasSteps places (550 5.4.6).
	ErrAliasLoop = errors.New("alias leads round in circles")

	// ErrNeverFits: the message is larger than the recipient's whole quota
	// (552 5.2.2). store.ErrQuota means that it may fit later (452 4.2.2).
	ErrNeverFits = errors.New("message is larger than the recipient's quota")

	// ErrLoop: more than MaxReceived systems have handled the message
	// (554 5.4.6).
	ErrLoop = errors.New("mail loop: too many Received fields")

	// ErrNotYours: the sender is logged in and writes as somebody else
	// (550 5.7.1).
	ErrNotYours = errors.New("not one of your addresses")

	// ErrHeader: a submitted message has a header that cannot be sent as it
	// stands (554 5.6.0).
	ErrHeader = errors.New("bad message header")

	// ErrChanged: a recipient went away between RCPT and the end of the data;
	// nothing was delivered and the client should try again (451 4.3.0).
	ErrChanged = errors.New("recipients changed while the message came in")
)
