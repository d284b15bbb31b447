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

	// ErrNoWayOut: the address is on another system, and the owner has not
	// said how mail gets there (550 5.7.1).
	ErrNoWayOut = errors.New("this box does not send mail to other systems yet; " +
		"its owner can name the provider's mail server with posthorn smarthost set")

	// ErrRelayed: a device that may send without a login has sent MaxRelayed
	// messages within the hour (450 4.7.1).
	ErrRelayed = errors.New("this device has sent too much mail within the hour, try again later")

	// ErrSendTime: a time to send at that makes no sense, or is more than
	// MaxSchedule ahead (554 5.6.0).
	ErrSendTime = errors.New("no time to send at")

	// ErrClock: a message is to be sent at a time counted from now, and the
	// box does not know what time it is (451 4.3.0).
	ErrClock = errors.New("the box's clock is not set yet")

	// ErrNoRecipients: a draft that is to be sent names nobody.
	ErrNoRecipients = errors.New("message names no recipient in To, Cc or Bcc")

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

	// ErrNotSent: a message to be withdrawn is none that the account sent
	// within store.SentAge, or was withdrawn before.
	ErrNotSent = errors.New("not a message you sent within the last 30 days, or withdrawn already")

	// ErrMoving: a message can't be withdrawn now because it is moved about.
	ErrMoving = errors.New("the message is being moved at this moment, try again")

	// ErrSetting: what somebody wants done with their mail makes no sense; the
	// text says why.
	ErrSetting = errors.New("not possible")

	// ErrForged: mail from outside says that it is from here (550 5.7.1).
	ErrForged = errors.New("mail of this household is taken from its people only; log in on port 465 or 587 to send it")

	// ErrUnchecked: mail from outside says that it is from here, and the DNS does
	// not tell whether it is (451 4.4.3).
	ErrUnchecked = errors.New("whether this household has signed the message can't be found out now, try again later")

	// ErrChanged: a recipient went away between RCPT and the end of the data;
	// nothing was delivered and the client should try again (451 4.3.0).
	ErrChanged = errors.New("recipients changed while the message came in")
)
