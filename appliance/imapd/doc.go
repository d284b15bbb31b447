// Package imapd serves mailboxes by IMAP: IMAP4rev1 (RFC 3501) and IMAP4rev2
// (RFC 9051), with the extensions listed in conn.capabilities.
//
// # Three layers
//
//	socket or TLS
//	  conn      one well-formed command at a time; limits; gathers output
//	  library   github.com/emersion/go-imap/v2/imapserver: grammar and answers
//	  session   what the commands do, on the store
//
// The library gives a session no way to add commands, and its version in use
// has faults that mail from outside or a hostile client can reach. So conn
// stands below it, where it sees every byte both ways. These are the faults and
// where each is met; each has a test, in faults_test.go, limits_test.go or
// testdata:
//
//	a multipart without parts crashes the connection   message.Scanner, toStructure
//	literals over a limit are executed as commands     conn: small literals become
//	                                                   quoted strings, large ones are
//	                                                   read past; only the message of
//	                                                   an APPEND is passed as one
//	no deadline for the TLS handshake                  handshake
//	patterns of LIST take exponential time             pattern
//	deep or wide MIME costs memory without bound       message.Scanner's limits
//	envelope and structure parse the whole message     message.Info, from delivery
//	an empty line ends the connection                  readCommand
//	DONE must be in capitals                           readReply
//	a failed write in IDLE is noticed after 35 minutes output.send
//	IDLE runs on after its connection                  session.Close waits
//	nothing is said of an APPEND with text behind it   finishMessage
//	RETURN (SAVE) answers as if ALL was asked          dropSaved
//	EXAMINE can be written to                          openToChange
//	deadlines for whole messages                       conn sets its own, by progress
//	SEARCH loses SMALLER before a date                 parseSearch reads it itself
//	"&" in a name stays "&-" after ENABLE UTF8=ACCEPT  escapeNames, unescapeNames
//	an empty challenge of AUTHENTICATE is sent as "="  conn.watch
//	arguments it cannot read are an internal error     conn.watch
//	each line is flushed                               output
//
// conn also answers STARTTLS, CAPABILITY, ID (RFC 2971), GETQUOTA and
// GETQUOTAROOT (RFC 9208) itself. The library's type for a TLS connection is
// hidden from it, so whether a password may be sent is decided in conn, and
// once more in session.Login.
//
// One rule holds conn and library in step: the library is given a command only
// when the one before has its tagged answer, and never reads beyond the one it
// was given. Should it try, the connection ends.
//
// # What a client knows
//
// A view is the selected mailbox as one client was told of it, in sets of about
// a bit per message. At the end of each command, and in IDLE when events wakes
// it, the session asks the store what changed after the modification sequence
// of the view, and says it: EXPUNGE (not during FETCH, STORE and SEARCH), then
// EXISTS, then flags. Nothing is queued for a client that does not ask, and
// whoever made the change - a delivery, another session, the web page - it
// arrives on the same road. A client's own changes are left out by their
// modification sequence.
//
// # What is read
//
// FLAGS, INTERNALDATE and RFC822.SIZE come from a mailbox's entries; ENVELOPE
// and BODYSTRUCTURE from the record made at delivery; a section, or a part of
// one, from the chunks of the body it lies in. SEARCH answers flags and UIDs
// from bitmaps, then looks at records, then at text. No snapshot of the store
// is held while a client is waited for, and updates of many messages are done
// in batches, so that a flag on a hundred thousand messages does not hold up
// the mail.
//
// No message is ever \Recent: RFC 9051 has given it up, and RFC 3501 allows it.
package imapd
