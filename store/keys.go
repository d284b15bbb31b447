package store

import "encoding/binary"

// Every key begins with one octet that says what it is; numbers follow in big
// endian so that keys sort as numbers do. This table is the schema.
const (
	keyCounter  = 'n' // name               -> uint64, the last number given out
	keyAccount  = 'a' // account            -> Account
	keyLogin    = 'l' // account name       -> account
	keyAlias    = 'L' // address            -> Alias
	keyUsage    = 'u' // account            -> Usage
	keyMailbox  = 'm' // mailbox            -> Mailbox
	keyName     = 'N' // account, name      -> mailbox
	keySub      = 's' // account, name      -> 1
	keyEntry    = 'e' // mailbox, UID       -> Entry
	keyBits     = 'b' // mailbox, UID/512   -> bitmaps
	keyHistory  = 'h' // mailbox, modseq    -> UIDs changed, UIDs expunged
	keyDigest   = 'i' // mailbox, number     -> octets of another package, made of the messages
	keyDoomed   = 'x' // mailbox            -> 1: deleted, entries to be swept
	keyExpiry   = 't' // time, mailbox, UID -> 1
	keyMessage  = 'M' // message            -> Message
	keyRefs     = 'r' // message            -> entries that refer to it, when not one
	keyChunk    = 'd' // blob, number       -> chunk
	keyPending  = 'p' // blob               -> 1: being written
	keyGarbage  = 'g' // blob               -> 1: to be swept
	keyQueued   = 'q' // queued message     -> Queued
	keyDue      = 'D' // time, queued       -> reverse path, domains
	keyOutbox   = 'o' // mailbox, UID       -> queued message it shows
	keySent     = 'W' // message            -> Sent
	keySentAs   = 'w' // account, hash of Message-ID, message -> 1
	keyValue    = 'v' // name               -> octets of another package
	keySettings = 'S' //                    -> Settings
	keyFormat   = 'F' //                    -> version of this schema
	keyRestored = 'R' //                    -> version of the backup put back here; 0: not finished
	keyFlush    = 'z' //                    -> 1: written and dropped by compact
)

func key(kind byte, nums ...uint64) []byte {
	b := make([]byte, 1, 1+8*len(nums))
	b[0] = kind
	for _, n := range nums {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func key32(kind byte, n uint32, rest string) []byte {
	b := make([]byte, 1, 5+len(rest))
	b[0] = kind
	b = binary.BigEndian.AppendUint32(b, n)
	return append(b, rest...)
}

// keyIn is the key of item n (a UID, a bitmap's number, a chunk's number)
// within owner (a mailbox, a blob).
func keyIn(kind byte, owner uint64, n uint32) []byte {
	b := make([]byte, 1, 13)
	b[0] = kind
	b = binary.BigEndian.AppendUint64(b, owner)
	return binary.BigEndian.AppendUint32(b, n)
}

func keyText(kind byte, s string) []byte {
	return append([]byte{kind}, s...)
}

// lastNumber reads the number a key of keyIn ends with.
func lastNumber(k []byte) uint32 { return binary.BigEndian.Uint32(k[len(k)-4:]) }

// mark is the value of records whose key says everything: never empty, for an
// empty value is how an unreadable one looks.
var mark = []byte{1}
