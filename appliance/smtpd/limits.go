package smtpd

import "time"

// Limits bound what clients can make the server spend. A field at zero takes
// the value of DefaultLimits.
type Limits struct {
	// Connections at once, over all ports, and PerAddress from one address
	// (IPv6: one /64). One more gets 421 4.7.0 and is closed.
	Connections int
	PerAddress  int

	// Recipients of one message; further ones get 452 4.5.3 (RFC 5321
	// section 4.5.3.1.8 wants at least 100). Announced by LIMITS (RFC 9422).
	Recipients int

	// Refusals a session may collect before 421 4.7.0 ends it: of AUTH, of
	// RCPT, and of other commands.
	FailedLogins     int
	FailedRecipients int
	FailedCommands   int

	// Commands a session may give without a message being accepted.
	Commands int

	// CommandTimeout is how long a client may take for one line, from the end
	// of the last answer to the line's LF (RFC 5321 section 4.5.3.2.7).
	CommandTimeout time.Duration

	// DataWindow and DataMinimum are the slowest a body may come: within each
	// window the body has to end or to grow by so many octets. A window begins
	// when the last one is filled. A stall of one window is thereby survived,
	// which is the time RFC 5321 section 4.5.3.2.5 gives the sender's side,
	// and a connection trickling single octets is not.
	DataWindow  time.Duration
	DataMinimum int64

	// FaultPause ends a body that has to be refused: when the client falls
	// silent for so long it waits for an answer, whatever it takes to be the
	// end of its message.
	FaultPause time.Duration

	// Excess is how many octets of a message that has become too large are
	// still read, so that the client sees why, before the connection is closed.
	Excess int64

	// WriteTimeout is how long the client may take to accept an answer.
	WriteTimeout time.Duration

	// HandshakeTimeout is for a TLS handshake.
	HandshakeTimeout time.Duration

	// StopTimeout is how long sessions may go on with a message after Serve's
	// context has ended.
	StopTimeout time.Duration
}

// DefaultLimits suit a household of 20 with 200 devices on a board with
// 512 MB: an idle connection costs about 40 KB, with TLS 55 KB, and up to
// 500 KB more while it takes a body in.
func DefaultLimits() Limits {
	return Limits{
		Connections:      100,
		PerAddress:       40,
		Recipients:       100,
		FailedLogins:     5,
		FailedRecipients: 50,
		FailedCommands:   20,
		Commands:         1000,
		CommandTimeout:   5 * time.Minute,
		DataWindow:       3 * time.Minute,
		DataMinimum:      64 << 10,
		FaultPause:       5 * time.Second,
		Excess:           512 << 20,
		WriteTimeout:     time.Minute,
		HandshakeTimeout: 30 * time.Second,
		StopTimeout:      9 * time.Second,
	}
}

// Lengths in octets, line ends included.
const (
	// MaxCommandLine is for a command. RFC 5321 section 4.5.3.1.4 says 512,
	// its extensions add up to about 1,700 (RFC 3461, RFC 6531).
	MaxCommandLine = 2048

	// MaxAuthLine is for AUTH and the answers to its challenges (RFC 4954
	// section 4.9).
	MaxAuthLine = 12288

	// MaxTextLine is for a line of a message. RFC 5321 section 4.5.3.1.6 says
	// 1000; programs that send more are common and do no harm here.
	MaxTextLine = 64 << 10

	// lingerSize and lingerTime bound what is read, unseen, from a client that
	// was hung up on, so that it can read the last answer before a reset. It
	// ends sooner when the client is silent.
	lingerSize    = 1 << 20
	lingerTime    = 2 * time.Second
	lingerSilence = 300 * time.Millisecond

	// inputBuffer is per connection and must hold a MaxAuthLine.
	inputBuffer = 16 << 10

	// outputBuffer is how many octets of answers are gathered for one packet.
	outputBuffer = 4 << 10
)

// filled returns l with defaults where it is zero.
func (l Limits) filled() Limits {
	d := DefaultLimits()
	fill(&l.Connections, d.Connections)
	fill(&l.PerAddress, d.PerAddress)
	fill(&l.Recipients, d.Recipients)
	fill(&l.FailedLogins, d.FailedLogins)
	fill(&l.FailedRecipients, d.FailedRecipients)
	fill(&l.FailedCommands, d.FailedCommands)
	fill(&l.Commands, d.Commands)
	fill(&l.CommandTimeout, d.CommandTimeout)
	fill(&l.DataWindow, d.DataWindow)
	fill(&l.DataMinimum, d.DataMinimum)
	fill(&l.FaultPause, d.FaultPause)
	fill(&l.Excess, d.Excess)
	fill(&l.WriteTimeout, d.WriteTimeout)
	fill(&l.HandshakeTimeout, d.HandshakeTimeout)
	fill(&l.StopTimeout, d.StopTimeout)
	return l
}

func fill[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}
