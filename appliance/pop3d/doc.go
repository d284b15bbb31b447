// Package pop3d serves the INBOX by POP3: RFC 1939, CAPA and response codes
// (RFC 2449, RFC 3206), STLS (RFC 2595), AUTH PLAIN (RFC 5034) and UTF8
// (RFC 6856). No library is behind it; the protocol is one loop and one table
// (session.go), with a file for each command or pair of commands.
//
// # A session
//
//	AUTHORIZATION  no password in the clear but over loopback; three failed
//	               logins or two minutes end it
//	TRANSACTION    the INBOX as it was at the login: 16 octets for each
//	               message, so that STAT, LIST and UIDL read nothing; RETR and
//	               TOP stream the body from its chunks
//	UPDATE         at QUIT, one transaction for up to 500 changed messages
//
// A maildrop is locked by its session; a second one is told [IN-USE]. IMAP,
// delivery and the web page are not locked out: new mail waits for the next
// session, mail they removed answers -ERR.
//
// A session that breaks off deletes nothing. Deleted mail goes to the trash
// and leaves it after Settings.POP3RescueDays, for a program that fetches and
// deletes is often the only copy's first step to being lost. Flags are not
// touched, since a phone beside it reads the same INBOX by IMAP; messages
// sent whole get the keyword [Fetched].
//
// # Sizes
//
// LIST and STAT announce the stored size, and RETR sends as many octets, as
// RFC 1939 section 11 wants, because mail is stored with CRLF line ends. Only
// a message that a client stored with bare LFs, or without a last line end,
// comes out longer by the CRs added, one for each; to count them beforehand
// would mean reading every body at the login.
//
// # Left out
//
// APOP (RFC 1939 section 7) needs the password itself on the server, where
// only its hash is kept; under TLS it protects nothing. The greeting has no
// timestamp, so clients do not try.
//
// # Limits
//
//	connections           64 together, 16 from one address
//	command line          255 octets, 4096 for AUTH's response
//	bad commands          10, failed logins 3
//	first octet to login  2 minutes; TLS handshake 20 seconds
//	idle                  10 minutes (the shortest that RFC 1939 allows)
//	a begun line          30 seconds to its end
//	a slow reader         30 seconds for each 8 KiB
//	messages              the oldest 500,000
package pop3d
