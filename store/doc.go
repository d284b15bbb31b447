// Package store keeps a household's mail in a Badger database: accounts,
// aliases, mailboxes, messages, flags, and the history of what changed. It is
// the only package that knows a key, and a floor: it imports nothing of ours.
//
// # Transactions
//
// [Store.View] is one snapshot. [Store.Update] returns nil only when the
// change is on disk. Badger syncs its files once per transaction, so sharing
// those syncs is done here: one goroutine, the committer, gathers the updates
// that wait, runs them one after another inside a single Badger transaction,
// commits it once and then answers all of them. An update that fails takes no
// neighbour with it: its transaction is dropped and the others run again,
// which is why an update's function may run more than once. Commits are
// announced ([Options].OnCommit) in commit order.
//
// # Messages and blobs
//
// A message's bytes are a blob: chunks of 64 KiB, each compressed where it
// pays and each carrying its own hash, so that a value the database returns
// damaged or empty is reported as [ErrCorrupt] and never served as mail. A
// message is stored once however many mailboxes it is in. What a power cut
// leaves behind:
//
//	on disk                              after the next Open
//	nothing                              nothing
//	chunks + pending mark                swept: nobody was told it was accepted
//	chunks + message + entry             a message in a mailbox
//	chunks + message + several entries   the same, counted in a reference record
//	chunks + garbage mark                swept once no reader has it open
//
// A small message (one that fits in [tailSize]) goes to disk in one
// transaction, without a pending mark.
//
// # Answering without the blob
//
// A mailbox's entry (flags, date, size) and a message's metadata (what package
// message found) are separate small records, and each mailbox keeps bitmaps,
// one bit per UID, of which UIDs exist and which carry a system flag. SELECT,
// STATUS, sequence numbers and SEARCH UNSEEN therefore cost a few small reads,
// not a scan.
//
// # Changes
//
// Every mailbox has a modification sequence. Each update that touches a
// mailbox adds one and writes one history record: UIDs changed (new ones among
// them) and UIDs expunged. [Tx.Changes] reads it from any point on; history is
// pruned by count, and a reader that comes too late is told so.
//
// # Disk
//
// Writing into a full file system kills a process that has the file mapped, so
// free space is looked at before Open and before every commit: below the
// reserve nothing is added ([ErrFull]) while reading, flag changes, moves within
// an account and deletion go on; below a quarter of it nothing is written at
// all. A ballast file is given up to make room for that.
//
// # Damage
//
// Badger answers what it can't read as empty or absent, without an error. No
// record is ever written empty; bodies carry hashes; tables are verified once
// after each start, and their list before it; a damaged one is written again
// from what can be read of it at the next. A counter that is not there
// though things it counted are is damage, not a new beginning.
//
// UIDVALIDITY and every ID come from stored counters, never from the clock: a
// board without a clock starts in 1970.
package store
