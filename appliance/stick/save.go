package stick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// Names of ours: by the time, so that they sort by age, and what has not got
// its name yet.
var (
	ours   = regexp.MustCompile(`^posthorn-backup-\d{4}-\d\d-\d\d-\d{4}\.age$`)
	broken = regexp.MustCompile(`^posthorn-backup-\d{4}-\d\d-\d\d-\d{4}\.part$`)
)

const nameTime = "posthorn-backup-2006-01-02-1504"

// mounted is a file system that is open.
type mounted struct {
	kind    string // "vfat", "exfat" or "ext4"
	free    int64  // octets there was room for
	root    *os.Root
	sync    func() error // returns when all of it is on its disk
	release func() error // closes it, after sync
}

// Save puts a file of about need octets onto the stick, named by the time, with
// what write writes, and removes the oldest of ours beyond [Keep]. When it
// returns without an error the file is whole and the stick can be taken out;
// else no file was added. Errors: those of this package, and of write.
func (s Stick) Save(ctx context.Context, now time.Time, need int64, write func(io.Writer) error) (name string, err error) {
	m, err := mount(s.device)
	if err != nil {
		return "", s.plain(err)
	}
	name, err = m.save(ctx, now, need, write)
	if err = errors.Join(err, m.release()); err != nil {
		return "", s.plain(err)
	}
	return name, nil
}

// save is Save on a file system that is open.
func (m *mounted) save(ctx context.Context, now time.Time, need int64, write func(io.Writer) error) (string, error) {
	if err := m.remove(broken, 0, ""); err != nil {
		return "", err
	}
	switch {
	case m.kind == "vfat" && need > maxFAT:
		return "", ErrLarge
	case need > m.free:
		return "", fmt.Errorf("%w (about %d KB are needed, %d KB are free)", ErrFull, need/1000, m.free/1000)
	}
	part, name := now.Format(nameTime)+".part", now.Format(nameTime)+".age"
	if err := m.write(ctx, part, write); err != nil {
		m.root.Remove(part) // of a stick that is gone nothing can be removed
		return "", err
	}
	if err := m.root.Rename(part, name); err != nil {
		return "", errors.Join(err, m.root.Remove(part))
	}
	if err := m.sync(); err != nil {
		return "", err
	}
	return name, m.remove(ours, Keep, name)
}

// write makes a file that is on the stick when it returns.
func (m *mounted) write(ctx context.Context, name string, write func(io.Writer) error) error {
	f, err := m.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = write(&steady{ctx: ctx, f: f})
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// steady writes to a file no faster than its disk takes it.
type steady struct {
	ctx     context.Context
	f       *os.File
	waiting int // octets written and not waited for
}

// Write implements io.Writer.
func (s *steady) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.f.Write(p)
	if s.waiting += n; err == nil && s.waiting >= syncEvery {
		s.waiting = 0
		err = s.f.Sync()
	}
	return n, err
}

// remove removes files of a kind but the newest and, though the clock may have
// stood in the past when it was made, the one named.
func (m *mounted) remove(kind *regexp.Regexp, keep int, spare string) error {
	list, err := fs.ReadDir(m.root.FS(), ".") // sorted by name
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !e.Type().IsRegular() || !kind.MatchString(e.Name()) })
	for _, e := range list[:max(0, len(list)-keep)] {
		if e.Name() == spare {
			continue
		}
		if err := m.root.Remove(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// plain turns what Linux says into what happened.
func (s Stick) plain(err error) error {
	is := func(all ...error) bool {
		return slices.ContainsFunc(all, func(e error) bool { return errors.Is(err, e) })
	}
	because := err
	var errno syscall.Errno
	if errors.As(err, &errno) {
		because = errno // without the names of files nobody knows
	}
	_, gone := os.Stat(s.system)
	switch {
	case gone != nil:
		return fmt.Errorf("%w (%w)", ErrGone, because)
	case is(ErrFull, ErrLarge, ErrFormat):
		return err
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return fmt.Errorf("%w (%w)", ErrFull, because)
	case is(syscall.EFBIG):
		return fmt.Errorf("%w (%w)", ErrLarge, because)
	case is(syscall.EROFS):
		return fmt.Errorf("%w (%w)", ErrProtected, because)
	case is(syscall.EPERM, syscall.EACCES, syscall.ENOSYS):
		return fmt.Errorf("%w (%w)", ErrNotAllowed, because)
	case is(syscall.EBUSY):
		return fmt.Errorf("%w (%w)", ErrInUse, because)
	case is(syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.ENOENT):
		return fmt.Errorf("%w (%w)", ErrGone, because)
	}
	return fmt.Errorf("write to the USB stick: %w", err)
}
