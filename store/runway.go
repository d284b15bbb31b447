package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Badger writes into sparse files it has mapped. Syncing a page that falls
// into a hole makes the file system allocate a block and commit its journal:
// two cache flushes and some 20 KB for a mail of 4 KB. Zeroes written ahead of
// Badger, half a megabyte at a time, make those pages ordinary overwrites: one
// flush and nothing but the data. It reads the same to Badger, for a hole is
// zeroes too.
const (
	pageSize     = 4 << 10
	runwayLength = 1024 << 10
	runwayMargin = 64 << 10

	// Larger commits spread the journal's cost over many mails; doubling what
	// they write would be the greater cost.
	runwayCommit = 16 << 10
)

// runway is the zeroed stretch ahead of Badger in the file it is writing to.
type runway struct {
	ending string // of the files' names
	limit  int64  // Badger goes on to another file soon after this
	path   string
	zeroed int64 // up to which the file holds data or zeroes
}

// prepare keeps the runways long enough after a small commit of so many
// octets. The committer calls it between commits, so nobody writes to these
// files meanwhile, and everything written to them is synced.
func (d *disk) prepare(octets int) {
	if d.dir == "" || octets > runwayCommit || octets == 0 || d.full.Load() {
		return
	}
	if !d.runwayMu.TryLock() {
		return // the value log is being collected
	}
	defer d.runwayMu.Unlock()
	for i := range d.runways {
		if err := d.runways[i].extend(d.dir); err != nil {
			d.log.Debug("no runway", "file", d.runways[i].path, "error", err)
		}
	}
}

func (r *runway) extend(dir string) error {
	if newest, err := newestFile(dir, r.path, r.ending); err != nil || newest == "" {
		return err
	} else if newest != r.path {
		r.path, r.zeroed = newest, 0
	}
	f, err := os.OpenFile(r.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if r.zeroed > 0 {
		if r.zeroed >= r.limit {
			return nil
		}
		page := make([]byte, pageSize)
		if _, err := f.ReadAt(page, r.zeroed-runwayMargin); err != nil {
			return err
		}
		if bytes.Count(page, []byte{0}) == len(page) {
			return nil // Badger has not come so far
		}
	}
	end, err := endOfData(f)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	n := min(runwayLength, r.limit-end, st.Size()-end)
	if n <= 0 {
		r.zeroed = r.limit
		return nil
	}
	// A page at a time: one large write makes the kernel cache it in large
	// folios, and with them it writes all of a folio for each page dirtied.
	page := make([]byte, pageSize)
	for at := end; at < end+n; at += pageSize {
		if _, err := f.WriteAt(page, at); err != nil {
			return err
		}
	}
	r.zeroed = end + n
	return nil // synced with the next commit, which costs a flush less than here
}

// endOfData is where the last data of a sparse file ends. All beyond is a hole
// that was never written: only there may zeroes be put.
func endOfData(f *os.File) (int64, error) {
	at := int64(0)
	for {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
		if at, err = unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE); err != nil {
			return 0, err
		}
	}
}

// newestFile is the file Badger writes to: the one of this ending with the
// highest number. Most often it is the one it was, and no newer one exists.
func newestFile(dir, last, ending string) (string, error) {
	if last != "" {
		var n, width int
		name := strings.TrimSuffix(filepath.Base(last), ending)
		width = len(name)
		if _, err := fmt.Sscanf(name, "%d", &n); err == nil {
			next := filepath.Join(dir, fmt.Sprintf("%0*d%s", width, n+1, ending))
			if _, err := os.Lstat(next); os.IsNotExist(err) {
				if _, err := os.Lstat(last); err == nil {
					return last, nil
				}
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(files) == 0 {
		return "", err
	}
	return slices.Max(files), nil // numbers of equal width sort as names
}
