package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
	"golang.org/x/sys/unix"
)

// Badger lists its tables in the file MANIFEST: eight octets of magic, then
// records of a length, a CRC and a protocol buffer that adds and removes
// tables. When it is opened, tables that are not listed are deleted. So a list
// that lost its last record, as a card that lies about flushing leaves it after
// a power cut, takes the mail of the newest tables with it without an error;
// one that is gone takes all of them; and one with a wrong octet can't be
// opened.
//
// mendManifest looks at the list first. Where its end is damaged it keeps the
// records before, and lists what else there is at level 0. That is sound for
// every table that is whole: of the values of a key Badger takes the one with
// the highest version, on whatever level it lies. A table listed although its
// file is gone was merged into one of those by the record that was lost.
//
// A list that is whole is left alone, for a table missing from it is one whose
// deletion was under way.

const (
	manifestName  = "MANIFEST"
	manifestMagic = "Bdgr\x00\x00\x00\x08" // version 8, that of Badger v4
	maxManifest   = 64 << 20               // Badger rewrites it long before
)

func mendManifest(o badger.Options, log *slog.Logger) error {
	tables, err := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		return err // a new store, or one that has all in its logs
	}
	path := filepath.Join(o.Dir, manifestName)
	if _, whole, err := readManifest(path); err != nil || whole {
		return err
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	// Another process may just have been writing it.
	kept, whole, err := readManifest(path)
	if err != nil || whole {
		return err
	}
	log.Error("the list of the store's tables is damaged; it is made again from the tables", "file", path, "octets kept", len(kept))
	mended := path + "-MENDED"
	if err := writeSynced(mended, kept); err != nil {
		return err
	}
	listed, err := replayManifest(mended, o)
	if err != nil {
		return err
	}
	changes := manifestChanges(tables, listed, o, log)
	if err := writeSynced(mended, appendManifestRecord(kept, changes)); err != nil {
		return err
	}
	if _, err := replayManifest(mended, o); err != nil {
		return fmt.Errorf("list of tables made again: %w", err)
	}
	if err := os.Rename(path, path+"-DAMAGED"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(mended, path); err != nil {
		return err
	}
	return syncDir(o.Dir)
}

// readManifest returns the whole records at the start of the list, and whether
// that is all there is.
func readManifest(path string) (kept []byte, whole bool, err error) {
	st, err := os.Stat(path)
	if err == nil && st.Size() > maxManifest {
		return nil, false, fmt.Errorf("%s has %d octets; it never has so many", path, st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, false, err
	}
	n := wholeRecords(b)
	if n == 0 {
		return []byte(manifestMagic), false, nil
	}
	return b[:n:n], n == len(b), nil
}

// wholeRecords is the length of the undamaged start of a list, 0 when not even
// its magic is there.
func wholeRecords(b []byte) int {
	if len(b) < len(manifestMagic) || string(b[:len(manifestMagic)]) != manifestMagic {
		return 0
	}
	at := len(manifestMagic)
	for len(b)-at >= 8 {
		n, sum := int64(binary.BigEndian.Uint32(b[at:])), binary.BigEndian.Uint32(b[at+4:])
		if n > int64(len(b)-at-8) {
			break
		}
		if n == 0 && at > len(manifestMagic) {
			break // zeroes that stand for lost octets; only the first record of a list is empty
		}
		record := b[at+8 : at+8+int(n)]
		if crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli)) != sum {
			break
		}
		at += 8 + int(n)
	}
	return at
}

func replayManifest(path string, o badger.Options) (badger.Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return badger.Manifest{}, err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	return m, err
}

// manifestChanges lists every whole table that is not listed, and strikes out
// those whose files are gone, if there is one they can have been merged into;
// otherwise Badger is to refuse. A table that can't be read, such as one that
// was half written when power failed, is put aside under another name.
func manifestChanges(tables []string, listed badger.Manifest, o badger.Options, log *slog.Logger) (changes []byte) {
	gone := maps.Clone(listed.Tables)
	for _, path := range tables {
		id, ok := table.ParseFileID(filepath.Base(path))
		if !ok {
			continue
		}
		delete(gone, id)
		if _, ok := listed.Tables[id]; ok {
			continue
		}
		if err := wholeTable(path, o); err != nil {
			log.Error("a table can't be read and is put aside", "file", path, "error", err)
			os.Rename(path, path+".damaged")
			continue
		}
		log.Warn("a table is listed again", "file", path)
		changes = appendManifestChange(changes, id, false, uint64(o.Compression))
	}
	if len(changes) == 0 {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		log.Warn("a table that was merged into another is struck out", "table", id)
		changes = appendManifestChange(changes, id, true, 0)
	}
	return changes
}

// wholeTable reads a table and verifies its checksums. Badger empties a table
// that it has merged into another, also while it is read here, and a mapped
// page that is gone, or that the card can't read, is a fault: an error like
// others, and not the end of the process.
func wholeTable(path string, o badger.Options) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil { // also Badger's way to say that an index makes no sense
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	f, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	t, err := table.OpenTable(f, table.Options{BlockSize: o.BlockSize, Compression: o.Compression})
	if err != nil {
		return err
	}
	defer t.Close(-1)
	return t.VerifyChecksum()
}

// damagedTables reads the tables in use (one being written is not yet whole)
// and yields those that are damaged, for Badger passes over a block it can't
// read: its records are answered as absent, and when the table is merged with
// others they are left out together with all that follow.
func (s *Store) damagedTables(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(path string, err error) bool) {
		if s.opts.Dir == "" {
			return
		}
		for _, t := range s.db.Tables() {
			if ctx.Err() != nil {
				return
			}
			path := table.NewFilename(t.ID, s.opts.Dir)
			err := wholeTable(path, s.db.Opts())
			if err == nil || !s.hasTable(t.ID) { // merged meanwhile
				continue
			}
			if !yield(path, err) {
				return
			}
		}
	}
}

func (s *Store) hasTable(id uint64) bool {
	return slices.ContainsFunc(s.db.Tables(), func(t badger.TableInfo) bool { return t.ID == id })
}

// keepDamagedTables counts damaged tables and keeps a copy of each.
func (s *Store) keepDamagedTables(ctx context.Context) {
	for path, err := range s.damagedTables(ctx) {
		s.log.Error("a table is damaged: some mail may not be shown; restore from a backup", "file", path, "error", err)
		if err := keepTable(path); err != nil {
			s.log.Error("the damaged table can't be kept", "file", path, "error", err)
		}
		s.corrupt.Add(1)
	}
}

// keepTable copies a table to its second name, once. A hard link would not do:
// Badger empties a table before it removes it.
func keepTable(path string) error {
	kept := path + ".damaged"
	if _, err := os.Stat(kept); err == nil {
		return nil
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(kept + ".new")
	if err != nil {
		return err
	}
	defer os.Remove(to.Name())
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	return os.Rename(to.Name(), kept)
}

// appendManifestChange appends a change in the encoding of Badger's protocol
// buffer: field 1 of the set holds a change, whose fields are 1 the table, 2
// what is done to it, 3 its level, 6 its compression; zeroes are left out.
func appendManifestChange(b []byte, id uint64, remove bool, compression uint64) []byte {
	c := binary.AppendUvarint([]byte{1 << 3}, id)
	if remove {
		c = append(c, 2<<3, 1)
	} else if compression != 0 {
		c = binary.AppendUvarint(append(c, 6<<3), compression)
	}
	b = binary.AppendUvarint(append(b, 1<<3|2), uint64(len(c)))
	return append(b, c...)
}

func appendManifestRecord(b, changes []byte) []byte {
	if len(changes) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint32(slices.Clone(b), uint32(len(changes)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(changes, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, changes...)
}

// lockDir takes the lock that Badger takes on the directory of an open store.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	return func() { f.Close() }, nil
}

// writeSynced writes a file that is on disk when it returns.
func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
