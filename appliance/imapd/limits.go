package imapd

import "time"

// Limits of a connection. What goes over a limit is answered with a BAD, a NO
// or a BYE that names it.
const (
	// DefaultMaxConns is how many connections are open at once over all
	// addresses and both ports. One in IDLE costs about 100 KB with TLS.
	DefaultMaxConns = 200
	// DefaultMaxConnsPerAddress is how many of them one address may hold (an
	// IPv6 /64 network counts as one address). A mail program opens up to five
	// per account, and a whole family may sit behind one router.
	DefaultMaxConnsPerAddress = 40

	// maxCommand is the size of a command in bytes, literals included, the
	// message of an APPEND not. The library stops at 50 KiB.
	maxCommand = 48 << 10
	// maxCommandBeforeLogin is the same for somebody we do not know yet.
	maxCommandBeforeLogin = 4 << 10
	// maxLiteral is the size of a literal in bytes other than the message of an
	// APPEND; also that of any literal sent without waiting for our go-ahead,
	// which is what LITERAL- means (RFC 7888 section 5).
	maxLiteral = 4096
	// maxSkip is how many bytes of a refused literal or an overlong line are
	// read past, so that the dialog can go on. Beyond it the connection ends.
	maxSkip = 1 << 20
	// maxTag is the length of a command's tag in bytes.
	maxTag = 64

	// maxBad is how many BAD answers in a row end a connection.
	maxBad = 50
	// maxBadBeforeLogin is the same before the login, where no mail program
	// makes mistakes but port scanners and browsers do.
	maxBadBeforeLogin = 5
	// maxFailedLogins is how many refused logins end a connection.
	maxFailedLogins = 5

	// gather is how many bytes of output are collected before they are sent.
	gather = 16 << 10
	// idleFlush is how long output of an IDLE may wait for company.
	idleFlush = 4 * time.Millisecond

	// handshakeTimeout is for the whole TLS handshake. A Pi Zero needs about
	// half a second for one.
	handshakeTimeout = 20 * time.Second
	// loginTimeout is from the connection to the successful login.
	loginTimeout = 3 * time.Minute
	// silenceBeforeLogin is how long a client may say nothing before the login.
	silenceBeforeLogin = time.Minute
	// silence is how long it may say nothing afterwards, IDLE included. RFC
	// 9051 section 5.4 asks for at least 30 minutes.
	silence = 35 * time.Minute
	// commandTimeout is from the first byte of a command to its last one.
	commandTimeout = 2 * time.Minute
	// stall is how long 16 KiB in either direction may take. Whoever is slower
	// than 140 bytes a second is taken for gone; whoever is faster may take as
	// long as he needs.
	stall = 2 * time.Minute
	// stopTimeout is how long sessions have to finish after the context ends.
	stopTimeout = 8 * time.Second

	// updateBatch is how many messages one store update changes. Larger ones
	// would hold up the deliveries that share its commit.
	updateBatch = 256
	// listBatch and infoBatch are how many messages FETCH reads in one go, the
	// latter when their structure is wanted too (up to 48 KiB each, though a
	// few hundred bytes are usual). No snapshot stays open while the client is
	// waited for.
	listBatch = 512
	infoBatch = 32
	// maxSections is how many sections one FETCH may ask for of each message.
	maxSections = 100
	// prefetch is up to what size a section is read whole before anything of
	// it is sent, so that a damaged one can still be refused cleanly.
	prefetch = 32 << 10
)
