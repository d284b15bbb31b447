package store

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/sys/unix"
)

// Options say where a store is and what it may use.
type Options struct {
	// Dir is the directory of the store, made if absent; "" keeps it in
	// memory, for tests.
	Dir string
	// Memory is the memory of the board in octets, from which caches and
	// buffers are sized; 0 asks the kernel.
	Memory int64
	// Reserve is how many octets of disk are kept free; 0 takes what this
	// memory class needs to repair and compact itself.
	Reserve int64
	// Log receives what the owner may have to know; nil discards it.
	Log *slog.Logger
	// OnCommit is told of every commit, in commit order, once it is on disk
	// and before the update returns. It must not block or use the store.
	OnCommit func(Commit)

	restoring bool // opened by Restore: an unfinished restore is no obstacle
}

// class is a memory class: the sizes that follow from a board's memory.
type class struct {
	memTable   int64 // size of a memory table, twice that of its log file
	tables     int   // memory tables, the one being written and those being flushed
	valueLog   int64 // size of a value-log file
	blockCache int64
	indexCache int64
}

// classFor picks the class by memory and word size. A 32-bit process maps
// every table and value log into 2 GB of addresses, and a file of twice the
// value log's size at a time, so its files stay small.
func classFor(memory int64) class {
	var c class
	switch {
	case memory <= 300<<20: // Pi Zero with a GPU share, 256 MB boards
		c = class{memTable: 4 << 20, tables: 1, valueLog: 16 << 20, blockCache: 2 << 20, indexCache: 1 << 20}
	case memory <= 768<<20: // 512 MB: Zero 2 W, Pi 1
		c = class{memTable: 8 << 20, tables: 2, valueLog: 32 << 20, blockCache: 4 << 20, indexCache: 2 << 20}
	default:
		c = class{memTable: 16 << 20, tables: 2, valueLog: 64 << 20, blockCache: 8 << 20, indexCache: 4 << 20}
	}
	if strconv.IntSize == 32 {
		c.memTable = min(c.memTable, 4<<20)
		c.tables = 1
		c.valueLog = 16 << 20
	}
	return c
}

// reserve is the free disk below which nothing is added: what Badger can write
// between two looks at the disk (the rest of two value logs and their map, all
// memory tables and their flushed copies, one compaction) with room to spare.
func (c class) reserve() int64 {
	return 2*c.valueLog + 8*c.memTable
}

// badgerOptions is every Badger option that is not its default, with the
// reason for each. unsynced is set when a sync fails that Badger says nothing of.
func badgerOptions(o Options, c class, unsynced *atomic.Bool) badger.Options {
	b := badger.DefaultOptions(o.Dir).
		WithLogger(badgerLog{o.Log, unsynced}).
		// An update that was answered is on disk. Sync after the commit is no
		// substitute: it syncs in the wrong order and only the newest files.
		WithSyncWrites(o.Dir != "").
		// Bodies go to the value log and are not rewritten by compaction; the
		// index (entries, bitmaps, most metadata) stays in the tables, where a
		// scan reads it in order.
		WithValueThreshold(1 << 10).
		WithMemTableSize(c.memTable).
		WithNumMemtables(c.tables).
		WithValueLogFileSize(c.valueLog).
		// One table at level 0: deletions reach the level below soon, without
		// which the value log's garbage can't be collected.
		WithNumLevelZeroTables(1).
		WithNumLevelZeroTablesStall(4).
		WithCompactL0OnClose(true).
		// Two is the least Badger takes.
		WithNumCompactors(2).
		WithBaseTableSize(c.memTable / 4).
		WithBlockCacheSize(c.blockCache).
		WithIndexCacheSize(c.indexCache).
		// Tables are small records with much in common; bodies are compressed
		// by us and stand in the value log.
		WithCompression(options.Snappy).
		// One committer, so there is nothing to conflict with.
		WithDetectConflicts(false).
		WithVerifyValueChecksum(true).
		// A block with a wrong bit would be read as other records, or end the
		// process. The whole table when it is opened would be too much: a
		// household's box has to start with what is whole.
		WithChecksumVerificationMode(options.OnBlockRead).
		WithMetricsEnabled(false).
		// Goroutines of backup streams, each of which holds a batch in memory.
		WithNumGoroutines(1)
	if o.Dir == "" {
		// In memory there is no value log to put larger values into.
		b = b.WithInMemory(true).WithValueThreshold(256 << 10)
	}
	return b
}

// boardMemory asks the kernel how much memory there is.
func boardMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 512 << 20
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}

// badgerLog hands Badger's messages to slog. Its notes of every flush and
// compaction are for debugging. That the value log could not be synced, Badger
// only mentions: the commit goes on as if it were on disk, so unsynced keeps it
// for the committer.
type badgerLog struct {
	log      *slog.Logger
	unsynced *atomic.Bool
}

func (l badgerLog) say(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "badger: "+fmt.Sprintf(format, args...))
	}
}

// Errorf is an error that Badger does not return.
func (l badgerLog) Errorf(f string, a ...any) {
	if l.unsynced != nil && strings.HasPrefix(f, "Error while curlf sync") {
		l.unsynced.Store(true)
	}
	l.say(slog.LevelError, f, a)
}

// Warningf, Infof and Debugf make badgerLog a badger.Logger.
func (l badgerLog) Warningf(f string, a ...any) { l.say(slog.LevelWarn, f, a) }
func (l badgerLog) Infof(f string, a ...any)    { l.say(slog.LevelDebug, f, a) }
func (l badgerLog) Debugf(f string, a ...any)   { l.say(slog.LevelDebug, f, a) }
