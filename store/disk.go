package store

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ballastSize is the size of the file that is given up when the disk runs
// full, so that deletion has room to write its tombstones and Badger to
// compact them.
const (
	ballastSize = 16 << 20
	ballastName = "ballast"
)

// maxStore32 is what a 32-bit process lets its store grow to: every file of it
// is mapped, and beyond about 1.8 GB mapping fails for good.
const maxStore32 = 1200 << 20

// disk watches the free space under the store.
type disk struct {
	dir     string
	reserve atomic.Int64 // octets kept free
	log     *slog.Logger
	used    func() int64 // octets of the store's files, as Badger last counted them

	mu    sync.Mutex  // held while the ballast is laid or given up
	laid  atomic.Bool // the ballast is there, or can't be
	free  atomic.Int64
	total atomic.Int64
	full  atomic.Bool

	runwayMu sync.Mutex
	runways  [2]runway // of the value log and of the memory table's log
}

// beforeOpen refuses to open a store on a disk so full that opening it, which
// replays logs and flushes them, could meet the end of it.
func (d *disk) beforeOpen(need int64) error {
	d.look()
	if d.free.Load() < need {
		d.dropBallast()
		d.look()
	}
	if d.free.Load() < need {
		return fmt.Errorf("open store %s: %w: %d MB free, %d MB are needed to start; make room on the card", d.dir, ErrFull, d.free.Load()>>20, need>>20)
	}
	return nil
}

// look measures free space and draws the conclusions. It costs one system
// call.
func (d *disk) look() {
	if d.dir == "" {
		return
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return // keep the last known: a store that can't be seen fails elsewhere
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	d.free.Store(free)
	d.total.Store(int64(st.Blocks) * int64(st.Bsize))
	reserve := d.reserve.Load()
	full := free < reserve
	if strconv.IntSize == 32 && d.used() > maxStore32 {
		full = true
	}
	// Some room must come back before mail is taken again, or the box would
	// change its mind with every message.
	if d.full.Load() && !full && free < reserve+reserve/8 {
		full = true
	}
	if d.full.Swap(full) != full {
		if full {
			d.log.Warn("disk is full: new mail is refused until something is deleted", "free", free, "reserve", reserve)
			d.dropBallast()
		} else {
			d.log.Info("disk has room again: new mail is taken", "free", free)
		}
	}
	if !full && !d.laid.Load() && free > reserve+reserve/8+2*ballastSize {
		d.layBallast()
	}
}

// critical tells that there is so little room that even a small write could
// meet a full disk, which kills the process.
func (d *disk) critical() bool {
	return d.dir != "" && d.free.Load() < d.reserve.Load()/4
}

func (d *disk) describe() string {
	if strconv.IntSize == 32 && d.used() > maxStore32 {
		return fmt.Sprintf("the store has reached the %d MB a 32-bit board can hold; delete mail", maxStore32>>20)
	}
	return fmt.Sprintf("%d MB free, %d MB are kept in reserve; delete mail or use a larger card", d.free.Load()>>20, d.reserve.Load()>>20)
}

func (d *disk) ballast() string { return filepath.Join(d.dir, ballastName) }

func (d *disk) layBallast() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.laid.Store(true)
	if st, err := os.Stat(d.ballast()); err == nil && st.Size() == ballastSize {
		return
	}
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.log.Warn("can't lay the ballast file", "error", err)
		return
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, ballastSize); err != nil {
		os.Remove(d.ballast()) // file systems without it do without ballast
	}
}

func (d *disk) dropBallast() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.laid.Store(false)
	if err := os.Remove(d.ballast()); err == nil {
		d.log.Info("ballast given up to make room for deletion", "bytes", ballastSize)
	}
}

// diskUsage is how many octets of disk the store's files take, which is less
// than their sizes: they have holes.
func (s *Store) diskUsage() int64 {
	if s.opts.Dir == "" {
		return 0
	}
	files, _ := os.ReadDir(s.opts.Dir)
	var sum int64
	for _, f := range files {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(s.opts.Dir, f.Name()), &st) == nil {
			sum += st.Blocks * 512
		}
	}
	return sum
}
