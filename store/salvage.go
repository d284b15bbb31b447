package store

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
)

// salvageTables writes the tables that were found damaged again, without the
// blocks that can't be read. Merging a damaged table ends the process or leaves
// out all that follows the damage; of the new one only the records of those
// blocks are missing. The damaged one stays under its second name.
func salvageTables(o badger.Options, log *slog.Logger) {
	damaged, _ := filepath.Glob(filepath.Join(o.Dir, "*.sst.damaged"))
	for _, name := range damaged {
		path := strings.TrimSuffix(name, ".damaged")
		if _, err := os.Stat(path); err != nil {
			continue // merged since
		}
		if wholeTable(path, o) == nil {
			continue // was salvaged before
		}
		blocks, lost, err := salvageTable(path, o)
		if err != nil {
			log.Error("nothing can be read of a damaged table", "file", path, "error", err)
			continue
		}
		log.Warn("a damaged table was written again from what can be read of it; restore the rest from a backup",
			"file", path, "blocks", blocks, "lost", lost)
	}
}

// salvageTable tells of how many blocks how many were lost.
func salvageTable(path string, o badger.Options) (blocks, lost int, err error) {
	defer func() {
		if p := recover(); p != nil { // the index itself makes no sense
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	f, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, 0, err
	}
	opts := table.Options{TableSize: uint64(len(f.Data)), BlockSize: o.BlockSize, Compression: o.Compression,
		BloomFalsePositive: o.BloomFalsePositive, ChkMode: options.OnBlockRead}
	t, err := table.OpenTable(f, opts)
	if err != nil {
		return 0, 0, err
	}
	defer t.Close(-1)
	b := table.NewTableBuilder(opts)
	defer b.Close()
	starts := t.KeySplits(math.MaxInt, nil) // the first key of each block
	for i, start := range starts {
		end := ""
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if copyBlock(b, t, start, end) == 0 {
			lost++
		}
	}
	if b.Empty() {
		return 0, 0, fmt.Errorf("no block is whole: %w", ErrCorrupt)
	}
	if err := writeSynced(path+".salvaged", b.Finish()); err != nil {
		return 0, 0, errors.Join(err, os.Remove(path+".salvaged"))
	}
	if err := os.Rename(path+".salvaged", path); err != nil {
		return 0, 0, err
	}
	return len(starts), lost, syncDir(o.Dir)
}

// copyBlock adds the records from start up to end to b and returns how many
// they were. What it meets behind the block may be damaged in turn.
func copyBlock(b *table.Builder, t *table.Table, start, end string) (n int) {
	defer func() { _ = recover() }() // a damaged block ends here, or with the iterator
	it := t.NewIterator(table.NOCACHE)
	defer it.Close()
	for it.Seek([]byte(start)); it.Valid(); it.Next() {
		if end != "" && y.CompareKeys(it.Key(), []byte(end)) >= 0 {
			break
		}
		b.Add(it.Key(), it.Value(), 0)
		n++
	}
	return n
}
